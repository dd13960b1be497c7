/**
 * Cuts a stream's data into messages. A message that lies whole in a chunk is handed on in place; the rest is gathered.
 *
 * The length a prefix claims is not believed: memory grows with what has come, never with what was promised.
 */
import { type Bytes, noBytes } from '../../base/bytes.js';
import { readUint32 } from '../http2/protocol.js';
import { messagePrefixBytes } from './messages.js';

/** A message of which this much has come is a large one. */
const largeBytes = 1 << 20;
/** Room taken for a large message, as a multiple of what has come: pages that nothing was written to cost no memory. */
const largeGrowth = 64;

export class Inbox {
  bytes: Bytes = noBytes;
  length = 0;

  add(bytes: Bytes, start: number, end: number): void {
    const needed = this.length + end - start;
    if (needed > this.bytes.length) {
      const growth = needed < largeBytes ? 2 : largeGrowth;
      const larger = new Uint8Array(Math.max(needed, Math.min(needed * growth, this.wholeLength())));
      larger.set(this.bytes.subarray(0, this.length));
      this.bytes = larger;
    }
    this.bytes.set(bytes.subarray(start, end), this.length);
    this.length = needed;
  }

  /** Bytes of the first message with its prefix, as far as it is known. */
  wholeLength(): number {
    return this.length < messagePrefixBytes ? messagePrefixBytes : messagePrefixBytes + readUint32(this.bytes, 1);
  }

  /** Drops what has been read. */
  drop(length: number): void {
    if (length === 0) return; // Most pieces of a large message complete nothing, and must not copy it each time.
    if (length === this.length) {
      this.bytes = noBytes;
      this.length = 0;
      return;
    }
    this.bytes = this.bytes.slice(length, this.length);
    this.length -= length;
  }
}
