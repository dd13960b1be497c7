/** Reads the blocks of all segments one after the other, many with one read of the file. */
import { readSync } from 'node:fs';
import type { Bytes } from '../../base/bytes.js';
import { Block, type BlockWriter } from './block.js';
import { corrupt } from './block-cache.js';
import { type Segment, segmentOf } from './segment.js';
import { type UnwrittenBlock, unwrittenAt } from './write-blocks.js';

/** The first read is small, for most scans are; then each is twice the one before. */
const firstReadBytes = 32 << 10;
const readBytesMax = 1 << 20;

export class ScanReader {
  readonly block = new Block();
  segment: Segment;
  rowsBefore = 0;
  hasBlock = true;
  readonly #segments: readonly Segment[];
  readonly #unwritten: readonly UnwrittenBlock[];
  readonly #writer: BlockWriter;
  #segmentAt = 0;
  #blockAt = 0;
  #readBytes = firstReadBytes;
  #buffer: Bytes = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  /** The part of a segment's file that is in `#buffer`. */
  #held: Segment | undefined;
  #from = 0;
  #to = 0;

  constructor(segments: readonly Segment[], unwritten: readonly UnwrittenBlock[], writer: BlockWriter) {
    this.#segments = segments;
    this.#unwritten = unwritten;
    this.#writer = writer;
    this.segment = segments[0] as Segment;
  }

  /** Leads `block` to the first row that is not before (main, sub). May be called again: what was read serves on. */
  begin(main: number, sub: number): void {
    this.#segmentAt = this.#blockAt = 0;
    this.hasBlock = true;
    const segment = segmentOf(this.#segments, main, sub);
    if (segment !== undefined) {
      this.#segmentAt = this.#segments.indexOf(segment);
      this.#blockAt = segment.index.find(main, sub);
    }
    this.#open();
    if (!this.hasBlock) return;
    this.block.seek(main, sub);
    if (this.block.hasRow) return;
    this.nextBlock();
    if (this.hasBlock) this.block.seek(main, sub);
  }

  nextBlock(): void {
    this.#blockAt++;
    this.#open();
  }

  #open(): void {
    const last = this.#segments.length - 1;
    while (this.#segmentAt < last && this.#blockAt >= (this.#segments[this.#segmentAt] as Segment).index.count) {
      this.#segmentAt++;
      this.#blockAt = 0;
    }
    const segment = this.#segments[this.#segmentAt] as Segment;
    this.segment = segment;
    if (this.#blockAt >= segment.index.count) {
      this.#openWriter();
      return;
    }
    const offset = segment.index.offsetOf(this.#blockAt);
    this.rowsBefore = segment.index.rowsBefore(this.#blockAt);
    if (offset < segment.writtenBytes) this.#openStored(segment, offset);
    else {
      const { slab, view, start, end } = unwrittenAt(this.#unwritten, segment, offset);
      this.block.open(slab, view, start, end);
    }
  }

  /** The block being filled comes last. */
  #openWriter(): void {
    const writer = this.#writer;
    this.hasBlock = this.#blockAt === this.segment.index.count && !writer.isEmpty;
    this.rowsBefore = this.segment.rows;
    this.block.open(writer.slab, writer.view, writer.start, writer.end);
  }

  #openStored(segment: Segment, offset: number): void {
    const end = segment.endOf(this.#blockAt);
    if (this.#held !== segment || this.#to < end || this.#from > offset) this.#read(segment, offset, end);
    this.block.open(this.#buffer, this.#view, offset - this.#from, end - this.#from);
    if (!this.block.isWhole()) throw corrupt(segment, offset, end);
  }

  #read(segment: Segment, offset: number, end: number): void {
    const length = Math.max(end - offset, Math.min(this.#readBytes, segment.writtenBytes - offset));
    if (this.#buffer.length < length) {
      // No `Buffer`: a `slice` of a value must be a copy, and of a `Buffer` it is none.
      this.#buffer = new Uint8Array(length);
      this.#view = new DataView(this.#buffer.buffer);
    }
    const read = readSync(segment.file, this.#buffer, 0, length, offset);
    if (read !== length) throw corrupt(segment, offset, offset + length);
    this.#held = segment;
    this.#from = offset;
    this.#to = offset + length;
    this.#readBytes = Math.min(2 * this.#readBytes, readBytesMax);
  }
}
