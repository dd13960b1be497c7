/** A key being put together: bytes that are reused from key to key, so that building one allocates nothing. */
import type { Bytes } from '../../base/bytes.js';

/** Views of keys up to this length are kept; longer ones are made when asked for. */
const keptViewsMax = 1024;

export class KeyBuffer {
  bytes: Bytes = new Uint8Array(keptViewsMax);
  length = 0;
  #views: (Bytes | undefined)[] = [];

  /** Makes room for `length` bytes; what was there stays. */
  reserve(length: number): void {
    if (length <= this.bytes.length) return;
    const larger = new Uint8Array(Math.max(length, 2 * this.bytes.length));
    larger.set(this.bytes);
    this.bytes = larger;
    this.#views = [];
  }

  copyFrom(key: Bytes): void {
    this.reserve(key.length);
    this.bytes.set(key);
    this.length = key.length;
  }

  /** The key as bytes that the next key overwrites. Making a view costs more than the rest of a scan's step, so each length has one. */
  view(): Bytes {
    if (this.length > keptViewsMax) return this.bytes.subarray(0, this.length);
    const kept = this.#views[this.length];
    if (kept !== undefined) return kept;
    const view = this.bytes.subarray(0, this.length);
    if (this.#views.length === 0) this.#views = new Array(keptViewsMax + 1);
    this.#views[this.length] = view;
    return view;
  }

  copy(): Bytes {
    return this.bytes.slice(0, this.length);
  }
}
