/**
 * The file format of bbolt, version 2, in which etcd keeps its state and hands it on. All numbers are little-endian.
 *
 *     file      meta | meta | pages ...            page size as the system of whoever made the file has it
 *     page      id 8 | flags 2 | count 2 | overflow 4 | elements | keys and values
 *     meta      magic 4 | version 4 | page size 4 | flags 4 | root 8 | sequence 8 | freelist 8 | high water 8 | txid 8 | checksum 8
 *     leaf      flags 4 | pos 4 | key size 4 | value size 4         `pos` counts from the element's own start
 *     branch    pos 4 | key size 4 | page 8
 *     bucket    root 8 | sequence 8; with root 0 the bucket's only page follows: it is inline
 *
 * A page with overflow goes on over as many pages behind it. The tree at the root holds the buckets, each a tree of its own.
 */
import type { Bytes } from '../../base/bytes.js';

export const pageFlag = { branch: 0x01, leaf: 0x02, meta: 0x04, freelist: 0x10 } as const;
export const bucketFlag = 1;
export const pageHeaderBytes = 16;
export const elementBytes = 16;
export const bucketHeaderBytes = 16;
export const metaBytes = 64;
/** Where a freelist is not stored: whoever opens the file finds the free pages by walking it. */
export const noFreelist = 0xffff_ffff_ffff_ffffn;
export const keyBytesMax = 32768;

const magic = 0xed0cdaed;
const version = 2;
const summedBytes = 56;

/** A file that is damaged, or no such file: which page, and what is wrong with it. */
export class BoltFault extends Error {
  override readonly name = 'BoltFault';

  constructor(
    /** Undefined for the file as a whole. */
    readonly page: number | undefined,
    readonly fault: string,
  ) {
    super(page === undefined ? fault : `page ${page}: ${fault}`);
  }
}

export interface Meta {
  readonly pageBytes: number;
  /** The page of the tree of buckets. */
  readonly root: number;
  /** Pages from here on do not exist. */
  readonly highWater: number;
  readonly txid: bigint;
}

/** Why the bytes are no meta page, in bbolt's words, or what it says. `at` is where its magic stands. */
export function readMeta(bytes: Bytes, at: number): Meta | string {
  if (at + metaBytes > bytes.length) return 'invalid database';
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, metaBytes);
  if (view.getUint32(0, true) !== magic) return 'invalid database';
  if (view.getUint32(4, true) !== version) return 'version mismatch';
  if (view.getBigUint64(summedBytes, true) !== fnv64(bytes, at, at + summedBytes)) return 'checksum error';
  const root = Number(view.getBigUint64(16, true));
  const highWater = Number(view.getBigUint64(40, true));
  if (!Number.isSafeInteger(root) || !Number.isSafeInteger(highWater)) return 'invalid database';
  return { pageBytes: view.getUint32(8, true), root, highWater, txid: view.getBigUint64(48, true) };
}

/** Writes a meta page at the start of `page`. */
export function writeMeta(page: Bytes, id: number, meta: Meta): void {
  const view = new DataView(page.buffer, page.byteOffset, pageHeaderBytes + metaBytes);
  view.setBigUint64(0, BigInt(id), true);
  view.setUint16(8, pageFlag.meta, true);
  view.setUint32(16, magic, true);
  view.setUint32(20, version, true);
  view.setUint32(24, meta.pageBytes, true);
  view.setBigUint64(32, BigInt(meta.root), true);
  view.setBigUint64(48, noFreelist, true);
  view.setBigUint64(56, BigInt(meta.highWater), true);
  view.setBigUint64(64, meta.txid, true);
  view.setBigUint64(72, fnv64(page, pageHeaderBytes, pageHeaderBytes + summedBytes), true);
}

/** FNV-1a with 64 bits. */
function fnv64(bytes: Bytes, start: number, end: number): bigint {
  let sum = 0xcbf29ce484222325n;
  for (let at = start; at < end; at++) sum = BigInt.asUintN(64, (sum ^ BigInt(bytes[at] as number)) * 0x100000001b3n);
  return sum;
}
