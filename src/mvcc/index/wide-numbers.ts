/** Revisions, versions and leases as 32-bit words: how the index's pages and records hold what JavaScript has as numbers and bigints. */
import type { LeaseId } from '../../base/ids.js';

const wordSize = 0x1_0000_0000;
/** A revision is a safe integer, 53 bits: the high word leaves 11 for others. */
export const highBits = 21;
export const highMask = 0x1f_ffff;

export const lowWord = (value: number): number => value >>> 0;
export const highWord = (value: number): number => Math.floor(value / wordSize);
export const wide = (low: number, high: number): number => high * wordSize + low;

const leaseScratch = new BigInt64Array(1);
const leaseWords = new Uint32Array(leaseScratch.buffer);

/** Splits a lease without making another bigint: the words are then in `leaseWords`. */
export function splitLease(lease: LeaseId): Uint32Array {
  leaseScratch[0] = lease;
  return leaseWords;
}

export function joinLease(first: number, second: number): LeaseId {
  leaseWords[0] = first;
  leaseWords[1] = second;
  return leaseScratch[0] as LeaseId;
}
