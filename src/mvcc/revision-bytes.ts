/** Revisions as etcd's `key` bucket has them: main in 8 bytes, `_`, sub in 8 bytes, big-endian; a tombstone ends in `t`. */
import type { Bytes } from '../base/bytes.js';
import { check } from '../base/check.js';

export const revisionBytes = 17;
const separator = 0x5f;
const tombstoneMark = 0x74;

/** Writes a key of the `key` bucket at `at`; answers the place behind it. */
export function writeRevision(into: Bytes, at: number, main: number, sub: number, tombstone: boolean): number {
  writeUint64(into, at, main);
  into[at + 8] = separator;
  writeUint64(into, at + 9, sub);
  if (tombstone) into[at + revisionBytes] = tombstoneMark;
  return at + (tombstone ? revisionBytes + 1 : revisionBytes);
}

/** A revision as the `meta` bucket keeps compactions: sub 0. */
export function encodeRevision(main: number): Bytes {
  const bytes = new Uint8Array(revisionBytes);
  writeRevision(bytes, 0, main, 0, false);
  return bytes;
}

export function decodeRevision(bytes: Bytes): number {
  check(
    bytes.length === revisionBytes && bytes[8] === separator,
    'a stored revision is 17 bytes with `_` in the middle',
  );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const main = view.getInt32(0) * 0x1_0000_0000 + view.getUint32(4);
  check(Number.isSafeInteger(main), 'a revision is a safe integer');
  return main;
}

function writeUint64(into: Bytes, at: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000);
  into[at] = high >>> 24;
  into[at + 1] = high >>> 16;
  into[at + 2] = high >>> 8;
  into[at + 3] = high;
  into[at + 4] = value >>> 24;
  into[at + 5] = value >>> 16;
  into[at + 6] = value >>> 8;
  into[at + 7] = value;
}
