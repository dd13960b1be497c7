/**
 * When each lease falls due: the leader's own reckoning, by its monotonic clock. Nobody else expires anything.
 *
 * A heap of slots, ordered by the time at which each is to be looked at. A renewal only writes the new deadline: the lease
 * stays where it is in the heap, and when its turn comes and it is not due, it is put back for its true time. So a renewal
 * costs the same with a hundred thousand leases as with one.
 *
 *     deadline   when the lease is due           Infinity: this member does not lead
 *     look       when it is looked at next       never after the deadline; after it, while a revocation is under way
 */
import type { LeaseId } from '../base/ids.js';
import type { LeaseBook, LeaseFollower, LeaseSlot } from './book.js';

/** A due lease that is still there after this long is handed out again: its revocation may have been lost. */
const retryMs = 3000;
/** More leases than this falling due in a second would keep the leader from its work: etcd's `leaseRevokeRate`. */
const revokesPerSecondMax = 1000;
const outside = -1;

export class Deadlines implements LeaseFollower {
  readonly #book: LeaseBook;
  readonly #nowMs: () => number;
  /** By slot. */
  #deadlineMs = new Float64Array(16).fill(Number.POSITIVE_INFINITY);
  #lookMs = new Float64Array(16);
  /** Where the slot stands in the heap, or -1. */
  #place = new Int32Array(16).fill(outside);
  #heap = new Int32Array(16);
  #size = 0;
  #leading = false;
  #onDemoted: () => void = () => {};

  constructor(book: LeaseBook, nowMs: () => number) {
    this.#book = book;
    this.#nowMs = nowMs;
    book.follow(this);
  }

  get leading(): boolean {
    return this.#leading;
  }

  get sizeBytes(): number {
    return this.#heap.length * 24;
  }

  /** This member leads now: every lease gets a fresh time to live, and an election timeout on top for what it cost to get here. */
  promote(extendMs: number): void {
    this.#leading = true;
    this.#rebuild(extendMs);
  }

  demote(): void {
    this.#leading = false;
    this.#size = 0;
    this.#place.fill(outside);
    this.#deadlineMs.fill(Number.POSITIVE_INFINITY);
    this.#onDemoted();
  }

  /** Since the start, for the metrics. */
  renewals = 0;

  /** Told when this member has stopped leading: nothing that was reckoned holds any more. */
  whenDemoted(tell: () => void): void {
    this.#onDemoted = tell;
  }

  granted(slot: LeaseSlot): void {
    if (slot >= this.#place.length) this.#grow(slot);
    if (!this.#leading) return;
    this.#set(slot, this.#nowMs() + this.#book.freshSecondsOf(slot) * 1000);
  }

  revoked(slot: LeaseSlot): void {
    this.#remove(slot);
    this.#deadlineMs[slot] = Number.POSITIVE_INFINITY;
  }

  restored(): void {
    this.#rebuild(0);
  }

  /** A whole new time to live. The lease must be known and not due. */
  renew(slot: LeaseSlot): void {
    this.renewals++;
    this.#set(slot, this.#nowMs() + this.#book.ttlSecondsOf(slot) * 1000);
  }

  isDue(slot: LeaseSlot): boolean {
    return (this.#deadlineMs[slot] as number) <= this.#nowMs();
  }

  /** Infinity when this member does not lead. */
  remainingMs(slot: LeaseSlot): number {
    return (this.#deadlineMs[slot] as number) - this.#nowMs();
  }

  /** Up to `max` leases that are due, the longest overdue first. Each comes again later, until it is revoked. */
  takeDue(max: number): LeaseId[] {
    const nowMs = this.#nowMs();
    const due: LeaseId[] = [];
    while (this.#size > 0 && due.length < max) {
      const slot = this.#heap[0] as number;
      if ((this.#lookMs[slot] as number) > nowMs) break;
      const deadlineMs = this.#deadlineMs[slot] as number;
      if (deadlineMs <= nowMs) due.push(this.#book.idOf(slot));
      this.#look(slot, deadlineMs <= nowMs ? nowMs + retryMs : deadlineMs);
    }
    return due;
  }

  /** All leases, those with the least time left first. */
  inOrder(): LeaseId[] {
    const slots: LeaseSlot[] = [];
    for (let slot = 0; slot < this.#book.slotsEnd; slot++) if (this.#book.idOf(slot) !== 0n) slots.push(slot);
    const deadlines = this.#deadlineMs;
    if (this.#leading) slots.sort((a, b) => (deadlines[a] as number) - (deadlines[b] as number));
    return slots.map((slot) => this.#book.idOf(slot));
  }

  #rebuild(extendMs: number): void {
    const slotsEnd = this.#book.slotsEnd;
    if (slotsEnd > this.#place.length) this.#grow(slotsEnd);
    this.#size = 0;
    this.#place.fill(outside);
    this.#deadlineMs.fill(Number.POSITIVE_INFINITY);
    if (!this.#leading) return;
    const nowMs = this.#nowMs();
    for (let slot = 0; slot < slotsEnd; slot++) {
      if (this.#book.idOf(slot) === 0n) continue;
      this.#set(slot, nowMs + extendMs + this.#book.freshSecondsOf(slot) * 1000);
    }
    if (this.#book.size >= revokesPerSecondMax) this.#spread(nowMs, extendMs);
  }

  /**
   * Leases that would fall due in the same second are pulled apart, so that those who piled up while there was no leader
   * leave a quarter of the rate for others. The arithmetic is that of etcd's `lessor.Promote`.
   */
  #spread(nowMs: number, extendMs: number): void {
    const perSecond = (3 * revokesPerSecondMax) / 4;
    const slots = this.#heap.slice(0, this.#size);
    const before = this.#deadlineMs.slice();
    slots.sort((a, b) => (before[a] as number) - (before[b] as number));
    let windowMs = before[slots[0] as number] as number;
    let windowEndMs = windowMs + 1000;
    let count = 0;
    for (const slot of slots) {
      const dueMs = before[slot] as number;
      if (dueMs > windowEndMs) {
        windowMs = dueMs;
        windowEndMs = windowMs + 1000;
        count = 1;
        continue;
      }
      count++;
      if (count <= perSecond) continue;
      // Leases that are n seconds later than the window's first need n seconds less of delay.
      const delayMs = 1000 * (count / perSecond) - (dueMs - windowMs);
      windowEndMs = windowMs + delayMs;
      this.#set(slot, nowMs + delayMs + extendMs + this.#book.freshSecondsOf(slot) * 1000);
    }
  }

  #set(slot: LeaseSlot, deadlineMs: number): void {
    this.#deadlineMs[slot] = deadlineMs;
    if (this.#place[slot] === outside) {
      this.#place[slot] = this.#size;
      this.#heap[this.#size++] = slot;
      this.#lookMs[slot] = Number.POSITIVE_INFINITY;
    }
    if ((this.#lookMs[slot] as number) > deadlineMs) this.#look(slot, deadlineMs);
  }

  #look(slot: LeaseSlot, lookMs: number): void {
    const earlier = lookMs < (this.#lookMs[slot] as number);
    this.#lookMs[slot] = lookMs;
    if (earlier) this.#rise(slot);
    else this.#sink(slot);
  }

  #remove(slot: LeaseSlot): void {
    const place = this.#place[slot] as number;
    if (place === outside) return;
    this.#place[slot] = outside;
    const last = this.#heap[--this.#size] as number;
    if (last === slot) return;
    this.#put(last, place);
    this.#rise(last);
    this.#sink(last);
  }

  #put(slot: LeaseSlot, place: number): void {
    this.#heap[place] = slot;
    this.#place[slot] = place;
  }

  #rise(slot: LeaseSlot): void {
    const lookMs = this.#lookMs[slot] as number;
    let place = this.#place[slot] as number;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = this.#heap[parent] as number;
      if ((this.#lookMs[above] as number) <= lookMs) break;
      this.#put(above, place);
      place = parent;
    }
    this.#put(slot, place);
  }

  #sink(slot: LeaseSlot): void {
    const lookMs = this.#lookMs[slot] as number;
    let place = this.#place[slot] as number;
    for (let child = place * 2 + 1; child < this.#size; child = place * 2 + 1) {
      const right = child + 1;
      if (right < this.#size && this.#lookAt(right) < this.#lookAt(child)) child = right;
      if (this.#lookAt(child) >= lookMs) break;
      this.#put(this.#heap[child] as number, place);
      place = child;
    }
    this.#put(slot, place);
  }

  #lookAt(place: number): number {
    return this.#lookMs[this.#heap[place] as number] as number;
  }

  #grow(slot: LeaseSlot): void {
    let capacity = this.#place.length;
    while (capacity <= slot) capacity *= 2;
    const deadlineMs = new Float64Array(capacity).fill(Number.POSITIVE_INFINITY);
    deadlineMs.set(this.#deadlineMs);
    const lookMs = new Float64Array(capacity);
    lookMs.set(this.#lookMs);
    const place = new Int32Array(capacity).fill(outside);
    place.set(this.#place);
    const heap = new Int32Array(capacity);
    heap.set(this.#heap);
    this.#deadlineMs = deadlineMs;
    this.#lookMs = lookMs;
    this.#place = place;
    this.#heap = heap;
  }
}
