/**
 * Reads a segment frame by frame and says how it ends: well, torn, or damaged.
 *
 * A write that was in flight when the power failed is *torn*: any of its sectors may be missing, and a missing one reads as zeroes,
 * for segments are filled with zeroes ahead. Nobody was told that this write succeeded, so it may be cut off. Everything else
 * that does not read is *damage*, and may be what somebody was told is safe. The tests, strictest last:
 *
 * - only the last segment can be torn, for the write before a new segment has ended;
 * - a sector of the frame is zero throughout, or the file ends inside the frame (etcd's rule);
 * - what is written behind is no more than one write: a hole in the middle of the log is no torn write;
 * - the length in the frame's header is the one that the record itself tells: etcd would take a flipped bit there for a torn write.
 */
import type { Bytes } from '../../base/bytes.js';
import { check } from '../../base/check.js';
import { decodeFailure } from '../proto/failure.js';
import { Reader } from '../proto/reader.js';
import { type Checksum, frameHeaderBytes, recordType, sectorBytes } from './format.js';

/** How a segment ends: `offset` is behind the last record that is sound. */
export type SegmentEnd =
  | { readonly kind: 'clean'; readonly offset: number }
  | { readonly kind: 'torn'; readonly offset: number; readonly writtenTo: number }
  | { readonly kind: 'damaged'; readonly offset: number; readonly writtenTo: number; readonly what: string };

/** The longest write that can be torn, a single great entry apart. */
export const tornBytesMax = 4 << 20;

/** A segment is named when its sum and metadata are durable: with these missing, it is not torn. */
const headRecords = 2;

export class SegmentReader {
  /** The running sum of all data so far. */
  sum: number;
  bytes: Bytes = new Uint8Array(0);
  length = 0;
  last = false;
  /** Behind the last sound record. */
  offset = 0;
  /** The record that was read; its data is `bytes[dataStart, dataEnd)`. */
  type = 0;
  dataStart = 0;
  dataEnd = 0;
  end: SegmentEnd | undefined;

  #recordSum = 0;
  #recordsRead = 0;
  readonly #reader = new Reader();

  constructor(
    readonly checksum: Checksum,
    sum = 0,
  ) {
    this.sum = sum;
  }

  /** `bytes[0, length)` is the whole file; `last` when no segment follows. */
  open(bytes: Bytes, length: number, last: boolean): void {
    this.bytes = bytes;
    this.length = length;
    this.last = last;
    this.offset = 0;
    this.end = undefined;
    this.#recordsRead = 0;
  }

  /** Reads the next record; false at the end, which then stands in `end`. */
  next(): boolean {
    check(this.end === undefined, 'nothing is read behind the end of a segment');
    const { bytes, offset, length } = this;
    if (offset + frameHeaderBytes > length) return this.#endHere(length);
    const frameLength = this.#frameLength();
    if (frameLength === 0) return this.#endHere(length);
    const padding = -frameLength & 7;
    const start = offset + frameHeaderBytes;
    const stop = start + frameLength + padding;
    // A header lies within a sector, so it is never torn.
    if (bytes[offset + 7] !== (padding === 0 ? 0 : 0x80 | padding))
      return this.#damaged(length, 'a frame has no sound length');
    if (stop > length) return this.#broken(stop, `unexpected EOF: [wal] max entry size limit exceeded when reading`);
    if (!this.#record(start, start + frameLength)) return this.#broken(stop, 'the record is not well formed');
    if (this.type === recordType.crc) {
      // A reader that begins here has no sum yet, and takes over the one that is written.
      if (this.sum !== 0 && this.sum !== this.#recordSum) return this.#broken(stop, 'wal: crc mismatch');
      this.sum = this.#recordSum;
    } else {
      const sum = this.checksum(bytes, this.dataStart, this.dataEnd, this.sum);
      if (sum !== this.#recordSum) return this.#broken(stop, this.#mismatch(sum));
      this.sum = sum;
    }
    this.offset = stop;
    this.#recordsRead++;
    return true;
  }

  #mismatch(sum: number): string {
    return `walpb: crc mismatch: expected: ${this.#recordSum.toString(16)} computed: ${sum.toString(16)}`;
  }

  /** The lower 56 bits of the header, as a number. */
  #frameLength(): number {
    const { bytes, offset } = this;
    let length = 0;
    for (let i = 6; i >= 0; i--) length = length * 256 + (bytes[offset + i] as number);
    return length;
  }

  #record(start: number, stop: number): boolean {
    const reader = this.#reader;
    reader.open(this.bytes, start, stop);
    this.type = 0;
    this.#recordSum = 0;
    this.dataStart = stop;
    this.dataEnd = stop;
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag())
      switch (tag) {
        case 0x08:
          this.type = reader.uint64();
          break;
        case 0x10:
          this.#recordSum = reader.varint() ? reader.lo : 0;
          break;
        case 0x1a:
          this.dataEnd = reader.bytesField();
          this.dataStart = reader.fieldStart;
          break;
        default:
          reader.skip(tag);
      }
    return reader.failure === decodeFailure.none;
  }

  /** Writing stopped here, if nothing but zeroes follow. */
  #endHere(length: number): boolean {
    const { offset } = this;
    const writtenTo = lastWritten(this.bytes, offset, length);
    if (this.#recordsRead < headRecords) return this.#damaged(writtenTo, 'a segment without its head');
    if (writtenTo === offset) this.end = { kind: 'clean', offset };
    else if (!this.last) return this.#damaged(writtenTo, 'zeroes where a record was written');
    else if (writtenTo - offset > tornBytesMax)
      return this.#damaged(writtenTo, `zeroes before ${writtenTo - offset} bytes of records`);
    else this.end = { kind: 'torn', offset, writtenTo };
    return false;
  }

  /** The frame that begins at `offset` and claims to end at `stop` does not read. */
  #broken(stop: number, what: string): boolean {
    const { bytes, offset, length } = this;
    const writtenTo = lastWritten(bytes, offset, length);
    const inside = Math.min(stop, length);
    const missing = stop > length || hasZeroSector(bytes, offset + frameHeaderBytes, inside);
    const oneWrite = writtenTo - inside <= tornBytesMax;
    if (!this.last || this.#recordsRead < headRecords || !missing || !oneWrite || !this.#lengthAgrees(inside))
      return this.#damaged(writtenTo, what);
    this.end = { kind: 'torn', offset, writtenTo };
    return false;
  }

  /** False when the record's own lengths are there to be read and contradict the header. */
  #lengthAgrees(inside: number): boolean {
    const { bytes, offset } = this;
    const start = offset + frameHeaderBytes;
    const reader = this.#reader;
    reader.open(bytes, start, Math.min(inside, start + 20));
    if (reader.tag() !== 0x08 || reader.uint64() === 0 || reader.tag() !== 0x10 || !reader.varint()) return true;
    const tagAt = reader.at;
    if (reader.tag() !== 0x1a || !reader.varint()) return true;
    // What lies in the next sector may be missing.
    if (Math.floor(tagAt / sectorBytes) !== Math.floor((reader.at - 1) / sectorBytes)) return true;
    return reader.at + reader.lo - start === this.#frameLength();
  }

  #damaged(writtenTo: number, what: string): boolean {
    this.end = { kind: 'damaged', offset: this.offset, writtenTo, what };
    return false;
  }
}

/** Behind the last byte of `bytes[start, end)` that is not zero; `start` when all are. */
export function lastWritten(bytes: Bytes, start: number, end: number): number {
  let at = end;
  // Four at a time where the buffer allows it: this passes over the rest of a preallocated segment.
  while (at > start && (bytes.byteOffset + at) % 4 !== 0) if (bytes[--at] !== 0) return at + 1;
  let words = Math.floor((at - start) / 4);
  const view = new Int32Array(bytes.buffer, bytes.byteOffset + at - words * 4, words);
  at -= words * 4;
  while (words > 0 && view[words - 1] === 0) words--;
  at += words * 4;
  while (at > start && bytes[at - 1] === 0) at--;
  return at;
}

/** Whether a piece of `bytes[start, end)`, cut where sectors of the file meet, is zero throughout. */
function hasZeroSector(bytes: Bytes, start: number, end: number): boolean {
  for (let at = start; at < end; ) {
    const stop = Math.min(at - (at % sectorBytes) + sectorBytes, end);
    if (lastWritten(bytes, at, stop) === at) return true;
    at = stop;
  }
  return false;
}
