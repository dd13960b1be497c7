/**
 * Keys too long for a slotted page: each is a chain of pages of its own, and the slotted page keeps the first one's number.
 *
 *     page   | next page 4 | key bytes 4092 |
 */
import type { Bytes } from '../../base/bytes.js';
import type { KeyBuffer } from './key-buffer.js';
import { noPage, type PagePool, pageBytes } from './pages.js';

const linkBytes = 4;
const partBytes = pageBytes - linkBytes;

export class LongKeys {
  readonly #pool: PagePool;

  constructor(pool: PagePool) {
    this.#pool = pool;
  }

  /** Stores a copy of the first `length` bytes of `key`. */
  add(key: Bytes, length: number): number {
    let first = noPage;
    // From the last part to the first, so that each page knows its successor when it is written.
    for (let from = Math.floor((length - 1) / partBytes) * partBytes; from >= 0; from -= partBytes) {
      const page = this.#pool.take();
      const chunk = this.#pool.chunkOf(page);
      const base = this.#pool.baseOf(page);
      chunk.words[base >>> 2] = first;
      chunk.bytes.set(key.subarray(from, Math.min(length, from + partBytes)), base + linkBytes);
      first = page;
    }
    return first;
  }

  remove(first: number): void {
    for (let page = first; page !== noPage; ) {
      const next = this.#next(page);
      this.#pool.give(page);
      page = next;
    }
  }

  /** Puts the whole key into `into`. */
  read(first: number, length: number, into: KeyBuffer): void {
    into.reserve(length);
    into.length = length;
    let at = 0;
    for (let page = first; page !== noPage; page = this.#next(page)) {
      const from = this.#pool.baseOf(page) + linkBytes;
      const part = Math.min(partBytes, length - at);
      into.bytes.set(this.#pool.chunkOf(page).bytes.subarray(from, from + part), at);
      at += part;
    }
  }

  /** Bytewise order of `key` against a stored key of `length` bytes, as `compareBytes`. */
  compare(key: Bytes, first: number, length: number): number {
    const shared = Math.min(key.length, length);
    let at = 0;
    for (let page = first; at < shared; page = this.#next(page)) {
      const bytes = this.#pool.chunkOf(page).bytes;
      const shift = this.#pool.baseOf(page) + linkBytes - at;
      const partEnd = Math.min(shared, at + partBytes);
      for (; at < partEnd; at++) {
        const difference = (key[at] as number) - (bytes[shift + at] as number);
        if (difference !== 0) return difference;
      }
    }
    return key.length - length;
  }

  /** The byte at `at`, which must be within the first part of the key: prefixes never reach further. */
  byteAt(first: number, at: number): number {
    return this.#pool.chunkOf(first).bytes[this.#pool.baseOf(first) + linkBytes + at] as number;
  }

  /** Calls `visit` for each page of the key that begins at `first`. */
  eachPage(first: number, visit: (page: number) => void): void {
    for (let page = first; page !== noPage; page = this.#next(page)) visit(page);
  }

  #next(page: number): number {
    return this.#pool.chunkOf(page).words[this.#pool.baseOf(page) >>> 2] as number;
  }
}
