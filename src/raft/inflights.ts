/**
 * The append messages on their way to one follower: a window bounded by their number and by their bytes.
 *
 * Invariant: indexes rise from the oldest to the newest, so an acknowledgement frees a prefix.
 */
import { check } from '../base/check.js';

export class Inflights {
  /** A ring: the oldest message at `#start`, `count` of them. Grows to what is really in flight, not to the limit. */
  #indexes = new Float64Array(0);
  #bytes = new Float64Array(0);
  #start = 0;
  #count = 0;
  #totalBytes = 0;

  constructor(
    readonly maxMessages: number,
    /** 0 for no limit. */
    readonly maxBytes: number,
  ) {}

  get count(): number {
    return this.#count;
  }

  get full(): boolean {
    return this.#count === this.maxMessages || (this.maxBytes !== 0 && this.#totalBytes >= this.maxBytes);
  }

  /** Records a message whose last entry is `index`. */
  add(index: number, bytes: number): void {
    check(!this.full, 'nothing is sent into a full window');
    if (this.#count === this.#indexes.length) this.#grow();
    const at = (this.#start + this.#count) & (this.#indexes.length - 1);
    this.#indexes[at] = index;
    this.#bytes[at] = bytes;
    this.#count++;
    this.#totalBytes += bytes;
  }

  /** Frees every message whose last entry is at or before `index`. */
  freeTo(index: number): void {
    const mask = this.#indexes.length - 1;
    while (this.#count > 0 && (this.#indexes[this.#start] as number) <= index) {
      this.#totalBytes -= this.#bytes[this.#start] as number;
      this.#start = (this.#start + 1) & mask;
      this.#count--;
    }
  }

  clear(): void {
    this.#start = 0;
    this.#count = 0;
    this.#totalBytes = 0;
  }

  #grow(): void {
    const capacity = Math.max(8, this.#indexes.length * 2); // A power of two: the ring wraps with a mask.
    const indexes = new Float64Array(capacity);
    const bytes = new Float64Array(capacity);
    const mask = this.#indexes.length - 1;
    for (let i = 0; i < this.#count; i++) {
      const at = (this.#start + i) & mask;
      indexes[i] = this.#indexes[at] as number;
      bytes[i] = this.#bytes[at] as number;
    }
    this.#indexes = indexes;
    this.#bytes = bytes;
    this.#start = 0;
  }
}
