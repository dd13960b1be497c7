/**
 * A hash table of small numbers ("slots") that name records kept elsewhere, in typed arrays: no object per entry.
 *
 * Open addressing with linear probing; an entry is (hash, slot). What makes two records equal only the owner knows,
 * so it walks the slots of one hash and compares:
 *
 *     for (let at = table.first(hash); at >= 0; at = table.next(hash, at)) if (same(table.slot(at))) ...
 */
import { check } from './check.js';

const empty = -1;

export class SlotTable {
  #hashes = new Int32Array(16);
  #slots = new Int32Array(16).fill(empty);
  #mask = 15;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get sizeBytes(): number {
    return this.#hashes.byteLength + this.#slots.byteLength;
  }

  slot(at: number): number {
    return this.#slots[at] as number;
  }

  /** Where the first entry with this hash stands, or -1. */
  first(hash: number): number {
    return this.#seek(hash, hash & this.#mask);
  }

  /** Where the next one stands, or -1. */
  next(hash: number, at: number): number {
    return this.#seek(hash, (at + 1) & this.#mask);
  }

  #seek(hash: number, from: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    for (let at = from; slots[at] !== empty; at = (at + 1) & mask) if (this.#hashes[at] === hash) return at;
    return -1;
  }

  /** `hash` is a signed 32-bit number whose low bits are well mixed. */
  insert(hash: number, slot: number): void {
    check(slot >= 0 && hash === (hash | 0), 'a slot is not negative and a hash has 32 bits');
    if (this.#size * 3 >= this.#slots.length * 2) this.#grow();
    this.#place(hash, slot);
    this.#size++;
  }

  #place(hash: number, slot: number): void {
    let at = hash & this.#mask;
    while (this.#slots[at] !== empty) at = (at + 1) & this.#mask;
    this.#hashes[at] = hash;
    this.#slots[at] = slot;
  }

  #grow(): void {
    const hashes = this.#hashes;
    const slots = this.#slots;
    this.#hashes = new Int32Array(slots.length * 2);
    this.#slots = new Int32Array(slots.length * 2).fill(empty);
    this.#mask = slots.length * 2 - 1;
    for (let i = 0; i < slots.length; i++) {
      if (slots[i] !== empty) this.#place(hashes[i] as number, slots[i] as number);
    }
  }

  /** Removes the entry that stands at `at`. Positions learned before are void. */
  remove(at: number): void {
    check(this.#slots[at] !== empty, 'only an entry that is there is removed');
    this.#size--;
    // The entries behind the gap move up, unless that would put one before its home.
    let gap = at;
    for (let from = (at + 1) & this.#mask; this.#slots[from] !== empty; from = (from + 1) & this.#mask) {
      const home = (this.#hashes[from] as number) & this.#mask;
      if (((from - home) & this.#mask) < ((from - gap) & this.#mask)) continue;
      this.#hashes[gap] = this.#hashes[from] as number;
      this.#slots[gap] = this.#slots[from] as number;
      gap = from;
    }
    this.#slots[gap] = empty;
  }

  clear(): void {
    this.#hashes = new Int32Array(16);
    this.#slots = new Int32Array(16).fill(empty);
    this.#mask = 15;
    this.#size = 0;
  }
}
