/**
 * One file of stored revisions and what is known about it: where its blocks are, which rows were dropped.
 * Segments follow one another by revision; only the last one grows.
 */
import { closeSync, constants, fstatSync, ftruncateSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { BlockWriter } from './block.js';
import { CorruptValues } from './block-cache.js';
import { BlockIndex } from './block-index.js';
import type { UnwrittenBlock } from './write-blocks.js';

export class Segment {
  readonly number: number;
  readonly path: string;
  readonly file: number;
  readonly index = new BlockIndex();
  /** Bytes of all finished blocks, and how many of them the file has. */
  length = 0;
  writtenBytes = 0;
  rows = 0;
  droppedRows = 0;
  /** The bytes they took; of rows that were not read for it, their block's mean. */
  droppedBytes = 0;
  /** How many lists of dropped rows the book has of it. */
  dropLists = 0;
  /** A bit for each row: 1 when dropped. */
  #dropped = new Uint32Array(0);

  constructor(folder: string, number: number) {
    this.number = number;
    this.path = join(folder, segmentName(number));
    this.file = openSync(this.path, constants.O_RDWR | constants.O_CREAT, 0o600);
  }

  get firstMain(): number {
    return this.index.mainOf(0);
  }

  get firstSub(): number {
    return this.index.subOf(0);
  }

  /** Where the block ends in the file. */
  endOf(block: number): number {
    return block + 1 < this.index.count ? this.index.offsetOf(block + 1) : this.length;
  }

  rowsOf(block: number): number {
    const end = block + 1 < this.index.count ? this.index.rowsBefore(block + 1) : this.rows;
    return end - this.index.rowsBefore(block);
  }

  isDropped(row: number): boolean {
    return hasBit(this.#dropped, row);
  }

  /** Notes that a row was dropped; false when it was already. */
  markDropped(row: number, bytes: number): boolean {
    if (this.isDropped(row)) return false;
    const word = row >>> 5;
    if (word >= this.#dropped.length) {
      const larger = new Uint32Array(Math.max(word + 1, 2 * this.#dropped.length, (this.rows >>> 5) + 1));
      larger.set(this.#dropped);
      this.#dropped = larger;
    }
    this.#dropped[word] = (this.#dropped[word] as number) | (1 << (row & 31));
    this.droppedRows++;
    this.droppedBytes += bytes;
    return true;
  }

  /** Takes over the block that `writer` has filled; the file does not have it yet. */
  addBlock(writer: BlockWriter): UnwrittenBlock {
    const { slab, view, start, end, firstMain, firstSub, isDense, rows } = writer;
    const block = { segment: this, offset: this.length, slab, view, start, end };
    this.index.add(firstMain, firstSub, this.length, this.rows, isDense);
    this.rows += rows;
    this.length += end - start;
    writer.finish();
    return block;
  }

  /** The dropped rows as they are now but for `without`, for a copy that later drops do not touch. */
  droppedBits(without: readonly number[]): Uint32Array {
    const bits = this.#dropped.slice();
    for (const row of without) bits[row >>> 5] = (bits[row >>> 5] as number) & ~(1 << (row & 31));
    return bits;
  }

  /** After a start: cuts what no commit covers, and refuses a file that lost bytes. */
  settle(): void {
    const { size } = fstatSync(this.file);
    if (size < this.length) {
      throw new CorruptValues(`${this.path}: bytes ${size} to ${this.length} are missing: restore this member`);
    }
    if (size > this.length) ftruncateSync(this.file, this.length);
    this.writtenBytes = this.length;
  }

  close(): void {
    closeSync(this.file);
  }

  /** Closes and deletes the file: the book names it no more. */
  remove(): void {
    this.close();
    rmSync(this.path);
  }
}

/** Whether a row is in a set of rows, a bit each. */
export function hasBit(bits: Uint32Array, at: number): boolean {
  const word = at >>> 5;
  return word < bits.length && ((bits[word] as number) & (1 << (at & 31))) !== 0;
}

export function segmentName(number: number): string {
  return `${number.toString(16).padStart(16, '0')}.values`;
}

/** The last segment that begins at or before (main, sub). Only the last segment of all may be empty. */
export function segmentOf(segments: readonly Segment[], main: number, sub: number): Segment | undefined {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const here = segments[middle] as Segment;
    const isAfter = here.index.count === 0 || here.firstMain > main || (here.firstMain === main && here.firstSub > sub);
    if (isAfter) high = middle;
    else low = middle + 1;
  }
  return segments[low - 1];
}
