/**
 * `InternalRaftRequest`: what a normal entry carries. One request, spliced in as the client sent it, and a header with the proposal's id.
 *
 *     22 0a 0a 03 foo 12 03 bar | a2 06 0b 08 <id>      put foo=bar: field 4, then field 100 {ID}
 */
import { type Bytes, concatBytes, noBytes, utf8 } from '../../base/bytes.js';
import { type DecodeFailure, decodeFailure } from '../proto/failure.js';
import { Reader } from '../proto/reader.js';
import { varint64Size, varintSize, type Writer } from '../proto/writer.js';

const headerField = 100;
const headerTag = (headerField << 3) | 2;
const reader = new Reader();

/** Who proposed: an id that the proposer waits for, and the user when auth is on. */
export class RequestHeader {
  idLo = 0;
  idHi = 0;
  username: Bytes = noBytes;
  authRevision = 0;

  setUser(name: string, authRevision: number): void {
    this.username = name === '' ? noBytes : utf8(name);
    this.authRevision = authRevision;
  }

  contentSize(): number {
    let size = 0;
    if (this.idLo !== 0 || this.idHi !== 0) size += 1 + varint64Size(this.idLo, this.idHi);
    if (this.username.length > 0) size += 1 + varintSize(this.username.length) + this.username.length;
    if (this.authRevision !== 0) size += 1 + varintSize(this.authRevision);
    return size;
  }

  write(to: Writer): void {
    to.varint(headerTag);
    to.varint(this.contentSize());
    if (this.idLo !== 0 || this.idHi !== 0) {
      to.byte(0x08);
      to.varint64(this.idLo, this.idHi);
    }
    if (this.username.length > 0) to.bytesField(0x12, this.username, 0, this.username.length);
    to.int64Field(0x18, this.authRevision);
  }
}

/** Exactly how many bytes `writeRaftRequest` writes: what `max-request-bytes` is held against. */
export function raftRequestSize(field: number, length: number, header: RequestHeader): number {
  const content = header.contentSize();
  return varintSize(field * 8 + 2) + varintSize(length) + length + 2 + varintSize(content) + content;
}

/** Writes `request[start, end)` as field `field`, and the header where its number puts it. */
export function writeRaftRequest(
  to: Writer,
  field: number,
  request: { readonly bytes: Bytes; readonly start: number; readonly end: number },
  header: RequestHeader,
): void {
  if (field > headerField) header.write(to);
  to.bytesField(field * 8 + 2, request.bytes, request.start, request.end);
  if (field < headerField) header.write(to);
}

/** A decoded entry: the request is `bytes[start, end)`, an encoded message of the kind that `field` says. */
export class InternalRaftRequest {
  /** The field number of the request, 0 when there is none. With several, the last. */
  field = 0;
  bytes: Bytes = noBytes;
  start = 0;
  end = 0;
  /** The id to wait for, halves unsigned: the header's, unless the old field 1 is set. */
  idLo = 0;
  idHi = 0;
  username = '';
  authRevision = 0;

  decode(bytes: Bytes, start: number, end: number): DecodeFailure {
    this.bytes = bytes;
    this.field = 0;
    this.start = this.end = start;
    this.idLo = this.idHi = this.authRevision = 0;
    this.username = '';
    let oldLo = 0;
    let oldHi = 0;
    reader.open(bytes, start, end);
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === headerTag) {
        this.#header();
      } else if (tag === 0x08) {
        if (!reader.varint()) break;
        oldLo = reader.lo;
        oldHi = reader.hi;
      } else if ((tag & 7) === 2 && tag > 0x12 && isRequest(tag >>> 3)) {
        this.#request(tag >>> 3, reader.bytesField(), reader.fieldStart);
      } else {
        reader.skip(tag);
      }
    }
    if (oldLo !== 0 || oldHi !== 0) {
      this.idLo = oldLo;
      this.idHi = oldHi;
    }
    return reader.failure;
  }

  #header(): void {
    const outer = reader.enter();
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      switch (tag) {
        case 0x08:
          if (!reader.varint()) break;
          this.idLo = reader.lo;
          this.idHi = reader.hi;
          break;
        case 0x12:
          this.username = reader.string();
          break;
        case 0x18:
          this.authRevision = reader.uint64();
          break;
        default:
          reader.skip(tag);
      }
    }
    reader.leave(outer);
  }

  #request(field: number, stop: number, from: number): void {
    if (reader.failure !== decodeFailure.none) return;
    if (field === this.field) {
      // The same message twice is one message: protobuf merges by reading both parts in a row.
      this.bytes = concatBytes([this.bytes.subarray(this.start, this.end), reader.bytes.subarray(from, stop)]);
      this.start = 0;
      this.end = this.bytes.length;
      return;
    }
    this.field = field;
    this.bytes = reader.bytes;
    this.start = from;
    this.end = stop;
  }
}

/** Whether `field` is a request of etcd 3.7; others are unknown fields and are passed over. */
function isRequest(field: number): boolean {
  if (field <= 11) return field >= 3;
  return laterRequests.has(field);
}

const laterRequests: ReadonlySet<number> = new Set([
  1000, 1011, 1012, 1013, 1100, 1101, 1102, 1103, 1104, 1105, 1106, 1107, 1200, 1201, 1202, 1203, 1204, 1300, 1301,
  1302, 9900,
]);
