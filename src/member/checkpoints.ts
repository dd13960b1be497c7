/**
 * When applied state becomes durable outside the log, and how much of the log may be forgotten then.
 *
 *     log      ... [kept for slow followers] snapshot ........ durable ............ applied ... committed
 *                                            .snap file        values and records    in memory
 *
 * The value store is committed every 100 ms or 10,000 entries, its records (applied index, term, membership) in the same
 * transaction. A snapshot is taken at an index that the value store has made durable, never ahead of it; only then may
 * the log before it go. Entries may be large, so their bytes count as well as their number: what raft holds of the log in
 * memory stays near `logBytesMax`.
 */
import type { Histogram } from '../base/histogram.js';
import type { MemoryStorage } from '../raft/memory-storage.js';
import type { ConfState, Snapshot } from '../wire/raftpb/types.js';
import type { World } from './world.js';

export interface CheckpointLimits {
  readonly snapshotCount: number;
  /** Entries kept in memory behind a snapshot, for followers that lag; a member without any keeps none. */
  readonly catchUpEntries: number;
  /** Bytes of entries in memory that bring a snapshot before its time: half of them may stay behind it. */
  readonly logBytesMax: number;
  readonly commitIntervalMs: number;
  readonly commitEntries: number;
}

/** What is kept for a follower that is behind, but on its way: so many times `logBytesMax`, and so many entries. */
const awaitedFactor = 8;
const awaitedEntriesMax = 1_000_000;

/** The state whose durability is at stake. */
export interface Checkpointed {
  readonly applied: number;
  readonly appliedTerm: number;
  readonly confState: ConfState;
  /** Rises with all that changes the values: entries, and the slices of a compaction. */
  readonly changes: number;
  /** Writes applied index, term and membership into the value store's records. */
  record(): void;
  /** The membership image that a `.snap` file carries. */
  image(): Uint8Array;
}

interface Position {
  readonly index: number;
  readonly term: number;
  readonly confState: ConfState;
}

export class Checkpoints {
  readonly #limits: CheckpointLimits;
  readonly #world: World;
  readonly #state: Checkpointed;
  readonly #storage: MemoryStorage;
  readonly #persistSnapshot: (snapshot: Snapshot, durable: () => void) => void;
  readonly #commitSeconds: Histogram;
  readonly #neededAfter: () => number;
  #committing = false;
  /** Bytes of entries in memory that bring the next snapshot before its time: raised where the last one had to leave many. */
  #bytesMax: number;
  /**
   * From the commit on which a snapshot rests until its position is durable in the log. One at a time: two might be recorded in
   * the wrong order, and the log would be read from the older one, whose entries are gone.
   */
  #taking = false;
  /** A `.snap` file is being written. */
  #saving = false;
  #afterWork: (() => void) | undefined;
  /** A snapshot from the leader is being taken in: nothing is committed, and what was begun before counts no more. */
  #paused = false;
  #commitAtMs = 0;
  #recorded: number;
  #recordedChanges: number;
  #durable: number;
  #snapshotIndex: number;

  constructor(
    limits: CheckpointLimits,
    parts: {
      readonly world: World;
      readonly state: Checkpointed;
      readonly storage: MemoryStorage;
      readonly snapshotIndex: number;
      readonly persistSnapshot: (snapshot: Snapshot, durable: () => void) => void;
      readonly commitSeconds: Histogram;
      /** Followers that are known and within reach hold the log up to here, and will ask for what comes after; `Infinity` for none. */
      readonly neededAfter: () => number;
    },
  ) {
    this.#limits = limits;
    this.#bytesMax = limits.logBytesMax;
    this.#world = parts.world;
    this.#state = parts.state;
    this.#storage = parts.storage;
    this.#persistSnapshot = parts.persistSnapshot;
    this.#snapshotIndex = parts.snapshotIndex;
    this.#commitSeconds = parts.commitSeconds;
    this.#neededAfter = parts.neededAfter;
    this.#recorded = this.#durable = parts.state.applied;
    this.#recordedChanges = parts.state.changes;
  }

  /** Entries up to here are in the value store for good. */
  get durable(): number {
    return this.#durable;
  }

  /** Log entries up to here are in a snapshot: older segments may go. */
  get snapshotIndex(): number {
    return this.#snapshotIndex;
  }

  /** Entries have been applied: a long row of them is not left to the clock. */
  applied(): void {
    const { applied } = this.#state;
    if (applied - this.#recorded >= this.#limits.commitEntries || this.#holdsTooMuch) this.commit();
  }

  get #holdsTooMuch(): boolean {
    return this.#storage.dataBytes > this.#bytesMax;
  }

  tick(nowMs: number): void {
    if (nowMs < this.#commitAtMs) return;
    this.#commitAtMs = nowMs + this.#limits.commitIntervalMs;
    this.commit();
  }

  /** Starts making what is applied durable, unless a commit is under way or there is nothing new. */
  commit(done: () => void = () => {}): void {
    if (this.#committing || this.#paused) return;
    if (this.#state.changes === this.#recordedChanges) return done();
    this.#committing = true;
    const position = {
      index: this.#state.applied,
      term: this.#state.appliedTerm,
      confState: this.#state.confState,
    };
    this.#recorded = position.index;
    this.#recordedChanges = this.#state.changes;
    this.#state.record();
    const beganMs = this.#world.nowMs();
    this.#world.values.commit(() => {
      this.#commitSeconds.observe((this.#world.nowMs() - beganMs) / 1000);
      this.#committing = false;
      this.#durable = position.index;
      if (!this.#paused) this.#snapshot(position);
      done();
      this.#workEnded();
    });
  }

  /**
   * Notes in the records how far the state is. Whoever has the value store commit without us says so first: values of
   * entries that the records do not count would be made a second time after a crash.
   */
  record(): void {
    this.#state.record();
  }

  /** Makes all that is applied durable, and tells when it is, and no file is being written. A state that is being replaced is left. */
  finish(done: () => void): void {
    if (this.#committing || this.#saving) this.#afterWork = () => this.finish(done);
    else if (this.#paused) done();
    else this.commit(done);
  }

  /** The state is to be replaced: tells when nothing is under way in the value store any more, and begins nothing new. */
  pause(rested: () => void): void {
    this.#paused = true;
    if (this.#committing) this.#afterWork = rested;
    else rested();
  }

  /** The state was replaced by that of the snapshot at `index`, which is durable and which the log records. */
  resume(index: number): void {
    this.#paused = false;
    this.#recorded = this.#durable = index;
    this.#recordedChanges = -1;
    const before = this.#snapshotIndex;
    this.#snapshotIndex = index;
    this.#world.release(before);
  }

  #workEnded(): void {
    const after = this.#afterWork;
    this.#afterWork = undefined;
    after?.();
  }

  #snapshot(position: Position): void {
    const { snapshotCount } = this.#limits;
    if (this.#taking || position.index === this.#snapshotIndex) return;
    if (position.index - this.#snapshotIndex < snapshotCount && !this.#holdsTooMuch) return;
    const before = this.#snapshotIndex;
    this.#snapshotIndex = position.index;
    this.#taking = true;
    const snapshot: Snapshot = { data: this.#state.image(), metadata: position };
    const storage = this.#storage;
    storage.createSnapshot(position.index, position.confState, snapshot.data);
    this.#saving = true;
    this.#world.saveSnapshot(snapshot, () => {
      this.#saving = false;
      this.#persistSnapshot(snapshot, () => {
        this.#taking = false;
        // One snapshot late, so that there are two to start from.
        this.#world.release(before);
      });
      this.#workEnded();
    });
    this.#compactLog(position);
  }

  /** Forgets entries in memory that nobody is expected to need, and what there is no room for. */
  #compactLog({ index, confState }: Position): void {
    const { catchUpEntries, logBytesMax } = this.#limits;
    const storage = this.#storage;
    const needed = Math.min(index, this.#neededAfter());
    const wanted = hasFollowers(confState) ? Math.min(needed, index - catchUpEntries) : index;
    // For one who is on the way more is kept than for anybody who may come: a snapshot costs more than memory does.
    const isAwaited = needed < index;
    const bytesMax = isAwaited ? logBytesMax * awaitedFactor : logBytesMax / 2;
    const tooOld = isAwaited ? index - awaitedEntriesMax : 0;
    const keepFrom = Math.min(index, Math.max(wanted, tooOld, storage.indexBefore(bytesMax)));
    if (keepFrom >= storage.firstIndex()) storage.compact(keepFrom);
    this.#bytesMax = Math.max(logBytesMax, storage.dataBytes + logBytesMax / 2);
  }
}

function hasFollowers({ voters, votersOutgoing, learners, learnersNext }: ConfState): boolean {
  return voters.length + votersOutgoing.length + learners.length + learnersNext.length > 1;
}
