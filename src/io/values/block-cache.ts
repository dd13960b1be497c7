/**
 * Blocks read lately, in memory taken once: each block has one slot it can be in, so finding it is one comparison.
 * A block larger than a slot is read into memory of its own, which the next such block overwrites.
 */
import { readSync } from 'node:fs';
import type { Bytes } from '../../base/bytes.js';
import { type Block, blockBytesMax } from './block.js';
import { ReadWindows, type WindowSource } from './read-windows.js';

const slotBytes = blockBytesMax;
const slotsPerArena = 1024;
const empty = -1;

class Arena {
  /** No `Buffer`: views of one cost twice as much, and each value read is a view. */
  readonly bytes: Bytes = new Uint8Array(slotBytes * slotsPerArena);
  readonly view = new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.length);
}

export class CorruptValues extends Error {
  override readonly name = 'CorruptValues';
}

/** What the cache reads from. */
export interface BlockSource extends WindowSource {
  readonly path: string;
}

/** A miss so close to the one before it is somebody going through the file. */
const nearBytes = 256 << 10;

export class BlockCache {
  readonly #slots: number;
  readonly #segments: Float64Array;
  readonly #offsets: Float64Array;
  readonly #arenas: (Arena | undefined)[] = [];
  readonly #windows = new ReadWindows();
  /** The last miss. */
  #missSegment = empty;
  #missOffset = 0;
  #large: Bytes = new Uint8Array(0);
  #largeView = new DataView(this.#large.buffer);

  constructor(sizeBytes: number) {
    this.#slots = Math.max(slotsPerArena, Math.floor(sizeBytes / slotBytes));
    this.#segments = new Float64Array(this.#slots).fill(empty);
    this.#offsets = new Float64Array(this.#slots);
  }

  /** Leads `block` to the bytes [offset, end) of the segment's file. They stay valid until the next call. */
  read(source: BlockSource, offset: number, end: number, block: Block): void {
    if (end - offset > slotBytes) {
      this.#readLarge(source, offset, end, block);
      return;
    }
    const slot = ((offset >>> 6) ^ Math.imul(source.number, 0x9e3779b1)) >>> 0;
    const at = slot % this.#slots;
    const arena = this.#arena(Math.floor(at / slotsPerArena));
    const start = (at % slotsPerArena) * slotBytes;
    block.open(arena.bytes, arena.view, start, start + end - offset);
    if (this.#segments[at] === source.number && this.#offsets[at] === offset) return;
    this.#segments[at] = empty;
    this.#fill(source, arena.bytes, start, offset, end, block);
    this.#segments[at] = source.number;
    this.#offsets[at] = offset;
  }

  #fill(source: BlockSource, bytes: Bytes, start: number, offset: number, end: number, block: Block): void {
    const near = this.#missSegment === source.number && Math.abs(offset - this.#missOffset) < nearBytes;
    this.#missSegment = source.number;
    this.#missOffset = offset;
    if (near && this.#windows.copy(source, offset, end, bytes, start)) {
      if (!block.isWhole()) throw corrupt(source, offset, end);
    } else fill(source, bytes, start, offset, end, block);
  }

  #readLarge(source: BlockSource, offset: number, end: number, block: Block): void {
    if (this.#large.length < end - offset || this.#large.length > 16 * (end - offset)) {
      // No `Buffer` here either: a `slice` of a value must be a copy, and of a `Buffer` it is none.
      this.#large = new Uint8Array(end - offset);
      this.#largeView = new DataView(this.#large.buffer);
    }
    block.open(this.#large, this.#largeView, 0, end - offset);
    fill(source, this.#large, 0, offset, end, block);
  }

  #arena(number: number): Arena {
    this.#arenas[number] ??= new Arena();
    return this.#arenas[number];
  }
}

function fill(source: BlockSource, bytes: Bytes, start: number, offset: number, end: number, block: Block): void {
  const read = readSync(source.file, bytes, start, end - offset, offset);
  if (read !== end - offset || !block.isWhole()) throw corrupt(source, offset, end);
}

export function corrupt(source: BlockSource, offset: number, end: number): CorruptValues {
  return new CorruptValues(
    `${source.path}: bytes ${offset} to ${end} are damaged: restore this member from its peers or from a snapshot`,
  );
}
