/** How a lease stands in the value store: etcd's bucket `lease`, key = the id in 8 bytes, value = `leasepb.Lease`. */
import type { Bytes } from '../base/bytes.js';
import { check } from '../base/check.js';
import type { LeaseId } from '../base/ids.js';
import { Reader } from '../wire/proto/reader.js';
import { Writer } from '../wire/proto/writer.js';

export const leaseBucket = 'lease';

const idTag = 0x08;
const ttlTag = 0x10;
const remainingTtlTag = 0x18;

const writer = new Writer(64);
const reader = new Reader();

export interface LeaseRecord {
  readonly id: LeaseId;
  readonly ttlSeconds: number;
  readonly remainingSeconds: number;
}

/** Big-endian, so that ids lie in order (the negative ones last). */
export function leaseKey(id: LeaseId): Bytes {
  const key = new Uint8Array(8);
  new DataView(key.buffer).setBigInt64(0, id);
  return key;
}

export function encodeLease(id: LeaseId, ttlSeconds: number, remainingSeconds: number): Bytes {
  writer.reset();
  writer.int64Field(idTag, id);
  writer.int64Field(ttlTag, ttlSeconds);
  writer.int64Field(remainingTtlTag, remainingSeconds);
  return writer.copy();
}

export function decodeLease(bytes: Bytes): LeaseRecord {
  let id = 0n;
  let ttlSeconds = 0;
  let remainingSeconds = 0;
  reader.open(bytes, 0, bytes.length);
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === idTag) id = reader.signedBigint();
    else if (tag === ttlTag) ttlSeconds = reader.int64();
    else if (tag === remainingTtlTag) remainingSeconds = reader.int64();
    else reader.skip(tag);
  }
  check(reader.failure === 0, 'a lease record is whole: the value store checks what it reads');
  return { id: id as LeaseId, ttlSeconds, remainingSeconds };
}
