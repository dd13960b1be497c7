/**
 * A window onto one page of the tree: a sorted run of entries, leaf or inner.
 *
 *     | header 16 | slots, rising -> |    free    | <- entries | prefix |
 *     header   count 2, prefix length 2, lowest entry 2, garbage bytes 2, next leaf 4, kind 4
 *     slot     first 22 bits of the suffix, then the entry's place in words, 10 bits
 *     entry    fields 12 (leaf) or 8 (inner), shape 2, suffix, padding to 4, tails
 *     shape    suffix length 10 bits, then which tails follow: 4 bits
 *
 * All keys of a page begin with the page's prefix, and so would any key that could come here: the prefix is shared by
 * the two keys that fence the page in. An entry holds what follows it, the suffix. The slot's 22 bits settle nearly
 * every comparison without a look at the entry. A key too long for a page has no suffix but a `long` tail.
 *
 * Entry 0 of an inner page stands for every key below entry 1: it has no key, and none is ever compared with it.
 */

import type { Bytes } from '../../base/bytes.js';
import { check } from '../../base/check.js';
import type { KeyBuffer } from './key-buffer.js';
import type { LongKeys } from './long-keys.js';
import { type Chunk, noPage, type PagePool, pageBytes } from './pages.js';

export const leafKind = 1;
export const innerKind = 2;
export type PageKind = typeof leafKind | typeof innerKind;

const headerBytes = 16;
export const pageCapacity = pageBytes - headerBytes;
/** Four entries of any length must fit into a page, or it could not be split. */
export const inlineKeyBytesMax = 960;
/** Shorter than any long key by a head, so that a head is always read from whole bytes. */
const prefixBytesMax = 956;

/** Tails of an entry, in the order they stand in. Inner entries have `long` alone. */
export const longTail = 1; // First page of the long key 4, its length 4.
export const lifeTail = 2; // Creation revision and version 12, newest older revision 4.
export const leaseTail = 4; // Lease 8.
export const subTail = 8; // Sub revision 4.
export const tailsOf = (shape: number) => shape >>> 10;
export const tailBytes = Uint8Array.from({ length: 16 }, (_, tails) => {
  const long = tails & longTail ? 8 : 0;
  const life = tails & lifeTail ? 16 : 0;
  const lease = tails & leaseTail ? 8 : 0;
  return long + life + lease + (tails & subTail ? 4 : 0);
});
const suffixMask = 1023;

/** Set in a leaf entry's second word when the key's newest revision is a tombstone. */
export const deadBit = 0x8000_0000;

const headOf = (bytes: Bytes, from: number, end: number): number => {
  const first = from < end ? (bytes[from] as number) << 14 : 0;
  const second = from + 1 < end ? (bytes[from + 1] as number) << 6 : 0;
  return first | second | (from + 2 < end ? (bytes[from + 2] as number) >>> 2 : 0);
};

export class SlottedPage {
  page = noPage;
  chunk: Chunk;
  /** Where the page begins in the chunk, in bytes. */
  base = 0;
  /** Where an entry's shape stands in it. */
  shapeAt = 12;
  /** Whether the last `search` met the very key. */
  found = false;
  readonly #pool: PagePool;
  readonly #longKeys: LongKeys;

  constructor(pool: PagePool, longKeys: LongKeys) {
    this.#pool = pool;
    this.#longKeys = longKeys;
    this.chunk = pool.chunkOf(noPage);
  }

  open(page: number): void {
    this.page = page;
    this.chunk = this.#pool.chunkOf(page);
    this.base = this.#pool.baseOf(page);
    this.shapeAt = this.chunk.words[(this.base >>> 2) + 3] === leafKind ? 12 : 8;
  }

  /** Makes `page` an empty one whose keys begin with the first `prefixLength` bytes of `prefix`. */
  create(page: number, kind: PageKind, prefix: Bytes, prefixLength: number, next: number): void {
    this.page = page;
    this.chunk = this.#pool.chunkOf(page);
    this.base = this.#pool.baseOf(page);
    this.shapeAt = kind === leafKind ? 12 : 8;
    const half = this.base >>> 1;
    const { bytes, halves, words } = this.chunk;
    halves[half] = 0;
    halves[half + 1] = prefixLength;
    halves[half + 2] = (pageBytes - prefixLength) & ~3;
    halves[half + 3] = 0;
    words[(this.base >>> 2) + 2] = next;
    words[(this.base >>> 2) + 3] = kind;
    const prefixAt = this.base + pageBytes - prefixLength;
    for (let i = 0; i < prefixLength; i++) bytes[prefixAt + i] = prefix[i] as number;
  }

  get kind(): PageKind {
    return this.shapeAt === 12 ? leafKind : innerKind;
  }

  get count(): number {
    return this.chunk.halves[this.base >>> 1] as number;
  }

  get prefixLength(): number {
    return this.chunk.halves[(this.base >>> 1) + 1] as number;
  }

  get next(): number {
    return this.chunk.words[(this.base >>> 2) + 2] as number;
  }

  setNext(page: number): void {
    this.chunk.words[(this.base >>> 2) + 2] = page;
  }

  /** Bytes taken by slots, living entries and the prefix. */
  get usedBytes(): number {
    const half = this.base >>> 1;
    const { halves } = this.chunk;
    const entries = pageBytes - (halves[half + 2] as number) - (halves[half + 3] as number);
    return entries + 4 * (halves[half] as number);
  }

  /** Bytes between the slots and the entries. */
  get #gapBytes(): number {
    const half = this.base >>> 1;
    const { halves } = this.chunk;
    return (halves[half + 2] as number) - headerBytes - 4 * (halves[half] as number);
  }

  /** Where the entry at `position` begins in the chunk, in bytes. */
  entryAt(position: number): number {
    const slot = this.chunk.words[((this.base + headerBytes) >>> 2) + position] as number;
    return this.base + ((slot & suffixMask) << 2);
  }

  shapeOf(entry: number): number {
    return this.chunk.halves[(entry + this.shapeAt) >>> 1] as number;
  }

  /** Where the tails of the entry begin in the chunk, in words. */
  tailsAt(entry: number, shape: number): number {
    return (entry + this.shapeAt + 2 + (shape & suffixMask) + 3) >>> 2;
  }

  #sizeOf(shape: number): number {
    return ((this.shapeAt + 2 + (shape & suffixMask) + 3) & ~3) + (tailBytes[tailsOf(shape)] as number);
  }

  /** The first position from `first` on whose key is not below `key`; `found` says whether it is that key. */
  search(key: Bytes, first: number): number {
    const { words } = this.chunk;
    const prefixLength = this.prefixLength;
    const head = headOf(key, prefixLength, key.length);
    const slots = (this.base + headerBytes) >>> 2;
    let low = first;
    let high = this.count;
    this.found = false;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const slot = words[slots + middle] as number;
      const headHere = slot >>> 10;
      if (headHere < head) low = middle + 1;
      else if (headHere > head) high = middle;
      else {
        const order = this.#compare(key, prefixLength, this.base + ((slot & suffixMask) << 2));
        if (order > 0) low = middle + 1;
        else {
          if (order === 0) this.found = true;
          high = middle;
        }
      }
    }
    return low;
  }

  /** Orders `key` against an entry whose head is the same. */
  #compare(key: Bytes, prefixLength: number, entry: number): number {
    const { bytes } = this.chunk;
    const shape = this.shapeOf(entry);
    if (tailsOf(shape) & longTail) return this.#compareLong(key, entry, shape);
    const suffixLength = shape & suffixMask;
    const keyLength = key.length - prefixLength;
    const shared = Math.min(keyLength, suffixLength);
    const suffix = entry + this.shapeAt + 2;
    // Two whole bytes are in the head, and equal.
    for (let i = 2; i < shared; i++) {
      const difference = (key[prefixLength + i] as number) - (bytes[suffix + i] as number);
      if (difference !== 0) return difference;
    }
    return keyLength - suffixLength;
  }

  #compareLong(key: Bytes, entry: number, shape: number): number {
    const tail = this.tailsAt(entry, shape);
    return this.#longKeys.compare(key, this.chunk.words[tail] as number, this.chunk.words[tail + 1] as number);
  }

  /** Length of the whole key at `position`. */
  keyLengthAt(position: number): number {
    const entry = this.entryAt(position);
    const shape = this.shapeOf(entry);
    if (tailsOf(shape) & longTail) return this.chunk.words[this.tailsAt(entry, shape) + 1] as number;
    return this.prefixLength + (shape & suffixMask);
  }

  prefixInto(into: KeyBuffer): void {
    const prefixLength = this.prefixLength;
    into.reserve(prefixLength);
    const from = this.base + pageBytes - prefixLength;
    for (let i = 0; i < prefixLength; i++) into.bytes[i] = this.chunk.bytes[from + i] as number;
    into.length = prefixLength;
  }

  keyInto(position: number, into: KeyBuffer): void {
    this.prefixInto(into);
    this.suffixInto(this.entryAt(position), into.length, into);
  }

  /** Completes a key whose first `prefixLength` bytes, the page's prefix, stand in `into` already, unless a long key came between. */
  suffixInto(entry: number, prefixLength: number, into: KeyBuffer): void {
    const { bytes, words } = this.chunk;
    const shape = this.shapeOf(entry);
    if (tailsOf(shape) & longTail) {
      const tail = this.tailsAt(entry, shape);
      this.#longKeys.read(words[tail] as number, words[tail + 1] as number, into);
      return;
    }
    const suffixLength = shape & suffixMask;
    into.reserve(prefixLength + suffixLength);
    const suffix = entry + this.shapeAt + 2;
    const to = into.bytes;
    for (let i = 0; i < suffixLength; i++) to[prefixLength + i] = bytes[suffix + i] as number;
    into.length = prefixLength + suffixLength;
  }

  /** Bytes that an entry for a key of `keyLength` takes in such a page with this prefix, slot included. */
  needFor(keyLength: number, tails: number, prefixLength = this.prefixLength): number {
    const long = keyLength > inlineKeyBytesMax;
    const suffixLength = long ? 0 : Math.max(0, keyLength - prefixLength);
    return this.#sizeOf(suffixLength | ((long ? tails | longTail : tails) << 10)) + 4;
  }

  /** Whether `bytes` more would fit, if the garbage were swept together. */
  hasRoom(bytes: number): boolean {
    return this.usedBytes + bytes <= pageCapacity;
  }

  /**
   * Inserts an entry for `key` at `position` and answers where it begins; its fields and tails hold whatever was there.
   * The caller has seen that there is room. `scratch` is overwritten when the page must be swept first.
   */
  insert(position: number, key: Bytes, keyLength: number, tails: number, scratch: SlottedPage): number {
    const long = keyLength > inlineKeyBytesMax;
    const prefixLength = this.prefixLength;
    const suffixLength = long ? 0 : Math.max(0, keyLength - prefixLength);
    const shape = suffixLength | ((long ? tails | longTail : tails) << 10);
    const size = this.#sizeOf(shape);
    if (this.#gapBytes < size + 4) this.sweep(scratch);
    const entry = this.#place(position, headOf(key, prefixLength, keyLength), shape, size);
    const { bytes, words } = this.chunk;
    const suffix = entry + this.shapeAt + 2;
    for (let i = 0; i < suffixLength; i++) bytes[suffix + i] = key[prefixLength + i] as number;
    if (long) {
      const tail = this.tailsAt(entry, shape);
      words[tail] = this.#longKeys.add(key, keyLength);
      words[tail + 1] = keyLength;
    }
    return entry;
  }

  /** Takes the slot and the bytes of a new entry. */
  #place(position: number, head: number, shape: number, size: number): number {
    const { halves, words } = this.chunk;
    const half = this.base >>> 1;
    const count = halves[half] as number;
    const top = (halves[half + 2] as number) - size;
    check(top >= headerBytes + 4 * (count + 1), 'an entry is placed only where it fits');
    const slots = (this.base + headerBytes) >>> 2;
    for (let i = slots + count; i > slots + position; i--) words[i] = words[i - 1] as number;
    words[slots + position] = (head << 10) | (top >>> 2);
    halves[half] = count + 1;
    halves[half + 2] = top;
    halves[(this.base + top + this.shapeAt) >>> 1] = shape;
    return this.base + top;
  }

  /** Adds tails to the entry at `position`, zeroed; answers where it begins now. The caller has seen that there is room. */
  widen(position: number, moreTails: number, scratch: SlottedPage): number {
    const tailsBefore = tailsOf(this.shapeOf(this.entryAt(position)));
    const grown = (tailBytes[tailsBefore | moreTails] as number) - (tailBytes[tailsBefore] as number);
    const sizeBefore = this.#sizeOf(this.shapeOf(this.entryAt(position)));
    // The entry moves, and its old place is swept later: so the gap must hold it whole.
    if (this.#gapBytes < sizeBefore + grown) return this.#widenSweeping(position, moreTails, scratch);
    const before = this.entryAt(position);
    const half = this.base >>> 1;
    const { halves, words } = this.chunk;
    const top = (halves[half + 2] as number) - sizeBefore - grown;
    const entry = this.base + top;
    this.#copyWidened(words, before, entry, moreTails);
    halves[half + 2] = top;
    halves[half + 3] = (halves[half + 3] as number) + sizeBefore;
    const slot = ((this.base + headerBytes) >>> 2) + position;
    words[slot] = ((words[slot] as number) & ~suffixMask) | (top >>> 2);
    return entry;
  }

  /** As `widen`, leaving the old entry out while the page is swept. */
  #widenSweeping(position: number, moreTails: number, scratch: SlottedPage): number {
    scratch.copyOf(this);
    this.create(this.page, this.kind, scratch.#prefix(), scratch.prefixLength, scratch.next);
    this.append(scratch, 0, position);
    const before = scratch.entryAt(position);
    const shape = scratch.shapeOf(before);
    const slot = scratch.chunk.words[((scratch.base + headerBytes) >>> 2) + position] as number;
    const wide = shape | (moreTails << 10);
    const entry = this.#place(position, slot >>> 10, wide, this.#sizeOf(wide));
    this.#copyWidened(scratch.chunk.words, before, entry, moreTails);
    this.append(scratch, position + 1, scratch.count);
    return entry;
  }

  /** Copies an entry of `from` to `entry` here, with more tails than it had; the new ones are zero. */
  #copyWidened(from: Uint32Array, before: number, entry: number, moreTails: number): void {
    const { halves, words } = this.chunk;
    let to = entry >>> 2;
    let read = before >>> 2;
    const bodyEnd = (this.shapeAt + 4) >>> 2; // Up to the word with the shape.
    for (let i = 0; i < bodyEnd; i++) words[to++] = from[read++] as number;
    const shapeAt = (entry + this.shapeAt) >>> 1;
    const shape = halves[shapeAt] as number;
    halves[shapeAt] = shape | (moreTails << 10);
    for (const tailsEnd = this.tailsAt(entry, shape); to < tailsEnd; ) words[to++] = from[read++] as number;
    for (let tail = longTail; tail <= subTail; tail <<= 1) {
      const had = (tailsOf(shape) & tail) !== 0;
      if (!had && !(moreTails & tail)) continue;
      for (let left = tailBytes[tail] as number; left > 0; left -= 4) words[to++] = had ? (from[read++] as number) : 0;
    }
  }

  /** Removes the entry at `position`, and its long key. */
  remove(position: number): void {
    const { halves, words } = this.chunk;
    const half = this.base >>> 1;
    const entry = this.entryAt(position);
    const shape = this.shapeOf(entry);
    if (tailsOf(shape) & longTail) this.#longKeys.remove(words[this.tailsAt(entry, shape)] as number);
    const count = (halves[half] as number) - 1;
    const slots = (this.base + headerBytes) >>> 2;
    for (let i = slots + position; i < slots + count; i++) words[i] = words[i + 1] as number;
    halves[half] = count;
    halves[half + 3] = (halves[half + 3] as number) + this.#sizeOf(shape);
  }

  /** Moves all entries together, so that all free bytes lie in one gap. */
  sweep(scratch: SlottedPage): void {
    scratch.copyOf(this);
    this.create(this.page, this.kind, scratch.#prefix(), scratch.prefixLength, scratch.next);
    this.append(scratch, 0, scratch.count);
  }

  /** Makes this page a copy of `source`. Long keys are then in two pages: one of them must be written anew. */
  copyOf(source: SlottedPage): void {
    this.chunk.bytes.set(source.chunk.bytes.subarray(source.base, source.base + pageBytes), this.base);
    this.shapeAt = source.shapeAt;
  }

  /** Bytes that entries [from, to) would take, slots included, in a page whose prefix is `prefixLength` long. */
  bytesWith(prefixLength: number, from: number, to: number): number {
    const delta = this.prefixLength - prefixLength;
    let total = 0;
    for (let position = from; position < to; position++) {
      const shape = this.shapeOf(this.entryAt(position));
      const keyless = tailsOf(shape) & longTail || (position === 0 && this.shapeAt === 8);
      total += 4 + this.#sizeOf(keyless ? shape : shape + delta);
    }
    return total;
  }

  /** Appends entries [from, to) of `source`, a page of the same kind. */
  append(source: SlottedPage, from: number, to: number): void {
    for (let position = from; position < to; position++) this.#appendOne(source, position);
  }

  #appendOne(source: SlottedPage, position: number): void {
    const read = source.entryAt(position);
    const shapeRead = source.shapeOf(read);
    const delta = source.prefixLength - this.prefixLength;
    const keyless = tailsOf(shapeRead) & longTail || (position === 0 && this.shapeAt === 8);
    const shape = keyless ? shapeRead : shapeRead + delta;
    const entry = this.#place(this.count, 0, shape, this.#sizeOf(shape));
    const { bytes, words } = this.chunk;
    const fieldWords = this.shapeAt >>> 2;
    for (let i = 0; i < fieldWords; i++) words[(entry >>> 2) + i] = source.chunk.words[(read >>> 2) + i] as number;
    const suffix = entry + this.shapeAt + 2;
    const end = suffix + (shape & suffixMask);
    if (!keyless) {
      // Bytes that were in the source's prefix come back, or bytes that are in this prefix now are left out.
      const prefixEnd = source.base + pageBytes;
      let to = suffix;
      for (let i = delta; i > 0; i--) bytes[to++] = source.chunk.bytes[prefixEnd - i] as number;
      let next = read + this.shapeAt + 2 + (delta < 0 ? -delta : 0);
      while (to < end) bytes[to++] = source.chunk.bytes[next++] as number;
    }
    let tail = this.tailsAt(entry, shape);
    let tailRead = source.tailsAt(read, shapeRead);
    for (let left = tailBytes[tailsOf(shape)] as number; left > 0; left -= 4)
      words[tail++] = source.chunk.words[tailRead++] as number;
    const head = tailsOf(shape) & longTail ? this.#headOfLong(entry, shape) : headOf(bytes, suffix, end);
    const slot = ((this.base + headerBytes) >>> 2) + this.count - 1;
    words[slot] = (head << 10) | ((entry - this.base) >>> 2);
  }

  #headOfLong(entry: number, shape: number): number {
    const first = this.chunk.words[this.tailsAt(entry, shape)] as number;
    const at = this.prefixLength;
    const bytes = this.#longKeys;
    return (bytes.byteAt(first, at) << 14) | (bytes.byteAt(first, at + 1) << 6) | (bytes.byteAt(first, at + 2) >>> 2);
  }

  #prefix(): Bytes {
    const end = this.base + pageBytes;
    return this.chunk.bytes.subarray(end - this.prefixLength, end);
  }
}

/** Length of the prefix that a page fenced in by these two keys has; a length of -1 stands for "no bound". */
export function sharedPrefix(low: KeyBuffer, high: KeyBuffer): number {
  const most = Math.min(low.length, high.length, prefixBytesMax);
  let length = 0;
  while (length < most && low.bytes[length] === high.bytes[length]) length++;
  return length;
}
