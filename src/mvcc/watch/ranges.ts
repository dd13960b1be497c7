/**
 * The index of watched ranges: which spots does a key lie in?
 *
 * Most watch one key or all keys with a prefix, so both are hashed: one pass over the key meets the hash of each of its
 * prefixes, and asks the table at those lengths only that somebody watches. The cost is that of hashing the key, with one
 * watched range as with a hundred thousand. Other ranges are in a tree.
 */
import type { Bytes } from '../../base/bytes.js';
import { hashByte, hashBytes, hashStart, mixHash } from '../../base/hash.js';
import { SlotTable } from '../../base/slot-table.js';
import { IntervalTree } from './interval-tree.js';
import { Spot } from './watcher.js';

/** The end of the range that holds `key` alone. */
export function endOfKey(key: Bytes): Bytes {
  const end = new Uint8Array(key.length + 1);
  end.set(key);
  return end;
}

type Kind = 'key' | 'prefix' | 'other';

function kindOf(key: Bytes, end: Bytes | undefined): Kind {
  if (end === undefined) return 'other';
  if (end.length === key.length + 1 && end[key.length] === 0 && beginsWith(end, key, key.length)) return 'key';
  // All keys with a prefix: up to the next key of no greater length, 0xff at the end being carried.
  const last = end.length - 1;
  if (end.length === 0 || end.length > key.length || !beginsWith(end, key, last)) return 'other';
  if (end[last] !== (key[last] as number) + 1) return 'other';
  for (let i = end.length; i < key.length; i++) if (key[i] !== 0xff) return 'other';
  return 'prefix';
}

function beginsWith(bytes: Bytes, prefix: Bytes, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[i] !== prefix[i]) return false;
  return true;
}

export class Ranges {
  /** What the last `match` found, in no order; only so many as it answered. */
  readonly hits: Spot[] = [];
  readonly #spots: (Spot | undefined)[] = [];
  readonly #freeSlots: number[] = [];
  readonly #keys = new SlotTable();
  readonly #prefixes = new SlotTable();
  readonly #others = new IntervalTree();
  /** Rising: the lengths of watched prefixes, and how many have each. */
  readonly #prefixLengths: number[] = [];
  readonly #prefixCounts: number[] = [];

  get size(): number {
    return this.#keys.size + this.#prefixes.size + this.#others.size;
  }

  /** How many spots `key` lies in; they are in `hits`. */
  match(key: Bytes): number {
    let count = 0;
    let hash = hashStart;
    let at = 0;
    const lengths = this.#prefixLengths;
    for (let i = 0; i < lengths.length; i++) {
      const length = lengths[i] as number;
      if (length > key.length) break;
      while (at < length) hash = hashByte(hash, key[at++] as number);
      const spot = this.#lookUp(this.#prefixes, mixHash(hash), key, length);
      if (spot !== undefined) this.hits[count++] = spot;
    }
    if (this.#keys.size > 0) {
      while (at < key.length) hash = hashByte(hash, key[at++] as number);
      const spot = this.#lookUp(this.#keys, mixHash(hash), key, key.length);
      if (spot !== undefined) this.hits[count++] = spot;
    }
    return this.#others.size === 0 ? count : this.#others.stab(key, this.hits, count);
  }

  /** The spot of this range, made if nobody watches it yet. The bytes are copied. */
  spotOf(key: Bytes, end: Bytes | undefined): Spot {
    const kind = kindOf(key, end);
    if (kind === 'other') {
      const known = this.#others.find(key, end);
      if (known !== undefined) return known;
      const spot = new Spot(key.slice(), end?.slice(), -1);
      this.#others.insert(spot);
      return spot;
    }
    const table = kind === 'key' ? this.#keys : this.#prefixes;
    const hash = hashBytes(key);
    const known = this.#lookUp(table, hash, key, key.length);
    if (known !== undefined) return known;
    const slot = this.#freeSlots.pop() ?? this.#spots.length;
    // The end follows from the key, so only the key is kept.
    const spot = new Spot(key.slice(), undefined, slot);
    this.#spots[slot] = spot;
    table.insert(hash, slot);
    if (kind === 'prefix') this.#countPrefix(key.length, 1);
    return spot;
  }

  /** All spots, in no order. */
  all(): Spot[] {
    const spots = this.#others.all();
    for (const spot of this.#spots) if (spot !== undefined) spots.push(spot);
    return spots;
  }

  /** Nobody watches it any more. */
  remove(spot: Spot): void {
    if (spot.slot < 0) {
      this.#others.remove(spot);
      return;
    }
    const hash = hashBytes(spot.key);
    if (!removeSlot(this.#keys, hash, spot.slot)) {
      removeSlot(this.#prefixes, hash, spot.slot);
      this.#countPrefix(spot.key.length, -1);
    }
    this.#spots[spot.slot] = undefined;
    this.#freeSlots.push(spot.slot);
  }

  #lookUp(table: SlotTable, hash: number, key: Bytes, length: number): Spot | undefined {
    for (let at = table.first(hash); at >= 0; at = table.next(hash, at)) {
      const spot = this.#spots[table.slot(at)];
      if (spot !== undefined && spot.key.length === length && beginsWith(key, spot.key, length)) return spot;
    }
    return undefined;
  }

  #countPrefix(length: number, change: number): void {
    let at = this.#prefixLengths.findIndex((each) => each >= length);
    if (at < 0) at = this.#prefixLengths.length;
    if (this.#prefixLengths[at] !== length) {
      this.#prefixLengths.splice(at, 0, length);
      this.#prefixCounts.splice(at, 0, 0);
    }
    const count = (this.#prefixCounts[at] as number) + change;
    this.#prefixCounts[at] = count;
    if (count > 0) return;
    this.#prefixLengths.splice(at, 1);
    this.#prefixCounts.splice(at, 1);
  }
}

function removeSlot(table: SlotTable, hash: number, slot: number): boolean {
  for (let at = table.first(hash); at >= 0; at = table.next(hash, at)) {
    if (table.slot(at) !== slot) continue;
    table.remove(at);
    return true;
  }
  return false;
}
