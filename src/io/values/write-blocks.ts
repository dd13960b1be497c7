/** Writes finished blocks to their segments and waits until they are on the disk. */
import { close, fdatasync, open, write } from 'node:fs';
import { promisify } from 'node:util';
import type { Bytes } from '../../base/bytes.js';
import { check } from '../../base/check.js';
import type { Segment } from './segment.js';

export interface UnwrittenBlock {
  readonly segment: Segment;
  /** Where it goes in the file. */
  readonly offset: number;
  readonly slab: Bytes;
  readonly view: DataView;
  readonly start: number;
  readonly end: number;
}

const writeAt = promisify(write);
const openFile = promisify(open);
const closeFile = promisify(close);
export const syncData = promisify(fdatasync);

export async function writeBlocks(blocks: readonly UnwrittenBlock[]): Promise<void> {
  const files = new Set<number>();
  for (let from = 0; from < blocks.length; ) {
    const first = blocks[from] as UnwrittenBlock;
    let last = first;
    // Blocks that lie side by side in a slab and in the file go out in one write.
    for (from++; from < blocks.length; from++) {
      const next = blocks[from] as UnwrittenBlock;
      if (next.slab !== first.slab || next.segment !== first.segment) break;
      last = next;
    }
    await writeFully(first.segment.file, first.slab.subarray(first.start, last.end), first.offset);
    files.add(first.segment.file);
  }
  for (const file of files) await syncData(file);
}

export async function writeFully(file: number, bytes: Bytes, offset: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await writeAt(file, bytes, at, bytes.length - at, offset + at);
    at += bytesWritten;
  }
}

/** Makes a new file's name durable. */
export async function syncFolder(folder: string): Promise<void> {
  const file = await openFile(folder, 'r');
  await syncData(file);
  await closeFile(file);
}

/** The block that begins at `offset` of the segment; blocks in memory are in the order of the files. */
export function unwrittenAt(blocks: readonly UnwrittenBlock[], segment: Segment, offset: number): UnwrittenBlock {
  let low = 0;
  let high = blocks.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const here = blocks[middle] as UnwrittenBlock;
    const isBefore = here.segment === segment ? here.offset < offset : here.segment.firstMain < segment.firstMain;
    if (isBefore) low = middle + 1;
    else high = middle;
  }
  const found = blocks[low];
  check(found?.segment === segment && found.offset === offset, 'a block is in memory until its file has it');
  return found;
}
