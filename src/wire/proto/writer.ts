/**
 * Writes protobuf into one buffer that grows and is used again: `reset`, write, hand out `bytes[0, at)`.
 *
 * Whoever keeps what was written takes `copy()`. Tags are given as the byte they are: field number times 8 plus wire type.
 */
import { type Bytes, utf8 } from '../../base/bytes.js';
import { check } from '../../base/check.js';
import { highOf, type Int64, lowOf } from './int64.js';

/** Below this many bytes a loop is faster than a view and a native copy. */
const loopBytesMax = 48;

export class Writer {
  bytes: Bytes;
  at = 0;

  constructor(sizeBytes = 256) {
    this.bytes = new Uint8Array(sizeBytes);
  }

  reset(): void {
    this.at = 0;
  }

  /** Makes room for `count` more bytes; a buffer that has just enough is not replaced. */
  reserve(count: number): void {
    if (this.at + count > this.bytes.length) this.#grow(count);
  }

  #grow(count: number): void {
    const grown = new Uint8Array(Math.max(this.at + count, this.bytes.length * 2));
    grown.set(this.bytes.subarray(0, this.at));
    this.bytes = grown;
  }

  copy(): Bytes {
    return this.bytes.slice(0, this.at);
  }

  byte(value: number): void {
    if (this.at === this.bytes.length) this.#grow(1);
    this.bytes[this.at++] = value;
  }

  /** A safe integer that is not negative. */
  varint(value: number): void {
    if (value < 0x80) {
      this.byte(value);
      return;
    }
    this.reserve(varintSize(value));
    const bytes = this.bytes;
    let at = this.at;
    let rest = value;
    while (rest > 0x7fff_ffff) {
      bytes[at++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    while (rest > 0x7f) {
      bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.at = at;
  }

  /** A 64-bit integer given by its halves. */
  varint64(lo: number, hi: number): void {
    this.reserve(varint64Size(lo >>> 0, hi >>> 0));
    const bytes = this.bytes;
    let at = this.at;
    let low = lo >>> 0;
    let high = hi >>> 0;
    while (high !== 0) {
      bytes[at++] = (low & 0x7f) | 0x80;
      low = ((low >>> 7) | (high << 25)) >>> 0;
      high >>>= 7;
    }
    while (low > 0x7f) {
      bytes[at++] = (low & 0x7f) | 0x80;
      low >>>= 7;
    }
    bytes[at++] = low;
    this.at = at;
  }

  /** Signed: a negative one takes ten bytes. */
  int64(value: Int64): void {
    if (typeof value === 'number' && value >= 0) {
      this.varint(value);
    } else {
      const exact = BigInt(value);
      this.varint64(lowOf(exact), highOf(exact));
    }
  }

  uint64(value: bigint): void {
    this.varint64(lowOf(value), highOf(value));
  }

  raw(source: Bytes, start: number, end: number): void {
    const length = end - start;
    this.reserve(length);
    if (length > loopBytesMax) {
      this.bytes.set(start === 0 && end === source.length ? source : source.subarray(start, end), this.at);
      this.at += length;
      return;
    }
    const bytes = this.bytes;
    let at = this.at;
    for (let i = start; i < end; i++) bytes[at++] = source[i] as number;
    this.at = at;
  }

  // Fields: nothing is written for a zero, as proto3 has it.

  int64Field(tag: number, value: Int64): void {
    if (value === 0 || value === 0n) return;
    this.varint(tag);
    this.int64(value);
  }

  boolField(tag: number, value: boolean): void {
    if (!value) return;
    this.varint(tag);
    this.byte(1);
  }

  stringField(tag: number, value: string): void {
    if (value === '') return;
    const encoded = utf8(value);
    this.bytesField(tag, encoded, 0, encoded.length);
  }

  /** Bytes or a message, written even when empty. */
  bytesField(tag: number, source: Bytes, start: number, end: number): void {
    this.varint(tag);
    this.varint(end - start);
    this.raw(source, start, end);
  }

  /** Begins a message whose length is not known yet; give what it returns to `close`. */
  open(tag: number): number {
    this.varint(tag);
    this.byte(0);
    return this.at;
  }

  close(start: number): void {
    const length = this.at - start;
    check(length >= 0, 'a message is closed after it was opened, in the same buffer');
    const extra = varintSize(length) - 1;
    if (extra > 0) {
      this.reserve(extra);
      this.bytes.copyWithin(start + extra, start, this.at);
    }
    this.at = start - 1;
    this.varint(length);
    this.at += length;
  }
}

/** Bytes of a safe integer that is not negative. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  let size = 5;
  for (let rest = value / 0x8_0000_0000; rest >= 1; rest /= 0x80) size++;
  return size;
}

export function varint64Size(lo: number, hi: number): number {
  if (hi === 0) return varintSize(lo);
  const bits = 64 - Math.clz32(hi);
  return Math.ceil(bits / 7);
}

export function int64Size(value: Int64): number {
  if (typeof value === 'number' && value >= 0) return varintSize(value);
  const exact = BigInt(value);
  return varint64Size(lowOf(exact), highOf(exact));
}

/** Tag of one byte, length and content. */
export function bytesFieldSize(length: number): number {
  return 1 + varintSize(length) + length;
}
