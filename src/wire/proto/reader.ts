/**
 * Reads protobuf in place: `bytes[at, end)`, without a slice and without a throw.
 *
 * The first fault is kept in `failure` and moves `at` behind every end, so that all loops over tags run out by themselves
 * and nothing more is read; a decoder looks at `failure` once, when it is done. What is accepted is what Go's protobuf accepts:
 * a known number with another wire type is an unknown field, unknown fields are skipped, a tag may be an overlong varint.
 *
 *     for (let tag = reader.tag(); tag !== 0; tag = reader.tag())
 *       switch (tag) {
 *         case 0x0a: this.keyEnd = reader.bytesField(); this.keyStart = reader.fieldStart; break;
 *         default: reader.skip(tag);
 *       }
 */
import { type Bytes, noBytes, text } from '../../base/bytes.js';
import { type DecodeFailure, decodeFailure, messageDepthMax } from './failure.js';
import { type Int64, int64Of, signedOf, unsignedOf } from './int64.js';
import { isUtf8 } from './utf8.js';

/** Where `at` stands after a fault: behind the end of any buffer. */
const behindAll = 0x3fff_ffff;
const wireGroupStart = 3;
const wireGroupEnd = 4;
const groupNumberMax = 0x7fff_ffff;

export class Reader {
  bytes: Bytes = noBytes;
  at = 0;
  end = 0;
  failure: DecodeFailure = decodeFailure.none;
  /** Where the content of the last length-delimited field began. */
  fieldStart = 0;
  /** The halves, unsigned, of the varint that `varint` read. */
  lo = 0;
  hi = 0;

  open(bytes: Bytes, start: number, end: number): void {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
    this.failure = decodeFailure.none;
  }

  fail(failure: DecodeFailure): void {
    if (this.failure === decodeFailure.none) this.failure = failure;
    this.at = behindAll;
  }

  /** Field number times 8 plus wire type; 0 at the end. */
  tag(): number {
    const at = this.at;
    if (at >= this.end) return 0;
    const first = this.bytes[at] as number;
    if (first < 0x80 && first > 7) {
      this.at = at + 1;
      return first;
    }
    if (!this.varint()) return 0;
    if (this.hi === 0 && this.lo > 7) return this.lo;
    this.fail(decodeFailure.malformed);
    return 0;
  }

  /** Any varint, exactly, into `lo` and `hi`; false after a fault. */
  varint(): boolean {
    const bytes = this.bytes;
    const end = this.end;
    let at = this.at;
    let lo = 0;
    let hi = 0;
    let byte = 0x80;
    for (let shift = 0; shift < 28 && byte > 0x7f; shift += 7) {
      if (at >= end) return this.#truncated();
      byte = bytes[at++] as number;
      lo |= (byte & 0x7f) << shift;
    }
    if (byte > 0x7f) {
      if (at >= end) return this.#truncated();
      byte = bytes[at++] as number;
      lo |= (byte & 0x7f) << 28;
      hi = (byte & 0x7f) >>> 4;
      for (let shift = 3; shift < 32 && byte > 0x7f; shift += 7) {
        if (at >= end) return this.#truncated();
        byte = bytes[at++] as number;
        // The tenth byte holds one bit only.
        if (shift === 31 && byte > 1) return this.#truncated();
        hi |= (byte & 0x7f) << shift;
      }
    }
    this.at = at;
    this.lo = lo >>> 0;
    this.hi = hi >>> 0;
    return true;
  }

  #truncated(): boolean {
    this.fail(decodeFailure.malformed);
    return false;
  }

  /**
   * A signed 64-bit integer as a number. What is beyond the safe integers becomes the nearest of them: no revision, count
   * or version gets there, so that it still compares as it would have (2^63-1 is still a future revision).
   */
  int64(): number {
    const at = this.at;
    if (at < this.end) {
      const first = this.bytes[at] as number;
      if (first < 0x80) {
        this.at = at + 1;
        return first;
      }
    }
    if (!this.varint()) return 0;
    const high = this.hi | 0;
    if (high === 0) return this.lo;
    if (high >= 0x20_0000) return Number.MAX_SAFE_INTEGER;
    return Math.max(high * 0x1_0000_0000 + this.lo, Number.MIN_SAFE_INTEGER);
  }

  /** An unsigned 64-bit integer as a number, no greater than the greatest safe one. */
  uint64(): number {
    if (!this.varint()) return 0;
    return Math.min(this.hi * 0x1_0000_0000 + this.lo, Number.MAX_SAFE_INTEGER);
  }

  /** A signed 64-bit integer, exactly. */
  exactInt64(): Int64 {
    return this.varint() ? int64Of(this.lo, this.hi) : 0;
  }

  signedBigint(): bigint {
    return this.varint() ? signedOf(this.lo, this.hi) : 0n;
  }

  unsignedBigint(): bigint {
    return this.varint() ? unsignedOf(this.lo, this.hi) : 0n;
  }

  /** An enum or int32: the low 32 bits, signed. */
  int32(): number {
    return this.varint() ? this.lo | 0 : 0;
  }

  bool(): boolean {
    return this.varint() && (this.lo | this.hi) !== 0;
  }

  /** Reads a length and returns where the content that begins at `at` ends. */
  stop(): number {
    let length = 0;
    if (this.at < this.end && (this.bytes[this.at] as number) < 0x80) {
      length = this.bytes[this.at++] as number;
    } else {
      if (!this.varint()) return this.at;
      length = this.hi === 0 ? this.lo : behindAll;
    }
    const stop = this.at + length;
    if (stop <= this.end) return stop;
    this.fail(decodeFailure.malformed);
    return this.at;
  }

  /** Passes over length-delimited content; it is in `bytes[fieldStart, result)`. */
  bytesField(): number {
    const stop = this.stop();
    this.fieldStart = this.at;
    this.at = stop;
    return stop;
  }

  /** Length-delimited content as a view into `bytes`. */
  view(): Bytes {
    const stop = this.bytesField();
    return this.failure === decodeFailure.none ? this.bytes.subarray(this.fieldStart, stop) : noBytes;
  }

  string(): string {
    const stop = this.bytesField();
    if (this.failure !== decodeFailure.none || stop === this.fieldStart) return '';
    if (isUtf8(this.bytes, this.fieldStart, stop)) return text(this.bytes.subarray(this.fieldStart, stop));
    this.fail(decodeFailure.invalidUtf8);
    return '';
  }

  /** Narrows the reader to the message that begins here; give what it returns to `leave`. */
  enter(): number {
    const outer = this.end;
    const stop = this.stop();
    if (this.failure === decodeFailure.none) this.end = stop;
    return outer;
  }

  leave(outer: number): void {
    this.end = outer;
  }

  /** Passes over the field whose tag was just read. */
  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.varint();
        return;
      case 1:
        this.#skipBytes(8);
        return;
      case 2:
        this.bytesField();
        return;
      case wireGroupStart:
        this.#skipGroup(tag >>> 3);
        return;
      case 5:
        this.#skipBytes(4);
        return;
      default:
        this.fail(decodeFailure.malformed);
    }
  }

  #skipBytes(count: number): void {
    if (this.at + count <= this.end) this.at += count;
    else this.fail(decodeFailure.malformed);
  }

  #skipGroup(field: number): void {
    const open = [field];
    while (open.length > 0) {
      // The message ends inside the group.
      if (this.at >= this.end) return this.fail(decodeFailure.malformed);
      if (!this.varint()) return;
      const number = this.hi * 0x2000_0000 + (this.lo >>> 3);
      const wire = this.lo & 7;
      // Go's protobuf lets numbers go further inside a group than outside of one.
      if (number === 0 || number > groupNumberMax) this.fail(decodeFailure.malformed);
      else if (wire === wireGroupStart) open.push(number);
      else if (wire !== wireGroupEnd) this.skip(wire);
      // Another group ends, or there are more than anyone nests.
      else if (open.pop() !== number) this.fail(decodeFailure.malformed);
      if (open.length > messageDepthMax + 1) this.fail(decodeFailure.malformed);
      if (this.failure !== decodeFailure.none) return;
    }
  }
}
