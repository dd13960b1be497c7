/**
 * `mvccpb.KeyValue`: one revision of a key. Encoded once, when it is put; those bytes are stored, returned and watched.
 *
 *     0a len key | 10 create_revision | 18 mod_revision | 20 version | 2a len value | 30 lease
 */
import { type Bytes, noBytes } from '../../base/bytes.js';
import { check } from '../../base/check.js';
import type { LeaseId } from '../../base/ids.js';
import type { Slab } from '../../base/slab.js';
import { type DecodeFailure, decodeFailure } from '../proto/failure.js';
import { signedOf } from '../proto/int64.js';
import { Reader } from '../proto/reader.js';
import { bytesFieldSize, varint64Size, varintSize, Writer } from '../proto/writer.js';

const reader = new Reader();
const writer = new Writer(0);

/** A decoded or a to be encoded key-value; key and value are ranges of bytes that may have different sources. */
export class KeyValue {
  keyBytes: Bytes = noBytes;
  keyStart = 0;
  keyEnd = 0;
  createRevision = 0;
  modRevision = 0;
  version = 0;
  valueBytes: Bytes = noBytes;
  valueStart = 0;
  valueEnd = 0;
  leaseLo = 0;
  leaseHi = 0;

  get key(): Bytes {
    return this.keyBytes.subarray(this.keyStart, this.keyEnd);
  }

  get value(): Bytes {
    return this.valueBytes.subarray(this.valueStart, this.valueEnd);
  }

  get lease(): LeaseId {
    return signedOf(this.leaseLo, this.leaseHi) as LeaseId;
  }

  setKey(bytes: Bytes, start: number, end: number): void {
    this.keyBytes = bytes;
    this.keyStart = start;
    this.keyEnd = end;
  }

  setValue(bytes: Bytes, start: number, end: number): void {
    this.valueBytes = bytes;
    this.valueStart = start;
    this.valueEnd = end;
  }

  /** Exactly how many bytes `encode` writes. */
  sizeBytes(): number {
    let size = 0;
    if (this.keyEnd > this.keyStart) size += bytesFieldSize(this.keyEnd - this.keyStart);
    if (this.createRevision !== 0) size += 1 + varintSize(this.createRevision);
    if (this.modRevision !== 0) size += 1 + varintSize(this.modRevision);
    if (this.version !== 0) size += 1 + varintSize(this.version);
    if (this.valueEnd > this.valueStart) size += bytesFieldSize(this.valueEnd - this.valueStart);
    if (this.leaseLo !== 0 || this.leaseHi !== 0) size += 1 + varint64Size(this.leaseLo, this.leaseHi);
    return size;
  }

  /** Bytes of its own, as the value store keeps them. */
  encode(): Bytes {
    const bytes = new Uint8Array(this.sizeBytes());
    this.encodeInto(bytes, 0);
    return bytes;
  }

  /** Bytes cut from a slab: for those that are many and live equally long. */
  encodeFrom(slab: Slab): Bytes {
    const bytes = slab.take(this.sizeBytes());
    this.encodeInto(bytes, 0);
    return bytes;
  }

  /** Writes `sizeBytes()` bytes into `bytes` at `at` and returns where they end. */
  encodeInto(bytes: Bytes, at: number): number {
    const scratch = writer.bytes;
    writer.bytes = bytes;
    writer.at = at;
    this.write(writer);
    const end = writer.at;
    check(writer.bytes === bytes, 'the buffer holds what sizeBytes said');
    writer.bytes = scratch;
    return end;
  }

  write(to: Writer): void {
    if (this.keyEnd > this.keyStart) to.bytesField(0x0a, this.keyBytes, this.keyStart, this.keyEnd);
    if (this.createRevision !== 0) to.int64Field(0x10, this.createRevision);
    if (this.modRevision !== 0) to.int64Field(0x18, this.modRevision);
    if (this.version !== 0) to.int64Field(0x20, this.version);
    if (this.valueEnd > this.valueStart) to.bytesField(0x2a, this.valueBytes, this.valueStart, this.valueEnd);
    if (this.leaseLo !== 0 || this.leaseHi !== 0) {
      to.byte(0x30);
      to.varint64(this.leaseLo, this.leaseHi);
    }
  }

  decode(bytes: Bytes, start: number, end: number): DecodeFailure {
    this.setKey(bytes, start, start);
    this.setValue(bytes, start, start);
    this.createRevision = this.modRevision = this.version = this.leaseLo = this.leaseHi = 0;
    reader.open(bytes, start, end);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      switch (tag) {
        case 0x0a:
          this.keyEnd = reader.bytesField();
          this.keyStart = reader.fieldStart;
          break;
        case 0x10:
          this.createRevision = reader.int64();
          break;
        case 0x18:
          this.modRevision = reader.int64();
          break;
        case 0x20:
          this.version = reader.int64();
          break;
        case 0x2a:
          this.valueEnd = reader.bytesField();
          this.valueStart = reader.fieldStart;
          break;
        case 0x30:
          if (!reader.varint()) return reader.failure;
          this.leaseLo = reader.lo;
          this.leaseHi = reader.hi;
          break;
        default:
          reader.skip(tag);
      }
    }
    return reader.failure;
  }
}

/** The key of an encoded `KeyValue`, as a view; undefined when the bytes are not one. */
export function keyOfKeyValue(bytes: Bytes): Bytes | undefined {
  reader.open(bytes, 0, bytes.length);
  let key: Bytes = noBytes;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x0a) key = reader.view();
    else reader.skip(tag);
  }
  return reader.failure === decodeFailure.none ? key : undefined;
}

/** The mod revision of an encoded `KeyValue`, 0 when it has none. */
export function modRevisionOfKeyValue(bytes: Bytes): number {
  reader.open(bytes, 0, bytes.length);
  let revision = 0;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x18) revision = reader.int64();
    else reader.skip(tag);
  }
  return reader.failure === decodeFailure.none ? revision : 0;
}

/** The same `KeyValue` without its value: for ranges that want keys only. */
export function withoutValue(bytes: Bytes): Bytes {
  const to = new Writer(bytes.length);
  reader.open(bytes, 0, bytes.length);
  let start = 0;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    reader.skip(tag);
    if (tag !== 0x2a && reader.failure === decodeFailure.none) to.raw(bytes, start, reader.at);
    start = reader.at;
  }
  return to.copy();
}
