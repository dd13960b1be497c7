/**
 * A block of stored revisions: the unit that is summed, read and cached.
 *
 *     block   checksum 4 | bytes of its rows 4 | rows
 *     row     main, low 4 | main, high 21 bits, and the top bit for a tombstone 4 | sub 4 | length 4 | value
 *
 * Numbers are little-endian. The checksum (CRC-32C) covers all that follows it. Revisions rise within a block.
 */
import { crc32c } from '@node-rs/crc32';
import type { Bytes } from '../../base/bytes.js';
import { check } from '../../base/check.js';

export const blockHeaderBytes = 8;
export const rowHeaderBytes = 16;
/** A block of more than one row is no larger. */
export const blockBytesMax = 4096;
const tombstoneBit = 0x8000_0000;
const highMask = 0x1f_ffff;
const wordSize = 0x1_0000_0000;

/** A window onto one block, and onto one row of it. */
export class Block {
  bytes: Bytes = new Uint8Array(0);
  start = 0;
  end = 0;
  /** Where the row at hand begins, and how many rows stand before it. */
  row = 0;
  position = 0;
  #view: DataView = new DataView(new ArrayBuffer(0));

  /** `view` covers the same buffer as `bytes`, from the same byte on. */
  open(bytes: Bytes, view: DataView, start: number, end: number): void {
    this.bytes = bytes;
    this.#view = view;
    this.start = start;
    this.end = end;
    this.row = start + blockHeaderBytes;
    this.position = 0;
  }

  get hasRow(): boolean {
    return this.row < this.end;
  }

  get main(): number {
    const low = this.#view.getUint32(this.row, true);
    return (this.#view.getUint32(this.row + 4, true) & highMask) * wordSize + low;
  }

  get isTombstone(): boolean {
    return this.#view.getUint32(this.row + 4, true) >= tombstoneBit;
  }

  get sub(): number {
    return this.#view.getUint32(this.row + 8, true);
  }

  get valueLength(): number {
    return this.#view.getUint32(this.row + 12, true);
  }

  value(): Bytes {
    const from = this.row + rowHeaderBytes;
    return this.bytes.subarray(from, from + this.valueLength);
  }

  next(): void {
    this.row += rowHeaderBytes + this.valueLength;
    this.position++;
  }

  /** Goes on to the first row from the one at hand that is not before (main, sub). */
  seek(main: number, sub: number): void {
    while (this.hasRow) {
      const here = this.main;
      if (here > main || (here === main && this.sub >= sub)) return;
      this.next();
    }
  }

  /** Goes on to (main, sub); false when it is not here. */
  find(main: number, sub: number): boolean {
    this.seek(main, sub);
    return this.hasRow && this.main === main && this.sub === sub;
  }

  /** Whether checksum and length are those of the bytes. */
  isWhole(): boolean {
    if (this.end - this.start < blockHeaderBytes) return false;
    if (this.#view.getUint32(this.start + 4, true) !== this.end - this.start - blockHeaderBytes) return false;
    return crc32c(this.bytes.subarray(this.start + 4, this.end)) === this.#view.getUint32(this.start, true);
  }
}

/** Blocks written one after the other into slabs of memory; each slab goes to the file as it is. */
export class BlockWriter {
  slab: Bytes;
  view: DataView;
  /** The block being filled: its first byte, and the byte after its last row. */
  start = 0;
  end = blockHeaderBytes;
  rows = 0;
  firstMain = 0;
  firstSub = 0;
  lastMain = 0;
  lastSub = 0;
  /** All rows are sub 0 of main revisions that follow one another: then a row's position needs no reading. */
  isDense = true;
  readonly #slabBytes: number;

  constructor(slabBytes: number) {
    this.#slabBytes = slabBytes;
    this.slab = new Uint8Array(slabBytes);
    this.view = new DataView(this.slab.buffer);
  }

  get isEmpty(): boolean {
    return this.rows === 0;
  }

  get length(): number {
    return this.end - this.start;
  }

  /** Whether a row of this length can go to the block at hand. */
  fits(valueLength: number): boolean {
    const rowBytes = rowHeaderBytes + valueLength;
    return this.end + rowBytes <= this.slab.length && (this.isEmpty || this.length + rowBytes <= blockBytesMax);
  }

  /** Sees to it that a row of this length fits. The block at hand must be empty. */
  begin(valueLength: number): void {
    check(this.isEmpty, 'a block lies within one slab');
    if (this.fits(valueLength)) return;
    this.slab = new Uint8Array(Math.max(this.#slabBytes, blockHeaderBytes + rowHeaderBytes + valueLength));
    this.view = new DataView(this.slab.buffer);
    this.start = 0;
    this.end = blockHeaderBytes;
  }

  add(main: number, sub: number, tombstone: boolean, value: Bytes): void {
    const { view } = this;
    const at = this.end;
    const high = Math.floor(main / wordSize);
    view.setUint32(at, main >>> 0, true);
    view.setUint32(at + 4, tombstone ? high | tombstoneBit : high, true);
    view.setUint32(at + 8, sub, true);
    view.setUint32(at + 12, value.length, true);
    this.slab.set(value, at + rowHeaderBytes);
    this.end = at + rowHeaderBytes + value.length;
    if (this.rows === 0) {
      this.firstMain = main;
      this.firstSub = sub;
      this.isDense = sub === 0;
    } else if (sub !== 0 || main !== this.lastMain + 1) this.isDense = false;
    this.lastMain = main;
    this.lastSub = sub;
    this.rows++;
  }

  /** Sums the block at hand and begins the next right behind it. */
  finish(): void {
    this.view.setUint32(this.start + 4, this.length - blockHeaderBytes, true);
    this.view.setUint32(this.start, crc32c(this.slab.subarray(this.start + 4, this.end)), true);
    this.start = this.end;
    this.end += blockHeaderBytes;
    this.rows = 0;
  }
}
