/**
 * Bytes that come in chunks cut anywhere, taken in lengths that their reader knows.
 *
 * What lies whole in a chunk is handed out where it is, as a place in that chunk; only what a cut runs through is copied
 * together. Memory grows with what has come, never with what was promised.
 */
import { type Bytes, noBytes } from '../../base/bytes.js';
import { check } from '../../base/check.js';

const firstHeldBytes = 256;

export class Intake {
  /** What `take` has handed out: `bytes[start, start + count)`. */
  bytes: Bytes = noBytes;
  start = 0;
  #chunk: Bytes = noBytes;
  #at = 0;
  #end = 0;
  /** The beginning of what a cut runs through: `#held[0, #heldBytes)`. */
  #held: Bytes = noBytes;
  #heldBytes = 0;

  /** The chunk before has been taken in by then. */
  add(chunk: Bytes, start: number, end: number): void {
    check(this.#at === this.#end, 'a chunk is read to its end before the next one comes');
    this.#chunk = chunk;
    this.#at = start;
    this.#end = end;
  }

  /** Bytes that have come and were not taken. */
  get waitingBytes(): number {
    return this.#heldBytes + this.#end - this.#at;
  }

  /** Passes over the next `count` bytes; false when they have not all come. Ask for the same again when more has. */
  take(count: number): boolean {
    if (this.#heldBytes > 0) return this.#takeHeld(count);
    const at = this.#at;
    if (this.#end - at < count) {
      this.#hold(count, this.#end - at);
      return false;
    }
    this.bytes = this.#chunk;
    this.start = at;
    this.#at = at + count;
    return true;
  }

  /** Passes over up to `count` bytes of the chunk as they are; how many. */
  takeSome(count: number): number {
    check(this.#heldBytes === 0, 'what was cut is taken together');
    const some = Math.min(count, this.#end - this.#at);
    this.bytes = this.#chunk;
    this.start = this.#at;
    this.#at += some;
    return some;
  }

  #takeHeld(count: number): boolean {
    check(this.#heldBytes < count, 'the same length is asked for until it is there');
    this.#hold(count, Math.min(count - this.#heldBytes, this.#end - this.#at));
    if (this.#heldBytes < count) return false;
    this.bytes = this.#held;
    this.start = 0;
    this.#held = noBytes;
    this.#heldBytes = 0;
    return true;
  }

  #hold(wanted: number, more: number): void {
    if (more === 0) return;
    const total = this.#heldBytes + more;
    if (total > this.#held.length) {
      // Twice as much each time, and in the end just what is wanted.
      const grown = new Uint8Array(Math.min(wanted, Math.max(total, this.#held.length * 2, firstHeldBytes)));
      grown.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = grown;
    }
    this.#held.set(this.#chunk.subarray(this.#at, this.#at + more), this.#heldBytes);
    this.#heldBytes = total;
    this.#at += more;
  }
}

/** A big-endian length or index; what no file and no log is as long as becomes the greatest safe integer. */
export function readUint64(bytes: Bytes, at: number): number {
  const high = readUint32(bytes, at);
  if (high >= 0x20_0000) return Number.MAX_SAFE_INTEGER;
  return high * 0x1_0000_0000 + readUint32(bytes, at + 4);
}

function readUint32(bytes: Bytes, at: number): number {
  const [a, b, c, d] = [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]] as [number, number, number, number];
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}
