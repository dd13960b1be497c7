/**
 * Puts a member together from its options, its world and what its log says, in memory or on disk, real or simulated alike.
 *
 *     log:     snapshot position, hard state, entries behind it
 *     values:  revisions and records, with the index up to which they are applied
 *
 * The values may be ahead of the log's snapshot, never of its entries. Raft is told that the entries up to the applied index
 * need not come again, and starts with the membership as it was there.
 */
import { AlarmBook } from '../apply/alarm-book.js';
import { KvApplier } from '../apply/kv-applier.js';
import { StateMachine } from '../apply/state-machine.js';
import { check } from '../base/check.js';
import { Counters, type LeaseCounters } from '../base/counters.js';
import type { Log } from '../base/log.js';
import { MembershipBook } from '../cluster/book.js';
import { type Member as ClusterMember, encodeContext } from '../cluster/member.js';
import { membershipTexts } from '../cluster/texts.js';
import { LeaseBook, ttlSecondsMin } from '../lease/book.js';
import { Deadlines } from '../lease/deadlines.js';
import { autoCompactor } from '../mvcc/auto-compaction.js';
import type { LoadedCheckpoint } from '../mvcc/index/checkpoint.js';
import { PagedKeyIndex, type PagedKeyIndexOptions } from '../mvcc/index/paged-key-index.js';
import { StoreLoader } from '../mvcc/loader.js';
import { Store, type StoreParts } from '../mvcc/store.js';
import type { ValueStore } from '../mvcc/value-store.js';
import { WatchHub } from '../mvcc/watch/hub.js';
import { defaults } from '../raft/config.js';
import type { Logger } from '../raft/logger.js';
import { emptyConfState, MemoryStorage } from '../raft/memory-storage.js';
import { RawNode } from '../raft/raw-node.js';
import type { ConfState, Entry, HardState } from '../wire/raftpb/types.js';
import { Applier, appliedKey, confStateKey, readRecordedNumber, termKey } from './applier.js';
import { Checkpoints } from './checkpoints.js';
import { ClusterEvents } from './cluster-events.js';
import { decodeConfState } from './conf-state-record.js';
import type { DatabaseDump } from './database-dump.js';
import { Departure } from './departure.js';
import { Downgrades } from './downgrades.js';
import { beginDump } from './dump.js';
import { Duties } from './duties.js';
import { LeaderTransfer } from './leader-transfer.js';
import { LeaseDuties } from './lease-duties.js';
import { Member } from './member.js';
import type { MemberOptions } from './options.js';
import type { Peers } from './peers.js';
import { Reconfiguration } from './reconfiguration.js';
import { loadMembers } from './recorded-members.js';
import { RequestIds } from './request-ids.js';
import { Restoring } from './restoring.js';
import { Roster } from './roster.js';
import { SnapshotSends } from './snapshot-sends.js';
import { StorageVersion } from './storage-version.js';
import { timedDump } from './timed-dump.js';
import type { World } from './world.js';

/** Entries on their way to one follower. More would only wait in buffers: the link is full long before. */
const inflightBytesMax = 64 << 20;
/** Entries that no quorum has yet. What is proposed beyond that waits, and after the request's time it is refused. */
const uncommittedBytesMax = 256 << 20;

/** What the log held at start. */
export interface RecoveredLog {
  readonly snapshot: { readonly index: number; readonly term: number; readonly confState: ConfState | undefined };
  readonly hardState: HardState | undefined;
  readonly entries: readonly Entry[];
}

export const emptyLog: RecoveredLog = {
  snapshot: { index: 0, term: 0, confState: undefined },
  hardState: undefined,
  entries: [],
};

export interface Assembled {
  /** The whole state as it is now; undefined while a snapshot takes its place. */
  beginDump(): DatabaseDump | undefined;
  readonly log: Log;
  readonly options: MemberOptions;
  readonly counters: Counters;
  readonly member: Member;
  readonly store: Store;
  readonly kv: KvApplier;
  readonly leases: LeaseBook;
  readonly deadlines: Deadlines;
  readonly leaseDuties: LeaseDuties;
  readonly alarms: AlarmBook;
  readonly members: MembershipBook;
  readonly events: ClusterEvents;
  readonly departure: Departure;
  readonly storageVersion: StorageVersion;
  readonly reconfiguration: Reconfiguration;
  readonly transfer: LeaderTransfer;
  readonly downgrades: Downgrades;
  readonly hub: WatchHub;
  readonly ids: RequestIds;
  readonly checkpoints: Checkpoints;
  readonly restoring: Restoring;
  readonly duties: Duties;
  readonly storage: MemoryStorage;
  readonly peers: Peers;
}

export interface AssemblyParts {
  /** Where the member counts what it does; it has counters of its own without. */
  readonly counters?: Counters;
  readonly world: World;
  readonly log: Log;
  readonly recovered: RecoveredLog;
  /** The key index as it once was, where it was kept. */
  readonly keptIndex?: LoadedCheckpoint | undefined;
  /** The first members, for a log that has nothing yet; none where the log comes from a leader. */
  readonly founders: () => readonly ClusterMember[];
  /** Whom to talk to until the log says who the members are. */
  readonly known?: readonly ClusterMember[];
  /** How the key index takes its memory, where millions of keys are not expected. */
  readonly index?: PagedKeyIndexOptions;
}

export function assemble(options: MemberOptions, parts: AssemblyParts): Assembled {
  const recovered = whole(parts.recovered);
  const { world, log, counters = new Counters() } = parts;
  const { values } = world;
  const leases = new LeaseBook(
    values,
    ttlSecondsMin(Math.floor(options.electionMs / options.heartbeatMs), options.heartbeatMs),
  );
  const { keptIndex } = parts;
  const newIndex = () => new PagedKeyIndex(parts.index);
  const index = keptIndex?.index ?? newIndex();
  const store = loadStore({ index, values, leases, counters: counters.mvcc }, leases, options, keptIndex?.revision);
  countLeases(leases, counters.lease);
  const deadlines = new Deadlines(leases, () => world.nowMs());
  const members = new MembershipBook(options.learnersMax);
  loadMembers(values, members);
  refuseTooManyLearners(members, options.learnersMax);
  const alarms = new AlarmBook(values);
  const kv = new KvApplier(store, options.quotaBytes);
  const persistCheckpoints = options.leaseCheckpointPersist;
  const machine = new StateMachine({ store, kv, leases, alarms, members, persistCheckpoints });

  const applied = appliedPosition(values, recovered);
  const roster = new Roster(options.memberId, members, world.peers);
  const departure = new Departure(log, () => world.nowMs());
  const storageVersion = new StorageVersion(options, { values, members, log });
  const events = new ClusterEvents(options, { members, roster, departure, storageVersion, log });
  const applier = new Applier({ machine, members, values, events }, applied);
  const storage = raftStorage(recovered, applied);
  const node = new RawNode({
    ...defaults,
    id: options.memberId,
    electionTicks: Math.floor(options.electionMs / options.heartbeatMs),
    storage,
    random: (below) => world.random(below),
    applied: applied.index,
    asyncStorageWrites: true,
    maxMessageBytes: 1 << 20,
    maxInflightBytes: inflightBytesMax,
    maxUncommittedBytes: uncommittedBytesMax,
    checkQuorum: true,
    preVote: options.preVote,
    logger: raftLogger(log.named('raft')),
  });
  const timed = (dump: DatabaseDump) => timedDump(dump, () => world.nowMs(), counters.disk.snapshotSeconds);
  const snapshotSends = new SnapshotSends({
    world,
    applier,
    log,
    beginDump: () => timed(beginDump(values, { ...applier.position, revision: store.revision })),
    report: (to, arrived) => member.snapshotSent(to, arrived),
  });
  const ids = new RequestIds(options.memberId, world.wallMs());
  const checkpoints: Checkpoints = new Checkpoints(options, {
    world,
    state: applier,
    storage,
    snapshotIndex: recovered.snapshot.index,
    persistSnapshot: (snapshot, durable) => member.persistSnapshot(snapshot, durable),
    commitSeconds: counters.disk.commitSeconds,
    neededAfter: () => Math.min(member.neededAfter(), snapshotSends.neededAfter()),
  });
  const hub = new WatchHub(store);
  store.listener = hub;
  const restoring = new Restoring({
    world,
    log,
    checkpoints,
    applier,
    store,
    newIndex,
    leases,
    alarms,
    members,
    hub,
    events,
    counters: counters.server,
  });
  const member: Member = new Member(options, {
    world,
    node,
    storage,
    applier,
    members,
    checkpoints,
    restoring,
    snapshotSends,
    ids,
    log,
    counters: counters.server,
  });
  roster.introduce(parts.known ?? []);
  events.loaded();
  if (storage.lastIndex() === 0 && recovered.hardState === undefined) bootstrap(node, parts.founders());
  const leaseDuties = new LeaseDuties({
    member,
    log,
    leases,
    deadlines,
    times: options,
    checkpointMs: options.leaseCheckpointMs,
  });
  const reconfiguration = new Reconfiguration(
    { member, world, log, members, counters: counters.server },
    options.strictReconfigCheck,
  );
  const transfer = new LeaderTransfer({ member, members, peers: world.peers, log });
  const duties = new Duties(options, {
    member,
    world,
    log,
    store,
    restoring,
    leases: leaseDuties,
    deadlines,
    alarms,
    members,
    reconfiguration,
    transfer,
    departure,
    autoCompactor: autoCompactor(options.autoCompaction),
  });
  member.listen(duties);
  return {
    beginDump() {
      if (restoring.active) return undefined;
      const { applied: index, appliedTerm: term, confState } = applier;
      return timed(beginDump(values, { index, term, confState, revision: store.revision }));
    },
    log,
    options,
    counters,
    member,
    store,
    kv,
    leases,
    deadlines,
    leaseDuties,
    alarms,
    members,
    events,
    departure,
    storageVersion,
    reconfiguration,
    transfer,
    downgrades: new Downgrades(member, members),
    hub,
    ids,
    checkpoints,
    restoring,
    duties,
    storage,
    peers: world.peers,
  };
}

/** `--max-learners` counts for those that are there, too. */
function refuseTooManyLearners(members: MembershipBook, max: number): void {
  if (members.list().filter(({ isLearner }) => isLearner).length <= max) return;
  throw new Error(membershipTexts.tooManyLearners);
}

/** Leases found at the start were granted before: they are counted by nobody. */
function countLeases(book: LeaseBook, counters: LeaseCounters): void {
  book.follow({
    granted(slot) {
      counters.granted++;
      counters.ttlSeconds.observe(book.ttlSecondsOf(slot));
    },
    revoked: () => counters.revoked++,
    restored() {},
  });
}

/** `indexed`: the revision up to which the index is complete. */
function loadStore(parts: StoreParts, leases: LeaseBook, options: MemberOptions, indexed: number | undefined): Store {
  const { compactionBatchLimit, compactionSleepMs } = options;
  const store = new Store(parts, { compactionBatchLimit, compactionSleepMs });
  leases.restore();
  const loader = new StoreLoader(store, indexed);
  while (!loader.step(Number.POSITIVE_INFINITY));
  return store;
}

/**
 * A hard state is written behind the first entries, in one write with them. Where it is missing, that write was torn: nobody
 * was told of what is there of it, and the member begins anew.
 */
function whole(recovered: RecoveredLog): RecoveredLog {
  return recovered.hardState === undefined ? { ...recovered, entries: [] } : recovered;
}

function appliedPosition(values: ValueStore, { snapshot, entries }: RecoveredLog) {
  const index = readRecordedNumber(values, appliedKey);
  const recorded = values.getRecord('meta', confStateKey);
  const last = entries.at(-1)?.index ?? snapshot.index;
  check(index >= snapshot.index, 'the values hold all that the log has forgotten');
  check(index <= last, 'the values are never ahead of the log');
  return {
    index,
    term: readRecordedNumber(values, termKey),
    confState: recorded === undefined ? (snapshot.confState ?? emptyConfState) : decodeConfState(recorded),
  };
}

/** The log as raft reads it, with the membership as of the applied index: only what comes after is applied again. */
function raftStorage(
  recovered: RecoveredLog,
  applied: { readonly index: number; readonly confState: ConfState },
): MemoryStorage {
  const storage = new MemoryStorage();
  const { index, term } = recovered.snapshot;
  storage.applySnapshot({ data: new Uint8Array(0), metadata: { index, term, confState: applied.confState } });
  storage.append(recovered.entries);
  const { hardState } = recovered;
  if (hardState !== undefined && hardState.term > 0) {
    // What is applied was committed, though the log may not have been told so before the end.
    storage.setHardState({ ...hardState, commit: Math.max(hardState.commit, applied.index) });
  }
  return storage;
}

function bootstrap(node: RawNode, founders: readonly ClusterMember[]): void {
  if (founders.length === 0) return;
  const peers = founders.map((member) => ({
    id: member.id,
    context: encodeContext({ member, isPromote: false }),
  }));
  const refused = node.bootstrap(peers);
  check(refused === undefined, refused ?? '');
}

function raftLogger(log: Log): Logger {
  return {
    debug: (line) => log.debug(line),
    info: (line) => log.info(line),
    warning: (line) => log.warn(line),
    error: (line) => log.error(line),
  };
}
