/**
 * Compaction: letting go of the history below a revision.
 *
 * It is decided at once (`schedule`: from then on older reads are refused) and done in slices, driven from outside:
 *
 *     wait for readers pinned below      at most `waitMsMax`, then they lose their revision
 *     walk the index                     it forgets old revisions and names them
 *     walk the values up to the target   what was named is dropped; what is there is hashed, as `HashKV` would have
 *     write `finishedCompactRev`
 *
 * After a restart with `scheduledCompactRev` above `finishedCompactRev` it is done again from the beginning, which finds less to do.
 * Requests that come meanwhile queue up. None of this has to be durable at once: the value store commits in order.
 *
 * A key keeps its newest revision at or before the target and all after it. A tombstone goes with its generation,
 * unless it is at the target itself: that one stays, and is left out of later hashes. Where a transaction deleted a key
 * and put it again at the target, etcd 3.7.1 drops the value that was put, although it is alive; here it stays.
 */
import { utf8 } from '../base/bytes.js';
import { check } from '../base/check.js';
import type { ErrorName } from '../wire/errors.js';
import { anyAlive } from './hash-job.js';
import type { DroppedVisitor } from './key-index.js';
import { KvHasher } from './kv-hasher.js';
import { decodeRevision, encodeRevision } from './revision-bytes.js';
import { RevisionSet } from './revision-set.js';
import type { Store, StoreOptions } from './store.js';
import type { ValueStore, ValueVisitor } from './value-store.js';

const metaBucket = 'meta';
const scheduledKey = utf8('scheduledCompactRev');
const finishedKey = utf8('finishedCompactRev');

/** How long the work of a compaction waits for a reader that is in its way. */
export const waitMsMax = 30_000;
/** A slice ends at this many bytes of values, however few keys they are: about 2 ms of hashing. */
const sliceBytesMax = 2 * 1024 * 1024;

export interface CompactionWaiter {
  /** All slices are done. */
  compacted(): void;
}

interface Job {
  readonly revision: number;
  readonly previous: number;
  /** False when the compaction before was interrupted: then the hash would not cover all since. */
  readonly keepHash: boolean;
  readonly waiters: CompactionWaiter[];
}

type Phase = 'wait' | 'index' | 'values';

export class Compactor {
  readonly #store: Store;
  readonly #batchLimit: number;
  readonly #sleepMs: number;
  readonly #jobs: Job[] = [];

  /** When `step` is to be called next; infinite when there is nothing to do. */
  nextStepAtMs = Number.POSITIVE_INFINITY;
  /** Slices done since the start that changed the values. */
  slices = 0;
  /** Keys dropped since the start, for the metrics. */
  droppedTotal = 0;

  #phase: Phase = 'wait';
  #waitsSinceMs = -1;
  #nextKey: Uint8Array | undefined;
  #dropped = new RevisionSet();
  #anyKept = false;
  readonly #hasher = new KvHasher();
  #nextMain = 0;
  #nextSub = 0;
  #seen = 0;
  #seenBytes = 0;
  #gone: number[] = [];
  readonly #drop: DroppedVisitor = (main, sub) => this.#dropped.add(main, sub);

  constructor(store: Store, options: StoreOptions) {
    this.#store = store;
    this.#batchLimit = options.compactionBatchLimit;
    this.#sleepMs = options.compactionSleepMs;
  }

  get idle(): boolean {
    return this.#jobs.length === 0;
  }

  /** Decides a compaction to `revision`; the work begins with the next step. */
  schedule(revision: number, nowMs = 0): ErrorName | undefined {
    const store = this.#store;
    if (revision <= store.compactedRevision) return 'compacted';
    if (revision > store.revision) return 'futureRevision';
    const before = readCompactions(store);
    this.#add(revision, before.scheduled === before.finished, nowMs);
    return undefined;
  }

  /** Takes up a compaction that a restart interrupted. */
  resume(revision: number): void {
    this.#add(revision, false, 0);
  }

  #add(revision: number, keepHash: boolean, nowMs: number): void {
    const store = this.#store;
    this.#jobs.push({ revision, previous: store.compactedRevision, keepHash, waiters: [] });
    store.compactedRevision = revision;
    scheduleCompaction(store.values, revision);
    this.nextStepAtMs = Math.min(this.nextStepAtMs, nowMs);
  }

  /** Tells `waiter` when all that is scheduled now has been done; at once when there is nothing. */
  whenDone(waiter: CompactionWaiter): void {
    const last = this.#jobs.at(-1);
    if (last === undefined) waiter.compacted();
    else last.waiters.push(waiter);
  }

  /** Whether the next slice is of the index, not of values. */
  get isInIndex(): boolean {
    return this.#phase === 'index';
  }

  /** One slice of work. */
  step(nowMs: number): void {
    const job = this.#jobs[0];
    if (job === undefined) return;
    if (this.#phase === 'wait') this.#wait(job, nowMs);
    else if (this.#phase === 'index') this.#walkIndex(job, nowMs);
    else this.#walkValues(job, nowMs);
  }

  #wait(job: Job, nowMs: number): void {
    const { pins } = this.#store;
    if (this.#waitsSinceMs < 0) this.#waitsSinceMs = nowMs;
    if (pins.block(job.revision)) {
      if (nowMs - this.#waitsSinceMs < waitMsMax) {
        this.nextStepAtMs = nowMs + this.#sleepMs;
        return;
      }
      pins.lose(job.revision);
    }
    this.#waitsSinceMs = -1;
    this.#phase = 'index';
    this.#nextKey = undefined;
    this.#dropped = new RevisionSet();
    this.nextStepAtMs = nowMs;
  }

  #walkIndex(job: Job, nowMs: number): void {
    this.#nextKey = this.#store.index.compact(job.revision, this.#nextKey, this.#batchLimit, this.#drop);
    this.nextStepAtMs = nowMs;
    if (this.#nextKey !== undefined) return;
    this.#phase = 'values';
    const alive = job.revision > 0 && anyAlive(this.#store, job.revision);
    this.#hasher.begin(job.previous, job.revision, alive);
    this.#anyKept = alive || this.#keepsTombstone(job.revision);
    this.#nextMain = this.#nextSub = 0;
  }

  /** Where nothing is alive: whether the compaction to `revision` keeps anything all the same, which etcd's hash asks before it skips. */
  #keepsTombstone(revision: number): boolean {
    let any = false;
    this.#store.values.scan(revision, 0, revision + 1, (_main, _sub, tombstone) => {
      any = tombstone;
      return !any;
    });
    return any;
  }

  readonly #visit: ValueVisitor = (main, sub, tombstone, value) => {
    if (this.#seen === this.#batchLimit || this.#seenBytes >= sliceBytesMax) {
      this.#nextMain = main;
      this.#nextSub = sub;
      return false;
    }
    this.#seen++;
    this.#seenBytes += value.length;
    const job = this.#jobs[0] as Job;
    // A tombstone that a restart met alone is not in the index, so it is judged by the rule instead.
    const drop = tombstone ? main < job.revision : this.#dropped.has(main, sub);
    if (drop) this.#gone.push(main, sub, tombstone ? 1 : 0);
    if (main > job.previous || !drop || !this.#anyKept) this.#hasher.add(main, sub, tombstone, value);
    return true;
  };

  #walkValues(job: Job, nowMs: number): void {
    const { values } = this.#store;
    this.slices++;
    this.#seen = this.#seenBytes = 0;
    this.#gone = [];
    const [main, sub] = [this.#nextMain, this.#nextSub];
    values.scan(main, sub, job.revision + 1, this.#visit);
    const gone = this.#gone;
    for (let i = 0; i < gone.length; i += 3) values.drop(gone[i] as number, gone[i + 1] as number, gone[i + 2] === 1);
    this.droppedTotal += gone.length / 3;
    const more = this.#nextMain !== main || this.#nextSub !== sub;
    if (!more) this.#finish(job, nowMs);
    // etcd sleeps after a full batch; a slice that was cut short for its bytes goes on at once.
    else this.nextStepAtMs = this.#seen === this.#batchLimit ? nowMs + this.#sleepMs : nowMs;
  }

  #finish(job: Job, nowMs: number): void {
    const store = this.#store;
    store.values.setRecord(metaBucket, finishedKey, encodeRevision(job.revision));
    if (job.keepHash) store.hashes.add(this.#hasher.end());
    this.#dropped = new RevisionSet();
    this.#phase = 'wait';
    check(this.#jobs.shift() === job, 'compactions are done in their order');
    this.nextStepAtMs = this.#jobs.length > 0 ? nowMs : Number.POSITIVE_INFINITY;
    for (const waiter of job.waiters) waiter.compacted();
  }

  /** Forgets all work, for the store is loaded anew. Waiters are told: what they waited for is not known to this store. */
  reset(): void {
    const jobs = this.#jobs.splice(0);
    this.#phase = 'wait';
    this.#waitsSinceMs = -1;
    this.#dropped = new RevisionSet();
    this.nextStepAtMs = Number.POSITIVE_INFINITY;
    for (const { waiters } of jobs) for (const waiter of waiters) waiter.compacted();
  }
}

/** Notes that all before `revision` is to go: whoever loads the values sees to it. */
export function scheduleCompaction(values: Pick<ValueStore, 'setRecord'>, revision: number): void {
  values.setRecord(metaBucket, scheduledKey, encodeRevision(revision));
}

/** The compactions the `meta` bucket knows of; -1 where there is none. */
export function readCompactions(store: Pick<Store, 'values'>): { scheduled: number; finished: number } {
  const scheduled = store.values.getRecord(metaBucket, scheduledKey);
  const finished = store.values.getRecord(metaBucket, finishedKey);
  return {
    scheduled: scheduled === undefined ? -1 : decodeRevision(scheduled),
    finished: finished === undefined ? -1 : decodeRevision(finished),
  };
}
