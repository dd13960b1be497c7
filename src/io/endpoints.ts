/** The HTTP endpoints of a running member: what they show is read from it when they are asked. */

import { utf8 } from '../base/bytes.js';
import type { Counters } from '../base/counters.js';
import { idToHex, noMember } from '../base/ids.js';
import type { Log } from '../base/log.js';
import { AlarmType } from '../gen/etcdserverpb/rpc_pb.js';
import type { AccessRules } from '../http/access.js';
import { type ClientPort, clientHandler, metricsHandler, versionRoute } from '../http/client-port.js';
import { etcdFamilies } from '../http/etcd-metrics.js';
import { hashKvHandler } from '../http/hash-kv-peers.js';
import { HealthCounters } from '../http/health.js';
import type { HealthProbe } from '../http/health-probe.js';
import { leasePeerRoutes } from '../http/lease-peers.js';
import type { Handler } from '../http/message.js';
import { peerRoutes } from '../http/peer-port.js';
import { processFamilies } from '../http/process-metrics.js';
import { router } from '../http/router.js';
import type { Assembled } from '../member/assembly.js';
import { hashKvPath } from '../member/peer-hashes.js';
import type { MemberServices } from '../rpc/services.js';
import { errors } from '../wire/errors.js';
import { readFigures } from './member-figures.js';
import { fdLimit, processFigures } from './process-figures.js';

export interface EndpointOptions {
  readonly rules: AccessRules;
  readonly log: Log;
  readonly counters: Counters;
  readonly extensiveMetrics: boolean;
  readonly argv: readonly string[];
  readonly features: readonly (readonly [name: string, stage: string, on: boolean])[];
}

export interface Endpoints {
  readonly client: Handler;
  readonly metrics: Handler;
  readonly peer: Handler;
}

export function endpointsOf(assembled: Assembled, services: MemberServices, options: EndpointOptions): Endpoints {
  const { member, members, reconfiguration, storageVersion } = assembled;
  const { counters, log } = options;
  const { desk, hashing } = services;
  const process = processFigures();
  const identity = {
    memberId: idToHex(member.memberId),
    clusterVersion: () => members.version,
    knownPeers: () => members.list().map(({ id }) => idToHex(id)),
    features: () => options.features,
    alarms: () =>
      assembled.alarms
        .list(AlarmType.NONE)
        .map(({ memberId, alarm }) => [idToHex(memberId), AlarmType[alarm] ?? ''] as const),
  };
  const port: ClientPort = {
    probe: probeOf(assembled),
    health: new HealthCounters(),
    log: options.log,
    versions: () => ({ cluster: members.version, storage: storageVersion.current }),
    families() {
      readFigures(assembled, counters);
      return [...etcdFamilies(counters, identity, options.extensiveMetrics), ...processFamilies(process())];
    },
    vars: () => ({
      cmdline: options.argv,
      file_descriptor_limit: fdLimit(),
      'raft.status': raftStatus(assembled),
    }),
  };
  return {
    client: clientHandler(port, options.rules),
    metrics: metricsHandler(port),
    peer: router(
      new Map([
        versionRoute(port),
        ...leasePeerRoutes({ desk, catchUp: member }),
        [hashKvPath, hashKvHandler({ clusterId: member.clusterId, hashing, log })] as const,
        ...peerRoutes({
          clusterId: member.clusterId,
          log: options.log,
          members: () => members.list(),
          promote: (id, token, waiter) => reconfiguration.promote(id, token, waiter),
          readIndex: (waiter) => member.readIndex(waiter),
          downgradeEnabled: () => members.downgrade.enabled,
        }),
      ]),
    ),
  };
}

function probeOf({ member, members, alarms, store, restoring }: Assembled): HealthProbe {
  const someKey = utf8('health');
  return {
    alarms: () => alarms.list(0).map(({ alarm }) => alarm),
    hasLeader: () => member.leader !== noMember,
    isLearner: () => members.member(member.memberId)?.isLearner === true,
    read(consistency, done) {
      const read = () => {
        store.get(someKey);
        done(undefined);
      };
      if (consistency === 'serializable') return restoring.whenWhole(read);
      member.readIndex({ confirmed: read, failed: (error) => done(errors[error].text) });
    },
  };
}

function raftStatus({ member }: Assembled) {
  const { id, hardState, softState, applied, progress, leadTransferee } = member.node.status();
  const followers = progress.map(({ id: peer, match, next, state }) => [
    idToHex(peer),
    { match, next, state: `State${capitalized(state)}` },
  ]);
  return {
    id: idToHex(id),
    term: hardState.term,
    vote: idToHex(hardState.vote),
    commit: hardState.commit,
    lead: idToHex(softState.lead),
    raftState: `State${capitalized(softState.role)}`,
    applied,
    progress: Object.fromEntries(followers),
    leadtransferee: idToHex(leadTransferee),
  };
}

const capitalized = (word: string) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
