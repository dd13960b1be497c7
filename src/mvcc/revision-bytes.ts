/** Revisions as etcd's `key` bucket has them: main in 8 bytes, `_`, sub in 8 bytes, big-endian; a tombstone ends in `t`. */
import type { Bytes } from '../base/bytes.js';
import { check } from '../base/check.js';

export const revisionBytes = 17;
const separator = 0x5f;
const tombstoneMark = 0x74;
/** As many changes as no transaction has: what the value store holds of one. */
const subMax = 0xffff_ffff;

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

/** Reads the keys of a `key` bucket one after the other, whoever made them: what breaks their rules is answered, not thrown. */
export class RevisionKey {
  main = 0;
  sub = -1;
  tombstone = false;

  /** Reads `bytes[start, end)`; answers what is wrong with it. A put and a tombstone of one revision have keys that rise, too. */
  read(bytes: Bytes, start: number, end: number): string | undefined {
    const length = end - start;
    const tombstone = length === revisionBytes + 1 && bytes[end - 1] === tombstoneMark;
    if ((!tombstone && length !== revisionBytes) || bytes[start + 8] !== separator) return 'a key that is no revision';
    const main = readUint64(bytes, start);
    const sub = readUint64(bytes, start + 9);
    if (main > Number.MAX_SAFE_INTEGER || sub > subMax) return 'a revision out of range';
    if (main === this.main && sub === this.sub) return `revision ${main} twice`;
    this.main = main;
    this.sub = sub;
    this.tombstone = tombstone;
    return undefined;
  }
}

function readUint64(bytes: Bytes, at: number): number {
  return readUint32(bytes, at) * 0x1_0000_0000 + readUint32(bytes, at + 4);
}

function readUint32(bytes: Bytes, at: number): number {
  const [a, b, c, d] = [bytes[at] as number, bytes[at + 1] as number, bytes[at + 2] as number, bytes[at + 3] as number];
  return a * 0x100_0000 + ((b << 16) | (c << 8) | d);
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
