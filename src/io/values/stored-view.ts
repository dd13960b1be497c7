/**
 * Stored values as they stood at one moment. Segments are only ever added to and their rows marked as dropped, so a copy of the marks and
 * of the list of segments is all it takes; the files stay until the view is closed.
 */
import type { Bytes } from '../../base/bytes.js';
import type { ValuesView, ValueVisitor } from '../../mvcc/value-store.js';
import type { BlockWriter } from './block.js';
import type { RecordsView } from './book.js';
import { ScanReader } from './scan-reader.js';
import { hasBit, type Segment } from './segment.js';
import type { UnwrittenBlock } from './write-blocks.js';

export interface StoredViewParts {
  readonly segments: readonly Segment[];
  readonly unwritten: readonly UnwrittenBlock[];
  readonly writer: BlockWriter;
  readonly records: RecordsView;
  readonly closed: () => void;
}

export class StoredView implements ValuesView {
  readonly #parts: StoredViewParts;
  readonly #reader: ScanReader;
  /** Of each segment how many rows it had, and which of them were dropped. */
  readonly #rows = new Map<Segment, number>();
  readonly #dropped = new Map<Segment, Uint32Array>();
  #recordsClosed = false;
  #closed = false;

  constructor(parts: StoredViewParts) {
    this.#parts = parts;
    this.#reader = new ScanReader(parts.segments, parts.unwritten, parts.writer);
    for (const segment of parts.segments) {
      this.#rows.set(segment, segment.rows);
      this.#dropped.set(segment, segment.droppedBits([]));
    }
  }

  scan(main: number, sub: number, endMain: number, visit: ValueVisitor): void {
    const reader = this.#reader;
    for (reader.begin(main, sub); reader.hasBlock; reader.nextBlock()) {
      const { block, segment, rowsBefore } = reader;
      const rows = this.#rows.get(segment) as number;
      const dropped = this.#dropped.get(segment) as Uint32Array;
      for (; block.hasRow; block.next()) {
        const row = rowsBefore + block.position;
        const here = block.main;
        if (row >= rows || here >= endMain) return;
        if (hasBit(dropped, row)) continue;
        if (!visit(here, block.sub, block.isTombstone, block.value())) return;
      }
    }
  }

  scanRecords(bucket: string, from: Bytes, visit: (key: Bytes, value: Bytes) => boolean): void {
    this.#parts.records.scan(bucket, from, visit);
  }

  closeRecords(): void {
    if (this.#recordsClosed) return;
    this.#recordsClosed = true;
    this.#parts.records.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.closeRecords();
    this.#parts.closed();
  }
}
