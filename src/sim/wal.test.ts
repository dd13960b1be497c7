// Proves: whatever call the power fails at, a log holds every batch that was reported durable, whole and in order, holds nothing
// that was not appended, and can be appended to again.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { equalBytes } from '../base/bytes.js';
import { crc32c } from '../base/crc32c.js';
import type { ClusterId, MemberId } from '../base/ids.js';
import { Random } from '../base/random.js';
import { forSeeds } from '../base/seeds.js';
import type { ConfState, Entry, HardState, Snapshot } from '../wire/raftpb/types.js';
import type { WalBatch } from '../wire/wal/batch.js';
import { DiskFailure } from '../wire/wal/disk.js';
import { createWal, type OpenWal, openWal, walExists } from '../wire/wal/open.js';
import { metadataBytes } from '../wire/wal/records.js';
import { WalWriter } from '../wire/wal/writer.js';
import { SimCrash, SimDisk } from './disk.js';

const directory = '/data/wal';
const segmentBytes = 4096;
const metadata = metadataBytes({ memberId: 7n as MemberId, clusterId: 9n as ClusterId });
const confState: ConfState = {
  voters: [7n as MemberId],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

/** What a member that starts from the log is given. */
interface State {
  /** Of the last entry or snapshot written, and of the last snapshot, committed or not: what a later state rests on. */
  lastIndex: number;
  lastSnapshot: number;
  snapshotIndex: number;
  hardState: HardState;
  entries: Entry[];
}

type LogRecord =
  | { readonly kind: 'entry'; readonly entry: Entry }
  | { readonly kind: 'state'; readonly state: HardState }
  | { readonly kind: 'snapshot'; readonly index: number };

/** All that was appended, record by record, and how much of it was reported durable: too plain to be wrong. */
class Oracle {
  records: LogRecord[] = [];
  /** For each batch that must be durable and was not yet reported, how many records there were with it. */
  waiting: (number | undefined)[] = [];
  durable = 0;

  append(batch: WalBatch): void {
    if (batch.snapshot !== undefined) this.records.push({ kind: 'snapshot', index: batch.snapshot.metadata.index });
    for (const entry of batch.entries) this.records.push({ kind: 'entry', entry });
    if (batch.hardState !== undefined) this.records.push({ kind: 'state', state: batch.hardState });
    this.waiting.push(batch.mustSync ? this.records.length : undefined);
  }

  persisted(batches: number): void {
    for (const records of this.waiting.splice(0, batches)) this.durable = records ?? this.durable;
  }

  /** The log is what `count` records make it: the process that is gone appended no more than these. */
  settle(count: number): void {
    this.records.length = count;
    this.durable = count;
    this.waiting = [];
  }

  state(count: number): State {
    const hardState = this.records.slice(0, count).findLast((record) => record.kind === 'state')?.state;
    const commit = hardState?.commit ?? 0;
    let snapshotIndex = 0;
    let lastIndex = 0;
    let lastSnapshot = 0;
    for (const record of this.records.slice(0, count)) {
      if (record.kind === 'entry') lastIndex = record.entry.index;
      if (record.kind !== 'snapshot') continue;
      lastSnapshot = record.index;
      lastIndex = Math.max(lastIndex, record.index);
      if (record.index <= commit) snapshotIndex = record.index;
    }
    let live: Entry[] = [];
    for (const record of this.records.slice(0, count))
      if (record.kind === 'entry') live = [...live.filter(({ index }) => index < record.entry.index), record.entry];
    const entries = live.filter(({ index }) => index > snapshotIndex);
    // Above a snapshot that is not committed: of no use without it.
    const gap = entries.findIndex(({ index }, at) => index !== snapshotIndex + at + 1);
    if (gap >= 0) entries.length = gap;
    const none: HardState = { term: 0, vote: 0n as MemberId, commit: 0 };
    return { lastIndex, lastSnapshot, snapshotIndex, hardState: hardState ?? none, entries };
  }

  /** How many records make the log that was read: at least all durable ones. */
  match(wal: OpenWal): number {
    const { hardState, entries } = wal;
    const { lastIndex } = wal.tail;
    const lastSnapshot = wal.snapshots.at(-1)?.index ?? 0;
    const read = { lastIndex, lastSnapshot, snapshotIndex: wal.snapshot.index, hardState, entries };
    for (let count = this.records.length; count >= this.durable; count--)
      if (same(read, this.state(count))) return count;
    const wanted = this.records.slice(this.durable - 1).map((_, i) => brief(this.state(this.durable + i)));
    throw new Error(`read ${brief(read)}, and none of ${wanted.join(' | ')}`);
  }
}

function brief({ snapshotIndex, hardState, entries }: State): string {
  const ends = entries.map(({ term, index }) => `${term}.${index}`);
  return `snapshot ${snapshotIndex} term ${hardState.term} commit ${hardState.commit} [${ends.join(' ')}]`;
}

function same(a: State, b: State): boolean {
  if (a.snapshotIndex !== b.snapshotIndex || a.entries.length !== b.entries.length) return false;
  if (a.lastIndex !== b.lastIndex || a.lastSnapshot !== b.lastSnapshot) return false;
  if (a.hardState.term !== b.hardState.term || a.hardState.commit !== b.hardState.commit) return false;
  return a.entries.every((entry, i) => {
    const other = b.entries[i] as Entry;
    const equalHead = entry.index === other.index && entry.term === other.term && entry.type === other.type;
    return equalHead && equalBytes(entry.data, other.data);
  });
}

/** A member's raft, as far as its log can tell: appends, is overruled, commits, takes snapshots and receives them. */
class Workload {
  constructor(
    readonly random: Random,
    public term: number,
    public last: number,
    public commit: number,
    readonly zeroes = true,
  ) {}

  next(): WalBatch {
    const { random } = this;
    const kind = random.below(10);
    if (kind === 0) {
      this.commit += random.below(this.last - this.commit + 1);
      return { entries: [], hardState: this.#state(), snapshot: undefined, mustSync: false };
    }
    if (kind === 1 && this.commit > 0)
      return { entries: [], hardState: undefined, snapshot: this.#snapshot(this.commit), mustSync: true };
    if (kind === 2 && random.oneIn(3)) {
      this.last += 1 + random.below(5);
      this.commit = this.last;
      const snapshot = this.#snapshot(this.last);
      return { entries: random.oneIn(2) ? this.#entries() : [], hardState: this.#state(), snapshot, mustSync: true };
    }
    if (kind === 3) {
      this.term++;
      this.last = this.commit + random.below(this.last - this.commit + 1);
    }
    const entries = this.#entries();
    if (random.oneIn(3)) this.commit += random.below(this.last - this.commit + 1);
    return { entries, hardState: random.oneIn(2) ? this.#state() : undefined, snapshot: undefined, mustSync: true };
  }

  #entries(): Entry[] {
    const { random } = this;
    const entries: Entry[] = [];
    for (let i = 1 + random.below(3); i > 0; i--) {
      const data = random.bytes(random.oneIn(4) ? 0 : random.below(random.oneIn(5) ? 1500 : 200));
      // A run of zeroes is what a lost sector looks like.
      if (this.zeroes && random.oneIn(10)) data.fill(0);
      entries.push({ type: 0, term: this.term, index: ++this.last, data });
    }
    return entries;
  }

  #state(): HardState {
    return { term: this.term, vote: 7n as MemberId, commit: this.commit };
  }

  #snapshot(index: number): Snapshot {
    return { data: new Uint8Array(0), metadata: { confState, index, term: this.term } };
  }
}

function open(disk: SimDisk): OpenWal {
  const options = { disk, directory, checksum: crc32c, segmentBytes };
  if (!walExists(disk, directory)) return createWal(options, metadata);
  const opening = openWal(options);
  if (!opening.ok) throw new Error(opening.refusal.text);
  return opening.wal;
}

/** One life of a process: opens, compares with the oracle, appends `batches` times. Ends well or in a `SimCrash`. */
function live(disk: SimDisk, oracle: Oracle, random: Random, batches: number, zeroes = true): void {
  const wal = open(disk);
  const count = oracle.match(wal);
  deepEqual([...wal.tail.metadata], [...metadata]);
  const { hardState, entries, snapshot } = wal;
  const last = entries.at(-1)?.index ?? snapshot.index;
  ok(hardState.commit <= last, 'what is committed is there');
  const workload = new Workload(random, hardState.term + 1, last, hardState.commit, zeroes);
  const persisted = (count: number) => oracle.persisted(count);
  const failed = (failure: Error) => {
    throw failure;
  };
  const writer = new WalWriter(wal.tail, { disk, checksum: crc32c, persisted, failed, segmentBytes });
  // Only now: what a killed process left is readable before it is durable.
  oracle.settle(count);
  for (let i = 0; i < batches; i++) {
    const batch = workload.next();
    oracle.append(batch);
    writer.append(batch);
    for (let turns = random.below(4); turns > 0; turns--) disk.turn();
    if (random.oneIn(6)) while (disk.turn());
    if (!random.oneIn(4)) continue;
    writer.release(oracle.state(oracle.durable).snapshotIndex);
    writer.purge(1 + random.below(3), (name, failure) => equal(failure, undefined, name));
  }
  let closed = false;
  writer.close(() => {
    closed = true;
  });
  while (disk.turn());
  ok(closed, 'a log that is closed ends');
  equal(oracle.waiting.length, 0, 'all batches were reported');
}

function newDisk(random: Random): SimDisk {
  const disk = new SimDisk(random);
  disk.makeDirectoryNow('/data');
  disk.syncDirectoryNow('/');
  return disk;
}

/** Lives until the power fails at `call`; true when it did. */
function crashAt(disk: SimDisk, oracle: Oracle, random: Random, call: number, batches: number): boolean {
  disk.crashAtCall = disk.calls + call;
  try {
    live(disk, oracle, random, batches);
    disk.crashAtCall = Number.POSITIVE_INFINITY;
    return false;
  } catch (error) {
    if (!(error instanceof SimCrash)) throw error;
    return true;
  }
}

const seeds = Number(process.env.QUORATE_WAL_SEEDS ?? 40);

test('the power fails at every call', () => {
  let crashes = 0;
  forSeeds(seeds, (seeded) => {
    for (let call = 1, crashed = true; crashed; call++) {
      const random = new Random(seeded.seed * 1000 + call);
      const disk = newDisk(random.fork());
      const oracle = new Oracle();
      crashed = crashAt(disk, oracle, random.fork(), call, 12);
      if (crashed) crashes++;
      disk.crash();
      // A second crash soon after the first, while it is being repaired or just after.
      if (crashAt(disk, oracle, random.fork(), 1 + random.below(60), 12)) disk.crash();
      live(disk, oracle, random.fork(), 6);
      live(disk, oracle, random.fork(), 1);
    }
  });
  ok(crashes > seeds * 20, `crashed ${crashes} times`);
});

test('a process is killed, and then the power fails', () => {
  forSeeds(seeds * 5, (random) => {
    const disk = newDisk(random.fork());
    const oracle = new Oracle();
    for (let lives = 0; lives < 8; lives++) {
      const crashed = crashAt(disk, oracle, random.fork(), 1 + random.below(80), 15);
      if (!crashed || random.oneIn(2)) disk.kill();
      else disk.crash();
    }
    live(disk, oracle, random.fork(), 3);
  });
});

test('a disk that fails is reported once, and nothing after it', () => {
  forSeeds(seeds * 5, (random) => {
    const disk = newDisk(random.fork());
    const wal = open(disk);
    const workload = new Workload(random.fork(), 1, 0, 0);
    const oracle = new Oracle();
    const failures: string[] = [];
    const persisted = (count: number) => {
      equal(failures.length, 0, 'nothing is durable after a failure');
      oracle.persisted(count);
    };
    const failed = ({ code }: DiskFailure) => failures.push(code);
    const writer = new WalWriter(wal.tail, { disk, checksum: crc32c, persisted, failed, segmentBytes });
    const failAt = disk.calls + random.below(40);
    const kinds = ['write', 'rename', 'syncDirectory', 'truncate'];
    disk.fails = ({ kind, path }) =>
      disk.calls >= failAt && kinds.includes(kind) ? new DiskFailure('EIO', path, 'EIO: i/o error, write') : undefined;
    for (let i = 0; i < 60; i++) {
      const batch = workload.next();
      oracle.append(batch);
      writer.append(batch);
      for (let turns = random.below(4); turns > 0; turns--) disk.turn();
    }
    while (disk.turn());
    deepEqual(failures, ['EIO']);
    disk.crash();
    disk.fails = () => undefined;
    oracle.match(open(disk));
  });
});

test('rot inside a log is refused, and nothing is cut', () => {
  forSeeds(seeds * 5, (random) => {
    const disk = newDisk(random.fork());
    const oracle = new Oracle();
    // Without data that looks like lost sectors: rot in such an entry, if it is among the last, passes for a torn write.
    live(disk, oracle, random.fork(), 20, false);
    const names = (disk.list(directory) ?? []).filter((name) => name.endsWith('.wal'));
    const path = `${directory}/${random.pick(names)}`;
    const bytes = disk.peek(path) ?? new Uint8Array(0);
    const written = bytes.findLastIndex((byte) => byte !== 0) + 1;
    // Padding says nothing, so that a flip there is not seen; nor are the upper bits of its length.
    disk.rot(path, random.below(written), 1 << random.below(8));
    const rotten = disk.peek(path);
    const opening = openWal({ disk, directory, checksum: crc32c, segmentBytes });
    if (opening.ok) oracle.match(opening.wal);
    else deepEqual(disk.peek(path), rotten);
  });
});

test('a commit index alone waits for nothing and writes nothing', () => {
  const disk = newDisk(new Random(1));
  const wal = open(disk);
  const reported: number[] = [];
  const persisted = (count: number) => reported.push(count);
  const failed = ({ message }: DiskFailure) => ok(false, message);
  const writer = new WalWriter(wal.tail, { disk, checksum: crc32c, persisted, failed, segmentBytes });
  const workload = new Workload(new Random(2), 1, 0, 0);
  const commit = (index: number): WalBatch => {
    const hardState = { term: 1, vote: 7n as MemberId, commit: index };
    return { entries: [], hardState, snapshot: undefined, mustSync: false };
  };
  let writes = 0;
  disk.fails = ({ kind, path }) => {
    if (kind === 'write' && path.endsWith('.wal')) writes++;
    return undefined;
  };
  writer.append(commit(1));
  writer.append(commit(2));
  deepEqual(reported, [], 'not from within append');
  while (disk.turn());
  deepEqual(reported, [2]);
  equal(writes, 0);
  const batch = workload.next();
  ok(batch.mustSync);
  writer.append(batch);
  writer.append(commit(3));
  writer.append(commit(4));
  while (disk.turn());
  deepEqual(reported, [2, 3], 'in order: behind the batch before them');
  equal(writes, 1);
});
