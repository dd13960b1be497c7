/**
 * Regions of exact size, cut from larger buffers: a typed array with a buffer of its own costs about ten times as much to
 * allocate as a view, and a put makes one.
 *
 * A buffer lives as long as any region of it, so regions that live long belong into a slab of their own.
 */
import type { Bytes } from '../base/bytes.js';

const slabBytes = 64 * 1024;
/** Above this a region gets its own buffer: cutting it would waste too much of the slab. */
const cutBytesMax = 8 * 1024;

export class Slab {
  #buffer = new ArrayBuffer(0);
  #at = 0;

  /** `length` zeroes that belong to the caller alone. */
  take(length: number): Bytes {
    if (length > cutBytesMax) return new Uint8Array(length);
    if (this.#at + length > this.#buffer.byteLength) {
      this.#buffer = new ArrayBuffer(slabBytes);
      this.#at = 0;
    }
    const region = new Uint8Array(this.#buffer, this.#at, length);
    this.#at += length;
    return region;
  }

  copy(bytes: Bytes): Bytes {
    const region = this.take(bytes.length);
    region.set(bytes);
    return region;
  }
}
