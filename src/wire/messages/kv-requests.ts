/**
 * The requests of the key-value service, decoded in place: bytes fields are offsets into `bytes`, and a view is made when one asks.
 *
 * An object may be used again for the next message: `decode` sets every field. It looks into the transport's buffer,
 * so it is good only as long as that is. `merge` reads on into what is there, as protobuf does with a message that comes twice.
 */
import { type Bytes, noBytes } from '../../base/bytes.js';
import type { LeaseId } from '../../base/ids.js';
import type { DecodeFailure } from '../proto/failure.js';
import { signedOf } from '../proto/int64.js';
import { Reader } from '../proto/reader.js';

const reader = new Reader();

export const sortOrder = { none: 0, ascend: 1, descend: 2 } as const;
export const sortTarget = { key: 0, version: 1, create: 2, mod: 3, value: 4 } as const;

export class RangeRequest {
  readonly kind = 'range';
  bytes: Bytes = noBytes;
  keyStart = 0;
  keyEnd = 0;
  rangeEndStart = 0;
  rangeEndEnd = 0;
  limit = 0;
  revision = 0;
  /** Any int32: whether it is a known order is for the validation to say. */
  sortOrder = 0;
  sortTarget = 0;
  serializable = false;
  keysOnly = false;
  countOnly = false;
  minModRevision = 0;
  maxModRevision = 0;
  minCreateRevision = 0;
  maxCreateRevision = 0;

  get key(): Bytes {
    return this.bytes.subarray(this.keyStart, this.keyEnd);
  }

  get rangeEnd(): Bytes {
    return this.bytes.subarray(this.rangeEndStart, this.rangeEndEnd);
  }

  decode(bytes: Bytes, start: number, end: number): DecodeFailure {
    this.keyStart = this.keyEnd = this.rangeEndStart = this.rangeEndEnd = start;
    this.limit = this.revision = this.sortOrder = this.sortTarget = 0;
    this.serializable = this.keysOnly = this.countOnly = false;
    this.minModRevision = this.maxModRevision = this.minCreateRevision = this.maxCreateRevision = 0;
    reader.open(bytes, start, end);
    this.merge(reader);
    return reader.failure;
  }

  merge(from: Reader): void {
    this.bytes = from.bytes;
    for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
      switch (tag) {
        case 0x0a:
          this.keyEnd = from.bytesField();
          this.keyStart = from.fieldStart;
          break;
        case 0x12:
          this.rangeEndEnd = from.bytesField();
          this.rangeEndStart = from.fieldStart;
          break;
        case 0x18:
          this.limit = from.int64();
          break;
        case 0x20:
          this.revision = from.int64();
          break;
        case 0x28:
          this.sortOrder = from.int32();
          break;
        case 0x30:
          this.sortTarget = from.int32();
          break;
        case 0x38:
          this.serializable = from.bool();
          break;
        case 0x40:
          this.keysOnly = from.bool();
          break;
        case 0x48:
          this.countOnly = from.bool();
          break;
        case 0x50:
          this.minModRevision = from.int64();
          break;
        case 0x58:
          this.maxModRevision = from.int64();
          break;
        case 0x60:
          this.minCreateRevision = from.int64();
          break;
        case 0x68:
          this.maxCreateRevision = from.int64();
          break;
        default:
          from.skip(tag);
      }
    }
  }
}

export class PutRequest {
  readonly kind = 'put';
  bytes: Bytes = noBytes;
  keyStart = 0;
  keyEnd = 0;
  valueStart = 0;
  valueEnd = 0;
  leaseLo = 0;
  leaseHi = 0;
  prevKv = false;
  ignoreValue = false;
  ignoreLease = false;

  get key(): Bytes {
    return this.bytes.subarray(this.keyStart, this.keyEnd);
  }

  get value(): Bytes {
    return this.bytes.subarray(this.valueStart, this.valueEnd);
  }

  get hasLease(): boolean {
    return this.leaseLo !== 0 || this.leaseHi !== 0;
  }

  get lease(): LeaseId {
    return signedOf(this.leaseLo, this.leaseHi) as LeaseId;
  }

  decode(bytes: Bytes, start: number, end: number): DecodeFailure {
    this.keyStart = this.keyEnd = this.valueStart = this.valueEnd = start;
    this.leaseLo = this.leaseHi = 0;
    this.prevKv = this.ignoreValue = this.ignoreLease = false;
    reader.open(bytes, start, end);
    this.merge(reader);
    return reader.failure;
  }

  merge(from: Reader): void {
    this.bytes = from.bytes;
    for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
      switch (tag) {
        case 0x0a:
          this.keyEnd = from.bytesField();
          this.keyStart = from.fieldStart;
          break;
        case 0x12:
          this.valueEnd = from.bytesField();
          this.valueStart = from.fieldStart;
          break;
        case 0x18:
          if (!from.varint()) return;
          this.leaseLo = from.lo;
          this.leaseHi = from.hi;
          break;
        case 0x20:
          this.prevKv = from.bool();
          break;
        case 0x28:
          this.ignoreValue = from.bool();
          break;
        case 0x30:
          this.ignoreLease = from.bool();
          break;
        default:
          from.skip(tag);
      }
    }
  }
}

export class DeleteRangeRequest {
  readonly kind = 'deleteRange';
  bytes: Bytes = noBytes;
  keyStart = 0;
  keyEnd = 0;
  rangeEndStart = 0;
  rangeEndEnd = 0;
  prevKv = false;

  get key(): Bytes {
    return this.bytes.subarray(this.keyStart, this.keyEnd);
  }

  get rangeEnd(): Bytes {
    return this.bytes.subarray(this.rangeEndStart, this.rangeEndEnd);
  }

  decode(bytes: Bytes, start: number, end: number): DecodeFailure {
    this.keyStart = this.keyEnd = this.rangeEndStart = this.rangeEndEnd = start;
    this.prevKv = false;
    reader.open(bytes, start, end);
    this.merge(reader);
    return reader.failure;
  }

  merge(from: Reader): void {
    this.bytes = from.bytes;
    for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
      switch (tag) {
        case 0x0a:
          this.keyEnd = from.bytesField();
          this.keyStart = from.fieldStart;
          break;
        case 0x12:
          this.rangeEndEnd = from.bytesField();
          this.rangeEndStart = from.fieldStart;
          break;
        case 0x18:
          this.prevKv = from.bool();
          break;
        default:
          from.skip(tag);
      }
    }
  }
}

export class CompactionRequest {
  revision = 0;
  physical = false;

  decode(bytes: Bytes, start: number, end: number): DecodeFailure {
    this.revision = 0;
    this.physical = false;
    reader.open(bytes, start, end);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === 0x08) this.revision = reader.int64();
      else if (tag === 0x10) this.physical = reader.bool();
      else reader.skip(tag);
    }
    return reader.failure;
  }
}
