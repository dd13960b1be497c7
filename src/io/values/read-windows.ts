/**
 * Stretches of segment files read with one call, for readers that go through a file: a range in key order mostly meets values that were
 * written close to each other, though not in their order.
 */
import { readSync } from 'node:fs';
import type { Bytes } from '../../base/bytes.js';

export const windowBytes = 64 << 10;
const windows = 16;
const empty = -1;

/** What is read from: bytes up to `writtenBytes` never change. */
export interface WindowSource {
  readonly number: number;
  readonly file: number;
  readonly writtenBytes: number;
}

export class ReadWindows {
  readonly #bytes: Bytes = Buffer.allocUnsafeSlow(windowBytes * windows);
  readonly #segments = new Float64Array(windows).fill(empty);
  /** Which stretch of its segment a window holds, and how many bytes of it. */
  readonly #places = new Float64Array(windows);
  readonly #lengths = new Float64Array(windows);

  /** Copies [offset, end) of the file to `to`; false when it does not lie within one window. */
  copy(source: WindowSource, offset: number, end: number, to: Bytes, at: number): boolean {
    const place = Math.floor(offset / windowBytes);
    const from = place * windowBytes;
    if (end > from + windowBytes) return false;
    const window = (place + source.number) % windows;
    const start = window * windowBytes;
    const held = this.#segments[window] === source.number && this.#places[window] === place;
    if (!held || (this.#lengths[window] as number) < end - from) {
      this.#segments[window] = empty;
      const length = Math.min(windowBytes, source.writtenBytes - from);
      this.#lengths[window] = readSync(source.file, this.#bytes, start, length, from);
      this.#places[window] = place;
      this.#segments[window] = source.number;
    }
    if ((this.#lengths[window] as number) < end - from) return false;
    to.set(this.#bytes.subarray(start + offset - from, start + end - from), at);
    return true;
  }
}
