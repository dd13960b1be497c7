/**
 * Takes back the room of dropped rows: a run of neighbouring segments is copied into one new segment without them.
 *
 * The copy goes on beside everything else. It leaves out only rows whose drop was committed when it began; rows dropped
 * since are marked in the new segment when it takes the place of the old ones.
 */
import { read } from 'node:fs';
import { promisify } from 'node:util';
import { Block, BlockWriter } from './block.js';
import { corrupt } from './block-cache.js';
import { hasBit, type Segment } from './segment.js';
import { syncData, syncFolder, type UnwrittenBlock, writeBlocks } from './write-blocks.js';

const readAt = promisify(read);
const slabBytes = 1 << 20;
const readBytes = 256 << 10;

/** A segment that is copied, and the rows of it that are left out. */
export interface Source {
  readonly segment: Segment;
  readonly leftOut: Uint32Array;
}

/** What to look for: `takes` says which segments may be copied now. */
export interface RunRules {
  readonly segmentBytes: number;
  /** Also what holds only a few dropped rows. */
  readonly eager: boolean;
  takes(segment: Segment): boolean;
}

/** The first run of neighbours worth copying, all of whose living rows fit into one segment; empty when there is none. */
export function pickRun(segments: readonly Segment[], rules: RunRules): Segment[] {
  let run: Segment[] = [];
  let liveBytes = 0;
  for (const segment of segments) {
    const live = segment.length - segment.droppedBytes;
    const isSparse = live < rules.segmentBytes / 2 || (rules.eager && segment.droppedRows > 0);
    if (!isSparse || !rules.takes(segment) || liveBytes + live > rules.segmentBytes) {
      if (isWorthwhile(run, rules)) return run;
      run = [];
      liveBytes = 0;
    }
    if (!isSparse || !rules.takes(segment)) continue;
    run.push(segment);
    liveBytes += live;
  }
  return isWorthwhile(run, rules) ? run : [];
}

function isWorthwhile(run: readonly Segment[], { eager }: RunRules): boolean {
  if (run.length > 1) return true;
  return run.some(({ droppedBytes, length, droppedRows }) => (eager ? droppedRows > 0 : droppedBytes > length / 2));
}

export async function collect(folder: string, sources: readonly Source[], into: Segment): Promise<void> {
  const writer = new BlockWriter(slabBytes);
  const blocks: UnwrittenBlock[] = [];
  for (const source of sources) {
    for (let from = 0; from < source.segment.index.count; ) {
      from = await copySome(source, from, writer, into, blocks);
      if (blocks.length * 4096 >= slabBytes) await writeBlocks(blocks.splice(0));
    }
  }
  if (!writer.isEmpty) blocks.push(into.addBlock(writer));
  await writeBlocks(blocks);
  await syncData(into.file);
  await syncFolder(folder);
  into.writtenBytes = into.length;
}

/** Copies as many blocks as one read brings, from `from` on, and answers the block that is next. */
async function copySome(
  { segment, leftOut }: Source,
  from: number,
  writer: BlockWriter,
  into: Segment,
  blocks: UnwrittenBlock[],
): Promise<number> {
  const start = segment.index.offsetOf(from);
  let to = from + 1;
  while (to < segment.index.count && segment.endOf(to) - start <= readBytes) to++;
  const bytes = Buffer.allocUnsafeSlow(segment.endOf(to - 1) - start);
  const view = new DataView(bytes.buffer);
  const { bytesRead } = await readAt(segment.file, bytes, 0, bytes.length, start);
  if (bytesRead !== bytes.length) throw corrupt(segment, start, start + bytes.length);
  const block = new Block();
  for (let at = from; at < to; at++) {
    const offset = segment.index.offsetOf(at);
    block.open(bytes, view, offset - start, segment.endOf(at) - start);
    if (!block.isWhole()) throw corrupt(segment, offset, segment.endOf(at));
    for (; block.hasRow; block.next()) {
      if (hasBit(leftOut, segment.index.rowsBefore(at) + block.position)) continue;
      const value = block.value();
      if (!writer.fits(value.length)) {
        if (!writer.isEmpty) blocks.push(into.addBlock(writer));
        writer.begin(value.length);
      }
      writer.add(block.main, block.sub, block.isTombstone, value);
    }
  }
  return to;
}

/** Calls `visit` with the new and the old number of each row that was dropped while its segment was being copied. */
export function eachDroppedSince(
  sources: readonly Source[],
  visit: (row: number, segment: Segment, old: number) => void,
) {
  let row = 0;
  for (const { segment, leftOut } of sources) {
    for (let old = 0; old < segment.rows; old++) {
      if (hasBit(leftOut, old)) continue;
      if (segment.isDropped(old)) visit(row, segment, old);
      row++;
    }
  }
}
