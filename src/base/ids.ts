import type { Brand } from './brand.js';

/** A raft member's identity, unsigned 64 bits; printed as lower-case hex without leading zeros. */
export type MemberId = Brand<bigint, 'MemberId'>;
/** Unsigned 64 bits; derived from the ids of the first members. */
export type ClusterId = Brand<bigint, 'ClusterId'>;
/** Signed 64 bits, as in etcd: negative ids are legal, 0 means "no lease". */
export type LeaseId = Brand<bigint, 'LeaseId'>;
/** The main revision of the store: 1 when empty, a safe integer; checked where bytes are decoded. */
export type Revision = Brand<number, 'Revision'>;

export const noMember = 0n as MemberId;
export const noLease = 0n as LeaseId;

/** `7601040239782319370n` -> `"697c51d377acd50a"`, as etcd prints ids in logs, paths and headers. */
export function idToHex(id: bigint): string {
  return BigInt.asUintN(64, id).toString(16);
}

/** The way back; undefined for what is no id. */
export function idFromHex(hex: string): bigint | undefined {
  return /^[0-9a-f]{1,16}$/i.test(hex) ? BigInt(`0x${hex}`) : undefined;
}
