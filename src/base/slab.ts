/**
 * Small byte arrays cut from large ones.
 *
 * A `Uint8Array` of its own has memory of its own outside of the heap: making one of 300 bytes takes 0.7 us, a cut 0.1 us.
 * A cut keeps its whole slab alive, so a slab is for bytes that live about equally long, as written values do until they are committed.
 */
import type { Bytes } from './bytes.js';

export class Slab {
  #bytes: Bytes;
  #at = 0;

  constructor(readonly sizeBytes = 64 * 1024) {
    this.#bytes = new Uint8Array(sizeBytes);
  }

  /** `length` zero bytes that nobody else has. Long ones get memory of their own, so that little of a slab is wasted. */
  take(length: number): Bytes {
    if (length > this.sizeBytes / 8) return new Uint8Array(length);
    if (this.#at + length > this.sizeBytes) {
      this.#bytes = new Uint8Array(this.sizeBytes);
      this.#at = 0;
    }
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }
}
