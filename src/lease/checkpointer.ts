/**
 * The leader's duty, where the feature gate LeaseCheckpoint is on, to write down what is left of long leases: the next leader
 * then begins with that, not with the whole time to live.
 *
 * A lease is looked at once in an interval; all of them are, twice a second, which for a hundred thousand is a tenth of a
 * millisecond.
 */
import type { LeaseId } from '../base/ids.js';
import type { LeaseBook, LeaseFollower, LeaseSlot } from './book.js';
import type { Deadlines } from './deadlines.js';

const scanEveryMs = 500;
/** Leases in one entry: etcd's `maxLeaseCheckpointBatchSize`. */
const batchMax = 1000;

export type LeaseCheckpoint = { readonly id: LeaseId; readonly remainingSeconds: number };

export interface CheckpointerParts {
  readonly book: LeaseBook;
  readonly deadlines: Deadlines;
  /** etcd's `leaseCheckpointInterval`, 5 minutes. */
  readonly intervalMs: number;
  propose(checkpoints: readonly LeaseCheckpoint[]): void;
}

export class Checkpointer implements LeaseFollower {
  readonly #parts: CheckpointerParts;
  #nextScanMs = 0;
  /** By slot: when it is next looked at; NaN where that has to be settled first. */
  #dueMs = new Float64Array(16).fill(Number.NaN);

  constructor(parts: CheckpointerParts) {
    this.#parts = parts;
    parts.book.follow(this);
    this.restored();
  }

  /** To be called at least twice a second. */
  tick(nowMs: number): void {
    const { book, deadlines, propose } = this.#parts;
    if (nowMs < this.#nextScanMs || !deadlines.leading) return;
    this.#nextScanMs = nowMs + scanEveryMs;
    let batch: LeaseCheckpoint[] = [];
    for (let slot = 0; slot < book.slotsEnd; slot++) {
      if (!this.#isDue(slot, nowMs)) continue;
      const remainingSeconds = Math.ceil(deadlines.remainingMs(slot) / 1000);
      if (remainingSeconds <= 0 || remainingSeconds >= book.ttlSecondsOf(slot)) continue;
      batch.push({ id: book.idOf(slot), remainingSeconds });
      if (batch.length < batchMax) continue;
      propose(batch);
      batch = [];
    }
    if (batch.length > 0) propose(batch);
  }

  /** Only leases that live longer than the interval are worth it. */
  #isDue(slot: LeaseSlot, nowMs: number): boolean {
    const dueMs = this.#dueMs[slot] as number;
    if (dueMs > nowMs) return false;
    const { book, intervalMs } = this.#parts;
    const isLong = book.idOf(slot) !== 0n && book.freshSecondsOf(slot) * 1000 > intervalMs;
    this.#dueMs[slot] = isLong ? nowMs + intervalMs : Number.POSITIVE_INFINITY;
    return isLong && !Number.isNaN(dueMs);
  }

  granted(slot: LeaseSlot): void {
    if (slot >= this.#dueMs.length) this.#grow(slot);
    this.#dueMs[slot] = Number.NaN;
  }

  revoked(slot: LeaseSlot): void {
    this.#dueMs[slot] = Number.POSITIVE_INFINITY;
  }

  restored(): void {
    const { slotsEnd } = this.#parts.book;
    if (slotsEnd > this.#dueMs.length) this.#grow(slotsEnd);
    this.#dueMs.fill(Number.NaN);
  }

  #grow(slot: LeaseSlot): void {
    const dueMs = new Float64Array(Math.max(slot + 1, this.#dueMs.length * 2)).fill(Number.NaN);
    dueMs.set(this.#dueMs);
    this.#dueMs = dueMs;
  }
}
