/**
 * A header block that comes in several frames (RFC 9113, 6.10), gathered until it is whole.
 *
 * Bounded in bytes and in frames: a block without end is a known flood, and empty frames make one, too.
 */
import { type Bytes, noBytes } from '../../base/bytes.js';

const continuationsMax = 32;

export class HeaderAssembly {
  /** The stream whose block is unfinished, or 0. */
  id = 0;
  /** The block will end its stream. */
  ends = false;
  bytes: Bytes = noBytes;
  length = 0;
  /** When the block's first frame came. */
  sinceMs = 0;
  #continuations = 0;

  constructor(readonly bytesMax: number) {}

  begin(id: number, ends: boolean, nowMs: number): void {
    this.id = id;
    this.ends = ends;
    this.sinceMs = nowMs;
    this.#continuations = 0;
    this.length = 0;
  }

  /** Adds a frame's part; otherwise says which bound it breaks. */
  add(bytes: Bytes, start: number, end: number): 'added' | 'tooMany' | 'tooLarge' {
    if (this.#continuations++ > continuationsMax) return 'tooMany';
    const length = this.length + end - start;
    if (length > this.bytesMax) return 'tooLarge';
    if (length > this.bytes.length) {
      const larger = new Uint8Array(length * 2);
      larger.set(this.bytes.subarray(0, this.length));
      this.bytes = larger;
    }
    this.bytes.set(bytes.subarray(start, end), this.length);
    this.length = length;
    return 'added';
  }

  /** Ends the gathering; answers the block's memory, which is let go of. */
  finish(): Bytes {
    const { bytes } = this;
    this.id = 0;
    this.bytes = noBytes;
    return bytes;
  }
}
