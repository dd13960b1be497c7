/** All services of a member, by the paths of their methods. */

import type { Chores } from '../base/chores.js';
import type { LeaseId } from '../base/ids.js';
import { type Digest, Sha256 } from '../base/sha256.js';
import { LeaseDesk } from '../lease/desk.js';
import type { Assembled } from '../member/assembly.js';
import { CorruptionChecker } from '../member/corruption.js';
import { corruptionTimers } from '../member/corruption-timer.js';
import type { ReadWaiter } from '../member/front.js';
import type { KvHashing } from '../member/kv-hashing.js';
import { PeerLeaderDesk } from '../member/leader-desk.js';
import type { Services } from '../wire/grpc/service.js';
import { Answers } from './answers.js';
import { clusterMethods } from './cluster.js';
import { clusterMaintenanceMethods } from './cluster-maintenance.js';
import { electionMethods } from './election.js';
import { Health } from './health.js';
import { kvMethods } from './kv.js';
import { LeaderWatch } from './leader-watch.js';
import { type LeasePermits, leaseMethods } from './lease.js';
import { lockMethods } from './lock.js';
import { type Keeper, maintenanceMethods } from './maintenance.js';
import { notYetMethods } from './not-yet.js';
import { ServedMethod, Waiting } from './served-method.js';
import { snapshotMethods } from './snapshot.js';
import { WatchMethod, watchMethods } from './watch.js';

export interface ServiceOptions {
  readonly maxTxnOps: number;
  readonly progressNotifyMs: number;
  random(below: number): number;
  /** A new SHA-256, where there is a quicker one than the core's. */
  sha256?(): Digest;
}

export interface MemberServices {
  readonly services: Services;
  readonly watch: WatchMethod;
  readonly health: Health;
  /** Where leases are renewed and asked about, by clients and by other members. */
  readonly desk: LeaseDesk;
  readonly hashing: KvHashing;
  readonly corruption: CorruptionChecker;
}

/** While there is no auth, everybody may do everything. */
const noAuth: LeasePermits = { anyUser: () => undefined, write: () => undefined, read: () => undefined };

export function memberServices(
  assembled: Assembled,
  chores: Chores,
  keeper: Keeper,
  options: ServiceOptions,
): MemberServices {
  const { member, store, kv, hub, members, duties, leases, deadlines, ids, counters } = assembled;
  const { maxRequestBytes } = assembled.options;
  const { log, reconfiguration, transfer, downgrades } = assembled;
  const answers = new Answers(member);
  const { maxTxnOps, progressNotifyMs, random } = options;
  const watch = new WatchMethod(
    { front: member, hub, permit: () => undefined, random },
    { maxRequestBytes, progressNotifyMs },
  );
  const outOfSpace = () => duties.outOfSpace();
  const room = { hasRoom: (cost: number) => kv.hasRoom(cost), outOfSpace };
  const nextLeaseId = () => ids.nextLeaseId();
  const desk = leaseDesk(assembled, chores);
  const contest = { answers, store, hub, room, nextLeaseId };
  const health = new Health(log, assembled.options.stopServingOnDefrag);
  const services = new Map([
    ...notYetMethods,
    ...kvMethods({ answers, store, kv, chores, maxTxnOps, maxRequestBytes, outOfSpace, counters: counters.server }),
    ...watchMethods(watch),
    ...clusterMethods({ answers, members, changes: reconfiguration }),
    ...maintenanceMethods(answers, keeper, health),
    ...snapshotMethods({
      answers,
      chores,
      log,
      beginDump: () => assembled.beginDump(),
      storageVersion: () => keeper.storageVersion ?? '',
      sha256: options.sha256 ?? (() => new Sha256()),
    }),
    ...clusterMaintenanceMethods({ answers, log, transfer, downgrades, clusterVersion: () => members.version }),
    ...leaseMethods({ answers, book: leases, deadlines, desk, permits: noAuth, room, nextLeaseId }),
    ...lockMethods(contest),
    ...electionMethods(contest),
    ...health.methods(),
  ]);
  const corruption = corruptionChecker(assembled, keeper);
  for (const timer of corruptionTimers(assembled, corruption)) chores.wake(timer);
  const leaders = new LeaderWatch(member, assembled.options.electionMs);
  member.onTick((nowMs) => leaders.tick(nowMs));
  const { restoring } = assembled;
  restoring.follow({ began: () => chores.pause(), ended: () => chores.resume() });
  const whole = { restoring, leaders, waiting: new Waiting() };
  const served = [...services].map(([path, method]) => [path, new ServedMethod(method, whole)] as const);
  return { services: new Map(served), watch, health, desk, hashing: keeper, corruption };
}

function corruptionChecker({ member, members, peers, log, store }: Assembled, hashing: KvHashing): CorruptionChecker {
  const { memberId, clusterId, requestTimeoutMs } = member;
  const compactionHashes = () => store.hashes.all;
  const asks = { memberId, clusterId, members, peers, log, requestTimeoutMs };
  return new CorruptionChecker({ ...asks, front: member, hashing, compactionHashes });
}

function leaseDesk({ member, leases, deadlines, leaseDuties, peers, options }: Assembled, chores: Chores): LeaseDesk {
  const { requestTimeoutMs } = member;
  const leadsHere = () => deadlines.leading;
  const leader = new PeerLeaderDesk({ front: member, peers, chores, requestTimeoutMs, leadsHere });
  const desk = new LeaseDesk({
    book: leases,
    deadlines,
    catchUp: member,
    leader,
    proof: leaseDuties.leadership,
    alwaysCatchUp: !options.fastLeaseKeepAlive,
    ...(leaseDuties.checkpoints && {
      forgetCheckpoint: (id: LeaseId, waiter: ReadWaiter) => leaseDuties.forgetCheckpoint(id, waiter),
      mayBeWritingDown: () => leaseDuties.mayBeWritingDown,
    }),
  });
  leader.answerHere(desk);
  return desk;
}
