/** Hashes for tables in memory: quick and well spread, never written down and no defence against forgery. */
import type { Bytes } from './bytes.js';

/** Where a hash over bytes begins; `hashByte` takes it on, so that the hash of each prefix is met on the way. */
export const hashStart = 0x811c9dc5 | 0;

/** FNV-1a, one byte on. */
export function hashByte(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x01000193);
}

/** Spreads a hash over all 32 bits: the finisher of MurmurHash3. */
export function mixHash(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

export function hashBytes(bytes: Bytes, start = 0, end = bytes.length): number {
  let hash = hashStart;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return mixHash(hash);
}
