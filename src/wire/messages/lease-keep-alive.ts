/** One beat of a lease's keep-alive stream, and its answer. */
import type { Bytes } from '../../base/bytes.js';
import type { LeaseId } from '../../base/ids.js';
import type { DecodeFailure } from '../proto/failure.js';
import { signedOf } from '../proto/int64.js';
import { Reader } from '../proto/reader.js';
import type { Writer } from '../proto/writer.js';
import type { ResponseHeader } from './response-header.js';

const reader = new Reader();

export class LeaseKeepAliveRequest {
  idLo = 0;
  idHi = 0;

  get id(): LeaseId {
    return signedOf(this.idLo, this.idHi) as LeaseId;
  }

  decode(bytes: Bytes, start: number, end: number): DecodeFailure {
    this.idLo = this.idHi = 0;
    reader.open(bytes, start, end);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag !== 0x08) {
        reader.skip(tag);
      } else if (reader.varint()) {
        this.idLo = reader.lo;
        this.idHi = reader.hi;
      }
    }
    return reader.failure;
  }
}

/** `ttlSeconds` 0 says that there is no such lease. */
export function writeLeaseKeepAliveResponse(to: Writer, header: ResponseHeader, id: LeaseId, ttlSeconds: number): void {
  header.write(to);
  to.int64Field(0x10, id);
  to.int64Field(0x18, ttlSeconds);
}
