/** What a client says on a watch stream: create, cancel, or tell me how far you are. */
import { type Bytes, noBytes } from '../../base/bytes.js';
import { type DecodeFailure, decodeFailure } from '../proto/failure.js';
import type { Int64 } from '../proto/int64.js';
import { Reader } from '../proto/reader.js';

export class WatchCreateRequest {
  readonly kind = 'create';
  bytes: Bytes = noBytes;
  keyStart = 0;
  keyEnd = 0;
  rangeEndStart = 0;
  rangeEndEnd = 0;
  startRevision = 0;
  progressNotify = false;
  noPut = false;
  noDelete = false;
  prevKv = false;
  watchId: Int64 = 0;
  fragment = false;

  get key(): Bytes {
    return this.bytes.subarray(this.keyStart, this.keyEnd);
  }

  get rangeEnd(): Bytes {
    return this.bytes.subarray(this.rangeEndStart, this.rangeEndEnd);
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
          this.startRevision = from.int64();
          break;
        case 0x20:
          this.progressNotify = from.bool();
          break;
        case 0x28:
          this.#filter(from.int32(), from.failure);
          break;
        case 0x2a:
          this.#packedFilters(from);
          break;
        case 0x30:
          this.prevKv = from.bool();
          break;
        case 0x38:
          this.watchId = from.exactInt64();
          break;
        case 0x40:
          this.fragment = from.bool();
          break;
        default:
          from.skip(tag);
      }
    }
  }

  #packedFilters(from: Reader): void {
    const outer = from.enter();
    while (from.at < from.end) this.#filter(from.int32(), from.failure);
    from.leave(outer);
  }

  /** An unknown filter filters nothing. */
  #filter(type: number, failure: DecodeFailure): void {
    if (failure !== decodeFailure.none) return;
    if (type === 0) this.noPut = true;
    else if (type === 1) this.noDelete = true;
  }
}

export class WatchCancelRequest {
  readonly kind = 'cancel';
  watchId: Int64 = 0;

  merge(from: Reader): void {
    for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
      if (tag === 0x08) this.watchId = from.exactInt64();
      else from.skip(tag);
    }
  }
}

export type WatchRequestUnion =
  | WatchCreateRequest
  | WatchCancelRequest
  | { readonly kind: 'progress' }
  /** Nothing known was asked; etcd ignores it. */
  | { readonly kind: 'none' };

const none = { kind: 'none' } as const;
const progress = { kind: 'progress' } as const;
const reader = new Reader();

export class WatchRequest {
  union: WatchRequestUnion = none;

  decode(bytes: Bytes, start: number, end: number): DecodeFailure {
    this.union = none;
    reader.open(bytes, start, end);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) this.#field(tag);
    return reader.failure;
  }

  #field(tag: number): void {
    if (tag !== 0x0a && tag !== 0x12 && tag !== 0x1a) {
      reader.skip(tag);
      return;
    }
    const outer = reader.enter();
    if (tag === 0x0a) {
      if (this.union.kind !== 'create') this.union = new WatchCreateRequest();
      this.union.merge(reader);
    } else if (tag === 0x12) {
      if (this.union.kind !== 'cancel') this.union = new WatchCancelRequest();
      this.union.merge(reader);
    } else {
      this.union = progress;
      for (let inner = reader.tag(); inner !== 0; inner = reader.tag()) reader.skip(inner);
    }
    reader.leave(outer);
  }
}
