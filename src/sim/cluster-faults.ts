/**
 * Faults that can be planted into a simulated cluster, each one a rule of replication broken: by them the judge of clusters is judged.
 * They live in the simulated world alone, as patches on what a process is made of; production code knows nothing of them.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type LeaseId, noMember } from '../base/ids.js';
import type { Random } from '../base/random.js';
import { LeaseRevokeRequestSchema, WatchResponseSchema } from '../gen/etcdserverpb/rpc_pb.js';
import { requestField } from '../member/front.js';
import { newMessage } from '../raft/index.js';
import type { RecordingCall } from '../rpc/recording-call.js';
import { messageType } from '../wire/raftpb/types.js';
import { type Fault, faults } from './faults.js';
import type { SimHost } from './host.js';
import type { SimNetwork } from './network.js';

/** What each does to a process as it begins. */
const plants = {
  /** A leader counts as held by all what it has only sent. */
  ackedBeforeQuorum(host) {
    const { node } = host.assembled.member;
    after(host, 'endTurn', () => {
      const { raft } = node;
      if (raft.role !== 'leader') return;
      for (const { id } of raft.tracker.progresses) {
        if (id === raft.id) continue;
        const forged = newMessage(messageType.appResp, raft.id);
        node.step({ ...forged, from: id, term: raft.term, index: raft.log.lastIndex() });
      }
    });
  },
  /** A member that thinks it leads answers reads from what it has. */
  staleReads({ assembled: { member } }) {
    const { readIndex } = member;
    member.readIndex = (waiter) => (member.isLeader ? waiter.confirmed() : readIndex.call(member, waiter));
  },
  /** Leases are not among what comes with a snapshot. */
  leasesNotInSnapshot({ databases }) {
    databases.tamper = (values) => values.scanRecords('lease', (key) => values.deleteRecord('lease', key));
  },
  /** Watchers are not told of what a snapshot skipped. */
  watchSkipsSnapshot({ assembled: { hub } }) {
    hub.restored = () => {};
  },
  /** A follower ends leases by its own clock, which no renewal has reached. */
  followerExpires(host) {
    const { member, leases } = host.assembled;
    const seenMs = new Map<LeaseId, number>();
    after(host, 'tick', () => {
      if (member.isLeader) return;
      for (let slot = 0; slot < leases.slotsEnd; slot++) {
        const id = leases.idOf(slot);
        if (id === 0n) continue;
        const sinceMs = seenMs.get(id) ?? host.clockMs;
        seenMs.set(id, sinceMs);
        if (host.clockMs < sinceMs + leases.ttlSecondsOf(slot) * 1000) continue;
        seenMs.set(id, Number.POSITIVE_INFINITY);
        const bytes = toBinary(LeaseRevokeRequestSchema, create(LeaseRevokeRequestSchema, { ID: id }));
        member.propose(requestField.leaseRevoke, bytes, 0, bytes.length, { applied() {}, failed() {} });
      }
    });
  },
  /** Nobody ends leases. */
  neverExpires({ assembled: { leaseDuties } }) {
    leaseDuties.tick = () => {};
  },
  /** Now and then a change of members passes a member by. */
  confChangeLost({ assembled: { member } }, random) {
    const { node } = member;
    const { applyConfChange } = node;
    node.applyConfChange = (change) =>
      applyConfChange.call(node, 'nodeId' in change && random.oneIn(6) ? { ...change, nodeId: noMember } : change);
  },
  /** A member renews leases that another one looks after. */
  keepAliveByFollower({ assembled: { leases, deadlines }, offered: { desk } }) {
    const { renew } = desk;
    desk.renew = (id, waiter) => {
      const slot = leases.slotOf(id);
      if (deadlines.leading || slot < 0) renew.call(desk, id, waiter);
      else waiter.renewed(leases.ttlSecondsOf(slot));
    };
  },
  /** A request that is refused is done all the same. */
  refusedButDone({ assembled: { member } }, random) {
    const { propose } = member;
    member.propose = (field, bytes, start, end, waiter) => {
      const refused = random.oneIn(40);
      if (refused) waiter.failed('tooManyRequests');
      propose.call(member, field, bytes, start, end, refused ? { applied() {}, failed() {} } : waiter);
    };
  },
  /** What a watch is sent gets lost now and then. */
  watchLosesEvents(host, random) {
    onWatches(host, (message) => (random.oneIn(20) ? undefined : message));
  },
  /** Progress is told before it is made. */
  progressTooEarly(host) {
    onWatches(host, (message) => {
      const answer = fromBinary(WatchResponseSchema, message);
      const { header, created, canceled, events } = answer;
      if (created || canceled || events.length > 0 || header === undefined) return message;
      header.revision += 1n;
      return toBinary(WatchResponseSchema, answer);
    });
  },
  /** One member keeps another value than it was given. */
  bitFlipped({ values }, random) {
    const { append } = values;
    values.append = (main, sub, tombstone, value) => {
      const kept = value.slice();
      if (random.oneIn(200)) kept[kept.length - 1] = (kept[kept.length - 1] as number) ^ 1;
      append.call(values, main, sub, tombstone, kept);
    };
  },
} as const satisfies Record<string, (host: SimHost, random: Random) => void>;

/** What each does to the network. */
const tamperings = {
  /** A proposal that is forwarded arrives twice. */
  proposalDoubled(network) {
    network.tampering.arrives = (message) => (message.type === messageType.prop ? [message, message] : [message]);
  },
  /** A snapshot says that it holds one entry more than it does. */
  snapshotTooNew(network) {
    network.tampering.arrives = (message) => {
      const { snapshot } = message;
      if (snapshot === undefined) return [message];
      const metadata = { ...snapshot.metadata, index: snapshot.metadata.index + 1 };
      return [{ ...message, snapshot: { ...snapshot, metadata } }];
    };
  },
} as const satisfies Record<string, (network: SimNetwork) => void>;

type Plant = keyof typeof plants;
type Tampering = keyof typeof tamperings;
const isPlant = (fault: string): fault is Plant => Object.hasOwn(plants, fault);
const isTampering = (fault: string): fault is Tampering => Object.hasOwn(tamperings, fault);

export type ClusterFault = Plant | Tampering | Fault;

export const clusterFaults: readonly ClusterFault[] = [
  ...Object.keys(plants).filter(isPlant),
  ...Object.keys(tamperings).filter(isTampering),
  'reportedBeforeDurable',
  'hardStateForgotten',
  'voteForgotten',
  'lastEntryForgotten',
  'leasesLost',
  'clockTooFast',
];

/** What of it is a machine's. */
export function worldFault(fault: ClusterFault): Fault {
  return fault === 'voteForgotten' ? fault : (faults.find((each) => each === fault) ?? 'none');
}

export function plant(fault: ClusterFault, host: SimHost, random: Random): void {
  if (isPlant(fault)) plants[fault](host, random);
}

export function tamper(fault: ClusterFault, network: SimNetwork): void {
  if (isTampering(fault)) tamperings[fault](network);
}

function after(host: SimHost, when: 'endTurn' | 'tick', act: () => void): void {
  if (when === 'tick') {
    const { tick } = host;
    host.tick = () => {
      tick.call(host);
      act();
    };
  } else {
    const { endTurn } = host;
    host.endTurn = () => {
      act();
      return endTurn.call(host);
    };
  }
}

/** Changes what watches are sent. */
function onWatches(host: SimHost, change: (message: Uint8Array) => Uint8Array | undefined): void {
  const { call } = host;
  host.call = (path, headers) => {
    const made = call.call(host, path, headers);
    if (path.endsWith('/Watch')) changeSent(made, change);
    return made;
  };
}

function changeSent(call: RecordingCall, change: (message: Uint8Array) => Uint8Array | undefined): void {
  const { send } = call;
  call.send = (message, start = 0, end = message.length) => {
    const changed = change(message.slice(start, end));
    if (changed !== undefined) send.call(call, changed);
  };
}
