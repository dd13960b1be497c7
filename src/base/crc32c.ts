/**
 * CRC-32C (Castagnoli), the checksum of WAL records, snapshots and hashes of the key space.
 *
 * Sixteen bytes a step ("slicing-by-16", Kounavis and Berry, 2005): table k says what a byte does to the sum when k more
 * zero bytes follow it, so sixteen look-ups that do not wait for each other replace sixteen that do.
 */
import type { Bytes } from './bytes.js';

const reversedPolynomial = 0x82f63b78;
const slices = 16;

/** Table k begins at k * 256. */
const tables = makeTables();

function makeTables(): Int32Array {
  const made = new Int32Array(slices * 256);
  for (let byte = 0; byte < 256; byte++) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ reversedPolynomial : sum >>> 1;
    made[byte] = sum;
  }
  for (let at = 256; at < made.length; at++) {
    const before = made[at - 256] as number;
    made[at] = (before >>> 8) ^ (made[before & 0xff] as number);
  }
  return made;
}

/**
 * The sum of `bytes[start, end)`, going on from `previous`: the sum of what came before, 0 at the beginning.
 * `crc32c(utf8('123456789'))` is `0xe3069283`.
 */
export function crc32c(bytes: Bytes, start = 0, end = bytes.length, previous = 0): number {
  const t = tables;
  let sum = ~previous;
  let at = start;
  for (const last = end - slices; at <= last; at += slices) {
    // The bounds hold for all sixteen reads: `at + 15 < end`.
    sum =
      (t[0xf00 + ((sum ^ (bytes[at] as number)) & 0xff)] as number) ^
      (t[0xe00 + (((sum >>> 8) ^ (bytes[at + 1] as number)) & 0xff)] as number) ^
      (t[0xd00 + (((sum >>> 16) ^ (bytes[at + 2] as number)) & 0xff)] as number) ^
      (t[0xc00 + ((sum >>> 24) ^ (bytes[at + 3] as number))] as number) ^
      (t[0xb00 + (bytes[at + 4] as number)] as number) ^
      (t[0xa00 + (bytes[at + 5] as number)] as number) ^
      (t[0x900 + (bytes[at + 6] as number)] as number) ^
      (t[0x800 + (bytes[at + 7] as number)] as number) ^
      (t[0x700 + (bytes[at + 8] as number)] as number) ^
      (t[0x600 + (bytes[at + 9] as number)] as number) ^
      (t[0x500 + (bytes[at + 10] as number)] as number) ^
      (t[0x400 + (bytes[at + 11] as number)] as number) ^
      (t[0x300 + (bytes[at + 12] as number)] as number) ^
      (t[0x200 + (bytes[at + 13] as number)] as number) ^
      (t[0x100 + (bytes[at + 14] as number)] as number) ^
      (t[bytes[at + 15] as number] as number);
  }
  for (; at < end; at++) sum = (sum >>> 8) ^ (t[(sum ^ (bytes[at] as number)) & 0xff] as number);
  return ~sum >>> 0;
}
