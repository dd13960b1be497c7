/**
 * What a range asks for, in the terms of the walk that answers it, with etcd's quirks settled once:
 *
 *  - a sort target without an order sorts ascending, but the walk still ends at the limit, and only what it met is sorted;
 *  - keys only: from the index, without the lease; sorted by value: from the stored bytes, with the lease;
 *  - filters are looked at after counting: `count` is of the whole range.
 */
import { type RangeRequest, sortOrder, sortTarget } from '../wire/messages/kv-requests.js';
import type { KeyState } from './key-index.js';

/** What the returned key-values are made from. */
export const made = {
  /** The stored bytes as they are. */
  stored: 0,
  /** The index alone. */
  fromIndex: 1,
  /** The stored bytes, less the value. */
  trimmed: 2,
} as const;
export type Made = (typeof made)[keyof typeof made];

export class RangeQuery {
  countOnly = false;
  /** 0 is no limit. */
  limit = 0;
  /** Matching keys behind which the walk may end; 0 when it has to see all. */
  walkLimit = 0;
  made: Made = made.stored;
  keepsLease = false;
  /** True when all matching keys have to be collected before the first is written. */
  collected = false;
  sorted = false;
  byValue = false;
  descending = false;

  #target = 0;
  #filtered = false;
  #minMod = 0;
  #maxMod = 0;
  #minCreate = 0;
  #maxCreate = 0;

  read(request: RangeRequest): void {
    this.#minMod = request.minModRevision;
    this.#maxMod = request.maxModRevision;
    this.#minCreate = request.minCreateRevision;
    this.#maxCreate = request.maxCreateRevision;
    this.#filtered = this.#minMod !== 0 || this.#maxMod !== 0 || this.#minCreate !== 0 || this.#maxCreate !== 0;
    this.#target = request.sortTarget;
    this.byValue = request.sortTarget === sortTarget.value;
    this.descending = request.sortOrder === sortOrder.descend;
    this.sorted = this.#target !== sortTarget.key || this.descending;
    this.collected = this.sorted || this.#filtered;
    this.countOnly = request.countOnly;
    this.limit = Math.max(request.limit, 0);
    const endsAtLimit = !this.#filtered && (request.sortOrder === sortOrder.none || !this.sorted);
    this.walkLimit = endsAtLimit ? this.limit : 0;
    this.keepsLease = this.byValue;
    if (!request.keysOnly) this.made = made.stored;
    else this.made = this.collected ? made.trimmed : made.fromIndex;
  }

  passes(state: KeyState): boolean {
    if (!this.#filtered) return true;
    if (this.#maxMod !== 0 && state.main > this.#maxMod) return false;
    if (this.#minMod !== 0 && state.main < this.#minMod) return false;
    if (this.#maxCreate !== 0 && state.create > this.#maxCreate) return false;
    return this.#minCreate === 0 || state.create >= this.#minCreate;
  }

  /** The number that the key is sorted by; `place` is its place in key order. */
  rankOf(state: KeyState, place: number): number {
    if (this.#target === sortTarget.version) return state.version;
    if (this.#target === sortTarget.create) return state.create;
    return this.#target === sortTarget.mod ? state.main : place;
  }
}
