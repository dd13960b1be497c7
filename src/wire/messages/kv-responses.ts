/**
 * The answers of the key-value service. Stored `KeyValue` bytes are spliced in as they are; nothing stored is encoded again.
 *
 * A range's answer is written in pieces, header, key-values, end, and its length is known before the first value is read:
 * `rangeResponseSize`. `values` are what ranges carry: `KeyValue` bytes, whole.
 */
import type { Bytes } from '../../base/bytes.js';
import { bytesFieldSize, varintSize, type Writer } from '../proto/writer.js';
import type { ResponseHeader } from './response-header.js';

export function writePutResponse(to: Writer, header: ResponseHeader, prevKv: Bytes | undefined): void {
  header.write(to);
  if (prevKv !== undefined) to.bytesField(0x12, prevKv, 0, prevKv.length);
}

export function writeDeleteRangeResponse(
  to: Writer,
  header: ResponseHeader,
  deleted: number,
  prevKvs: readonly Bytes[],
): void {
  header.write(to);
  to.int64Field(0x10, deleted);
  for (const prevKv of prevKvs) to.bytesField(0x1a, prevKv, 0, prevKv.length);
}

/** `body`: the fields after the header, as `txn-body.ts` writes them. */
export function writeTxnResponse(to: Writer, header: ResponseHeader, body: Bytes): void {
  header.write(to);
  to.raw(body, 0, body.length);
}

/** An answer that is nothing but a header: compaction, lease revoke and most of the others. */
export function writeHeaderOnly(to: Writer, header: ResponseHeader): void {
  header.write(to);
}

/** Bytes that a `KeyValue` of `length` bytes adds to a range's answer. */
export const rangeKvSize = bytesFieldSize;

/** `kvsBytes` is the sum of `rangeKvSize` over what is returned. */
export function rangeResponseSize(header: ResponseHeader, kvsBytes: number, more: boolean, count: number): number {
  return header.sizeBytes() + kvsBytes + rangeEndSize(more, count);
}

function rangeEndSize(more: boolean, count: number): number {
  return (more ? 2 : 0) + (count === 0 ? 0 : 1 + varintSize(count));
}

/** One `KeyValue`, which is `bytes[start, end)`. */
export function writeRangeKv(to: Writer, bytes: Bytes, start: number, end: number): void {
  to.bytesField(0x12, bytes, start, end);
}

/** Tag and length alone, for one whose bytes go out on their own. */
export function writeRangeKvPrefix(to: Writer, length: number): void {
  to.byte(0x12);
  to.varint(length);
}

export function writeRangeEnd(to: Writer, more: boolean, count: number): void {
  if (more) {
    to.byte(0x18);
    to.byte(1);
  }
  if (count !== 0) {
    to.byte(0x20);
    to.varint(count);
  }
}
