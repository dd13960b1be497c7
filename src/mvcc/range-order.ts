/**
 * Sorts collected keys, in slices: a merge sort that can stop anywhere and go on.
 *
 * Equal ones keep the order of their keys, ascending or descending alike; etcd promises nothing there, but sorts small
 * ranges so.
 */
import { type Bytes, compareBytes } from '../base/bytes.js';
import type { KeyValue } from '../wire/messages/key-value.js';
import type { RangeEntries } from './range-entries.js';

/** Bytes of a value that are kept for comparing; only where they are equal are values read again. */
const headBytes = 6;
/** What a comparison costs that has to read two values. */
const readCost = 20;

export class RangeOrder {
  readonly #entries: RangeEntries;
  readonly #sign: number;
  /** Reads the value of an entry; undefined when the entries have their ranks already. */
  readonly #valueAt: ((entry: number) => Bytes) | undefined;
  #headed = 0;
  #from: Uint32Array;
  #to: Uint32Array;

  // The merge under way: of the sorted runs [left, left + width) and [left + width, left + 2 * width).
  #width = 1;
  #left = 0;
  #first = 0;
  #second = 1;
  #out = 0;
  /** What the last comparison took of the budget. */
  #cost = 1;

  constructor(entries: RangeEntries, descending: boolean, valueAt?: (entry: number) => Bytes) {
    this.#entries = entries;
    this.#sign = descending ? -1 : 1;
    this.#valueAt = valueAt;
    this.#from = new Uint32Array(entries.count);
    this.#to = new Uint32Array(entries.count);
    for (let i = 0; i < entries.count; i++) this.#from[i] = i;
  }

  /** The places of the entries in their order, once `step` is true. */
  get order(): Uint32Array {
    return this.#from;
  }

  /** Goes on for about `budget` comparisons or values read; true when all is in order. */
  step(budget: number): boolean {
    const count = this.#from.length;
    let left = budget;
    if (this.#valueAt !== undefined) {
      for (; this.#headed < count; this.#headed++) {
        if (left-- <= 0) return false;
        this.#entries.ranks[this.#headed] = headOf(this.#valueAt(this.#headed));
      }
    }
    while (this.#width < count) {
      left = this.#mergePass(left);
      if (this.#left < count) return false;
      [this.#from, this.#to] = [this.#to, this.#from];
      this.#width *= 2;
      this.#beginMerge(0);
    }
    return true;
  }

  #beginMerge(left: number): void {
    this.#left = this.#first = this.#out = left;
    this.#second = Math.min(left + this.#width, this.#from.length);
  }

  /** Merges runs until all are merged or the budget is spent; answers what is left of it. */
  #mergePass(budget: number): number {
    const [from, to] = [this.#from, this.#to];
    const count = from.length;
    while (this.#left < count) {
      const middle = Math.min(this.#left + this.#width, count);
      const end = Math.min(middle + this.#width, count);
      while (this.#out < end) {
        if (budget <= 0) return 0;
        budget -= this.#cost;
        this.#cost = 1;
        const fromFirst =
          this.#first < middle &&
          (this.#second >= end || this.#inOrder(from[this.#first] as number, from[this.#second] as number));
        to[this.#out++] = from[fromFirst ? this.#first++ : this.#second++] as number;
      }
      this.#beginMerge(end);
    }
    return budget;
  }

  #inOrder(a: number, b: number): boolean {
    const { ranks } = this.#entries;
    const difference = (ranks[a] as number) - (ranks[b] as number);
    if (difference !== 0 || this.#valueAt === undefined) return difference * this.#sign <= 0;
    this.#cost = readCost;
    const first = this.#valueAt(a).slice();
    return compareBytes(first, this.#valueAt(b)) * this.#sign <= 0;
  }
}

/** The first bytes as a number, so that a prefix is not above what it begins. */
function headOf(value: Bytes): number {
  let head = 0;
  for (let i = 0; i < headBytes; i++) head = head * 256 + (value[i] ?? 0);
  return head;
}

/** The value of an encoded `KeyValue`. */
export function valueIn(kv: KeyValue, stored: Bytes): Bytes {
  kv.decode(stored, 0, stored.length);
  return kv.value;
}
