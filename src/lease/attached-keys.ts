/**
 * Which keys hang on which lease, for any number of keys, off the garbage-collected heap.
 *
 * Key bytes lie in one arena. An entry (offset, length, lease) is found by the key's hash, and the entries of one lease
 * are chained, so that all its keys are found when it ends. Room of keys that are gone is won back when the arena is full.
 */
import { type Bytes, compareBytes } from '../base/bytes.js';
import { check } from '../base/check.js';
import { hashBytes } from '../base/hash.js';
import { SlotTable } from '../base/slot-table.js';

const none = -1;

export class AttachedKeys {
  readonly #table = new SlotTable();
  #arena = new Uint8Array(1024);
  #arenaEnd = 0;
  #deadBytes = 0;
  // One entry a key; `#next` of a free entry leads to the next free one.
  #offset = new Uint32Array(16);
  #length = new Uint32Array(16);
  #hash = new Int32Array(16);
  #lease = new Int32Array(16).fill(none);
  #next = new Int32Array(16);
  #previous = new Int32Array(16);
  #used = 0;
  #free = none;
  /** By lease: its first entry. */
  #first = new Int32Array(16).fill(none);
  /** By lease: how many keys it has. */
  #count = new Int32Array(16);

  get size(): number {
    return this.#table.size;
  }

  get sizeBytes(): number {
    return this.#table.sizeBytes + this.#arena.length + this.#offset.length * 24 + this.#first.length * 8;
  }

  countOf(lease: number): number {
    return this.#count[lease] ?? 0;
  }

  /** The lease that `key` hangs on, or -1. */
  leaseOf(key: Bytes): number {
    const at = this.#find(key, hashBytes(key));
    return at < 0 ? none : (this.#lease[this.#table.slot(at)] as number);
  }

  attach(lease: number, key: Bytes): void {
    const hash = hashBytes(key);
    const at = this.#find(key, hash);
    if (at >= 0) {
      const entry = this.#table.slot(at);
      if (this.#lease[entry] === lease) return;
      this.#unchain(entry);
      this.#chain(entry, lease);
      return;
    }
    const entry = this.#takeEntry();
    this.#offset[entry] = this.#keep(key);
    this.#length[entry] = key.length;
    this.#hash[entry] = hash;
    this.#chain(entry, lease);
    this.#table.insert(hash, entry);
  }

  detach(key: Bytes): void {
    const at = this.#find(key, hashBytes(key));
    if (at >= 0) this.#drop(at);
  }

  /** The lease ended: its keys hang on nothing. */
  detachAll(lease: number): void {
    for (let entry = this.#first[lease] ?? none; entry !== none; entry = this.#first[lease] as number) {
      const hash = this.#hash[entry] as number;
      let at = this.#table.first(hash);
      while (this.#table.slot(at) !== entry) at = this.#table.next(hash, at);
      this.#drop(at);
    }
  }

  /** Copies of the lease's keys, in byte order: all members delete them in the same order. */
  keysOf(lease: number): Bytes[] {
    const keys: Bytes[] = [];
    for (let entry = this.#first[lease] ?? none; entry !== none; entry = this.#next[entry] as number) {
      const offset = this.#offset[entry] as number;
      keys.push(this.#arena.slice(offset, offset + (this.#length[entry] as number)));
    }
    return keys.sort(compareBytes);
  }

  clear(): void {
    this.#table.clear();
    this.#arenaEnd = 0;
    this.#deadBytes = 0;
    this.#used = 0;
    this.#free = none;
    this.#first.fill(none);
    this.#count.fill(0);
  }

  /** Where in the table `key` stands, or -1. */
  #find(key: Bytes, hash: number): number {
    for (let at = this.#table.first(hash); at >= 0; at = this.#table.next(hash, at)) {
      if (this.#holds(this.#table.slot(at), key)) return at;
    }
    return -1;
  }

  #holds(entry: number, key: Bytes): boolean {
    if (this.#length[entry] !== key.length) return false;
    const offset = this.#offset[entry] as number;
    for (let i = 0; i < key.length; i++) if (this.#arena[offset + i] !== key[i]) return false;
    return true;
  }

  #drop(at: number): void {
    const entry = this.#table.slot(at);
    this.#table.remove(at);
    this.#unchain(entry);
    this.#lease[entry] = none;
    this.#deadBytes += this.#length[entry] as number;
    this.#next[entry] = this.#free;
    this.#free = entry;
  }

  #chain(entry: number, lease: number): void {
    if (lease >= this.#first.length) this.#growLeases(lease);
    const first = this.#first[lease] as number;
    this.#lease[entry] = lease;
    this.#next[entry] = first;
    this.#previous[entry] = none;
    if (first !== none) this.#previous[first] = entry;
    this.#first[lease] = entry;
    this.#count[lease] = (this.#count[lease] as number) + 1;
  }

  #unchain(entry: number): void {
    const lease = this.#lease[entry] as number;
    const next = this.#next[entry] as number;
    const previous = this.#previous[entry] as number;
    if (previous === none) this.#first[lease] = next;
    else this.#next[previous] = next;
    if (next !== none) this.#previous[next] = previous;
    this.#count[lease] = (this.#count[lease] as number) - 1;
  }

  #takeEntry(): number {
    const entry = this.#free;
    if (entry !== none) {
      this.#free = this.#next[entry] as number;
      return entry;
    }
    if (this.#used === this.#offset.length) this.#growEntries();
    return this.#used++;
  }

  #growEntries(): void {
    const capacity = this.#offset.length * 2;
    this.#offset = grown(this.#offset, new Uint32Array(capacity));
    this.#length = grown(this.#length, new Uint32Array(capacity));
    this.#hash = grown(this.#hash, new Int32Array(capacity));
    this.#lease = grown(this.#lease, new Int32Array(capacity).fill(none));
    this.#next = grown(this.#next, new Int32Array(capacity));
    this.#previous = grown(this.#previous, new Int32Array(capacity));
  }

  #growLeases(lease: number): void {
    const capacity = Math.max(lease + 1, this.#first.length * 2);
    this.#first = grown(this.#first, new Int32Array(capacity).fill(none));
    this.#count = grown(this.#count, new Int32Array(capacity));
  }

  /** Copies the key's bytes into the arena; answers where they are. */
  #keep(key: Bytes): number {
    if (this.#arenaEnd + key.length > this.#arena.length) this.#makeRoom(key.length);
    const offset = this.#arenaEnd;
    this.#arena.set(key, offset);
    this.#arenaEnd += key.length;
    return offset;
  }

  /** A new arena with the living keys only; larger, unless half of the old one was dead. */
  #makeRoom(needed: number): void {
    const live = this.#arenaEnd - this.#deadBytes;
    let capacity = this.#arena.length;
    while (capacity < (live + needed) * 2) capacity *= 2;
    check(capacity <= 0x1_0000_0000, 'attached keys take less than 4 GiB');
    const arena = new Uint8Array(capacity);
    let end = 0;
    for (let entry = 0; entry < this.#used; entry++) {
      if (this.#lease[entry] === none) continue;
      const offset = this.#offset[entry] as number;
      const length = this.#length[entry] as number;
      arena.set(this.#arena.subarray(offset, offset + length), end);
      this.#offset[entry] = end;
      end += length;
    }
    this.#arena = arena;
    this.#arenaEnd = end;
    this.#deadBytes = 0;
  }
}

function grown<T extends Int32Array | Uint32Array>(from: T, into: T): T {
  into.set(from);
  return into;
}
