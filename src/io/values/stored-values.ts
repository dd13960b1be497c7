/**
 * The value store on disk: revisions in append-only segments, everything else in a small LMDB beside them.
 *
 *     append -> block of 4 KiB in memory -> [commit] -> segment file, synced -> transaction of the book, synced -> done
 *
 * The book's transaction is the commit: it holds the records, the new length of the segments, their new index and the rows
 * dropped. What a crash leaves beyond that length is cut off at the next start. Reads are answered from the blocks in
 * memory, from a cache of fixed size, or by one read of the file; no file is mapped, so memory stays flat.
 *
 * Rule: one physical commit is under way at a time; commits asked for meanwhile are gathered into the next.
 */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Bytes } from '../../base/bytes.js';
import { check } from '../../base/check.js';
import type { ValueStore, ValuesView, ValueVisitor } from '../../mvcc/value-store.js';
import { Block, BlockWriter, rowHeaderBytes } from './block.js';
import { BlockCache } from './block-cache.js';
import { Book, type SealedRecords } from './book.js';
import { collect, eachDroppedSince, pickRun, type Source } from './collect.js';
import { ScanReader } from './scan-reader.js';
import { Segment, segmentName, segmentOf } from './segment.js';
import { StoredView } from './stored-view.js';
import { syncFolder, type UnwrittenBlock, unwrittenAt, writeBlocks } from './write-blocks.js';

export interface StoredValuesOptions {
  /** A write or sync failed: nothing more will be committed. It ends the process, before LMDB's own rejections do. */
  readonly onFatal: (error: unknown) => void;
  /** A segment that has grown to this is followed by another. */
  readonly segmentBytes?: number;
  readonly cacheBytes?: number;
}

const slabBytes = 1 << 20;
const defaultSegmentBytes = 64 << 20;
const defaultCacheBytes = 32 << 20;

/** What one `commit` call makes durable. */
interface Commit {
  readonly blocks: readonly UnwrittenBlock[];
  readonly records: SealedRecords;
  readonly marks: readonly SegmentMark[];
  readonly done: () => void;
}

/** A segment as it was when the commit was asked for. */
interface SegmentMark {
  readonly segment: Segment;
  readonly fromBlock: number;
  readonly blocks: number;
  readonly length: number;
  readonly rows: number;
  readonly droppedBytes: number;
  readonly dropped: readonly number[];
}

/** What changed in a segment since the last `commit`. */
interface Change {
  fromBlock: number;
  dropped: number[];
}

export function openStoredValues(folder: string, options: StoredValuesOptions): StoredValues {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return new StoredValues(folder, options);
}

export class StoredValues implements ValueStore {
  readonly #folder: string;
  readonly #onFatal: (error: unknown) => void;
  readonly #segmentBytes: number;
  readonly #cacheBytes: number;
  #book: Book;
  #cache: BlockCache;
  #writer = new BlockWriter(slabBytes);
  readonly #block = new Block();
  /** By revision; the last one is being written. */
  #segments: Segment[] = [];
  #nextNumber = 1;
  /** Sizes of the book, and of all segments but the last: asked for on each put, for the quota. */
  #bookBytes = 0;
  #sealedBytes = 0;
  /** Finished blocks that the files do not have yet, in order; those from `#uncommittedFrom` on belong to no commit. */
  #unwritten: UnwrittenBlock[] = [];
  #uncommittedFrom = 0;
  #changes = new Map<Segment, Change>();
  #commits: Commit[] = [];
  #isCommitting = false;
  #failed = false;
  #closing = false;
  /** The segments being copied, and the one that takes their place when it has all of them. */
  #collection: { readonly sources: readonly Source[]; readonly into: Segment; isReady: boolean } | undefined;
  #defragments: (() => void)[] = [];
  /** Segments numbered so or higher are younger than the last `defragment`. */
  #defragmentUntil = 0;
  #whenIdle: (() => void) | undefined;
  readonly #views = new Set<StoredView>();
  /** Segments that only views read; their files go with the last of these. */
  readonly #retired: Segment[] = [];
  /** Closes what another store has replaced. */
  #afterViews: (() => void)[] = [];
  /** Rows of the segment that stand before `#block`. */
  #rowsBefore = 0;

  constructor(folder: string, options: StoredValuesOptions) {
    this.#folder = folder;
    this.#onFatal = options.onFatal;
    this.#segmentBytes = options.segmentBytes ?? defaultSegmentBytes;
    this.#cacheBytes = options.cacheBytes ?? defaultCacheBytes;
    this.#cache = new BlockCache(this.#cacheBytes);
    this.#book = new Book(join(folder, 'book.lmdb'));
    this.#load();
    this.#goOn();
  }

  append(main: number, sub: number, tombstone: boolean, value: Bytes): void {
    const writer = this.#writer;
    const { lastMain, lastSub } = writer;
    check(main > lastMain || (main === lastMain && sub > lastSub), 'revisions rise');
    if (!writer.fits(value.length)) {
      this.#finishBlock();
      writer.begin(value.length);
    }
    writer.add(main, sub, tombstone, value);
  }

  get(main: number, sub: number): Bytes | undefined {
    const segment = this.#locate(main, sub);
    if (segment === undefined || !this.#block.find(main, sub)) return undefined;
    if (segment.droppedRows > 0 && segment.isDropped(this.#rowsBefore + this.#block.position)) return undefined;
    return this.#block.value();
  }

  scan(main: number, sub: number, endMain: number, visit: ValueVisitor): void {
    const reader = new ScanReader(this.#segments, this.#unwritten, this.#writer);
    reader.begin(main, sub);
    for (; reader.hasBlock; reader.nextBlock()) {
      const { block, segment, rowsBefore } = reader;
      for (; block.hasRow; block.next()) {
        const here = block.main;
        if (here >= endMain) return;
        if (segment.droppedRows > 0 && segment.isDropped(rowsBefore + block.position)) continue;
        if (!visit(here, block.sub, block.isTombstone, block.value())) return;
      }
    }
  }

  drop(main: number, sub: number, _tombstone: boolean): void {
    if (this.#dropDense(main, sub)) return;
    const segment = this.#locate(main, sub);
    if (segment === undefined || !this.#block.find(main, sub)) return;
    this.#dropRow(segment, this.#rowsBefore + this.#block.position, rowHeaderBytes + this.#block.valueLength);
  }

  getRecord(bucket: string, key: Bytes): Bytes | undefined {
    return this.#book.get(bucket, key);
  }

  setRecord(bucket: string, key: Bytes, value: Bytes): void {
    this.#book.set(bucket, key, value);
  }

  deleteRecord(bucket: string, key: Bytes): void {
    this.#book.set(bucket, key, undefined);
  }

  scanRecords(bucket: string, visit: (key: Bytes, value: Bytes) => void): void {
    this.#book.scan(bucket, visit);
  }

  view(): ValuesView {
    this.#finishBlock();
    const view: StoredView = new StoredView({
      segments: [...this.#segments],
      unwritten: this.#unwritten,
      writer: this.#writer,
      records: this.#book.view(),
      closed: () => {
        this.#views.delete(view);
        if (this.#views.size > 0) return;
        for (const segment of this.#retired.splice(0)) segment.remove();
        for (const leave of this.#afterViews.splice(0)) leave();
      },
    });
    this.#views.add(view);
    return view;
  }

  commit(done: () => void): void {
    this.#finishBlock();
    const blocks = this.#unwritten.slice(this.#uncommittedFrom);
    this.#uncommittedFrom = this.#unwritten.length;
    const marks = [...this.#changes].map(([segment, { fromBlock, dropped }]) => {
      const { length, rows, droppedBytes, index } = segment;
      return { segment, fromBlock, blocks: index.count, length, rows, droppedBytes, dropped };
    });
    this.#changes = new Map();
    this.#commits.push({ blocks, records: this.#book.seal(), marks, done });
    if (!this.#isCommitting && !this.#failed) void this.#commitAll();
  }

  sizeBytes(): number {
    return this.#bookBytes + this.#sealedBytes + this.#active.length;
  }

  sizeInUseBytes(): number {
    let total = this.sizeBytes();
    for (const segment of this.#segments) total -= segment.droppedBytes;
    return Math.round(total);
  }

  /** Gives the room of all dropped revisions back to the file system, while everything else goes on. */
  defragment(done: () => void): void {
    if (this.#closing) {
      // Another store comes in the place of this one: there will be nothing to give back.
      this.#defragments.push(done);
      return;
    }
    this.#finishBlock();
    if (this.#active.index.count > 0) this.#beginSegment();
    this.#defragments.push(done);
    this.#defragmentUntil = this.#active.number;
    this.commit(() => {});
  }

  /** Closes the files when no commit is under way any more. What was never committed is lost. */
  async close(): Promise<void> {
    await this.#untilIdle();
    for (const view of [...this.#views]) view.close();
    // LMDB does not close after a transaction that failed; then the process ends.
    if (!this.#failed) await this.#book.close();
    for (const segment of this.#segments) segment.close();
  }

  /**
   * Holds from now on what `swap` puts into the folder, in the place of all that was there. Nobody else uses the store until this
   * settles; views keep what they show.
   */
  async replace(swap: () => void): Promise<void> {
    await this.#untilIdle();
    const book = this.#book;
    // Those that are retired lose their files with the folder.
    const segments = [...this.#segments, ...this.#retired.splice(0)];
    const leave = async () => {
      await book.close();
      for (const segment of segments) segment.close();
    };
    if (this.#views.size === 0) await leave();
    else this.#afterViews.push(() => void leave());
    swap();
    this.#book = new Book(join(this.#folder, 'book.lmdb'));
    this.#cache = new BlockCache(this.#cacheBytes);
    this.#writer = new BlockWriter(slabBytes);
    this.#segments = [];
    this.#unwritten = [];
    this.#uncommittedFrom = 0;
    this.#changes = new Map();
    this.#nextNumber = 1;
    this.#load();
    this.#goOn();
    this.#closing = false;
    this.#whenIdle = undefined;
    // What they wanted rid of is gone.
    for (const done of this.#defragments.splice(0)) done();
  }

  async #untilIdle(): Promise<void> {
    this.#closing = true;
    if (!this.#isCommitting && this.#collection === undefined) return;
    await new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
    });
  }

  get #active(): Segment {
    return this.#segments.at(-1) as Segment;
  }

  #load(): void {
    const known = new Set<string>();
    for (const { number, length, droppedBytes, rows, dropLists } of this.#book.segments()) {
      const segment = new Segment(this.#folder, number);
      Object.assign(segment, { length, rows, dropLists });
      this.#book.readIndex(segment);
      if (dropLists > 0) this.#book.eachDropped(number, (row) => segment.markDropped(row, 0));
      segment.droppedBytes = droppedBytes;
      segment.settle();
      known.add(segmentName(number));
      this.#segments.push(segment);
      this.#nextNumber = Math.max(this.#nextNumber, number + 1);
    }
    this.#segments.sort((a, b) => a.firstMain - b.firstMain || a.firstSub - b.firstSub);
    for (const name of readdirSync(this.#folder)) {
      // A crash came before the commit that would have named it.
      if (name.endsWith('.values') && !known.has(name)) rmSync(join(this.#folder, name));
    }
  }

  /** After a start: appends go to the last segment, and only after its last revision. */
  #goOn(): void {
    const last = this.#segments.at(-1);
    if (last !== undefined && last.index.count > 0) {
      const block = last.index.count - 1;
      check(
        this.#locate(last.index.mainOf(block), last.index.subOf(block)) === last,
        'the last block is found by its first revision',
      );
      for (; this.#block.hasRow; this.#block.next()) {
        this.#writer.lastMain = this.#block.main;
        this.#writer.lastSub = this.#block.sub;
      }
    }
    if (last === undefined || last.length >= this.#segmentBytes) this.#beginSegment();
    else this.#measure();
  }

  #beginSegment(): void {
    this.#segments.push(new Segment(this.#folder, this.#nextNumber++));
    this.#measure();
  }

  #measure(): void {
    this.#bookBytes = this.#book.sizeBytes;
    this.#sealedBytes = -this.#active.length;
    for (const { length } of this.#segments) this.#sealedBytes += length;
  }

  #finishBlock(): void {
    const writer = this.#writer;
    if (writer.isEmpty) return;
    const segment = this.#active;
    this.#changeOf(segment);
    this.#unwritten.push(segment.addBlock(writer));
    if (segment.length >= this.#segmentBytes) this.#beginSegment();
  }

  #changeOf(segment: Segment): Change {
    let change = this.#changes.get(segment);
    if (change === undefined) {
      change = { fromBlock: segment.index.count, dropped: [] };
      this.#changes.set(segment, change);
    }
    return change;
  }

  /** Leads `#block` to the only block that can hold (main, sub), and answers its segment. */
  #locate(main: number, sub: number): Segment | undefined {
    const writer = this.#writer;
    if (!writer.isEmpty && (main > writer.firstMain || (main === writer.firstMain && sub >= writer.firstSub))) {
      this.#rowsBefore = this.#active.rows;
      this.#block.open(writer.slab, writer.view, writer.start, writer.end);
      return this.#active;
    }
    const segment = segmentOf(this.#segments, main, sub);
    if (segment === undefined) return undefined;
    const block = segment.index.find(main, sub);
    const offset = segment.index.offsetOf(block);
    this.#rowsBefore = segment.index.rowsBefore(block);
    if (offset < segment.writtenBytes) {
      this.#cache.read(segment, offset, segment.endOf(block), this.#block);
    } else {
      const { slab, view, start, end } = unwrittenAt(this.#unwritten, segment, offset);
      this.#block.open(slab, view, start, end);
    }
    return segment;
  }

  /** In a dense block rows count as revisions do: nothing has to be read, and a row's length is taken to be the mean. */
  #dropDense(main: number, sub: number): boolean {
    const segment = segmentOf(this.#segments, main, sub);
    if (segment === undefined || sub !== 0) return false;
    const { index } = segment;
    const block = index.find(main, sub);
    const position = main - index.mainOf(block);
    const rows = segment.rowsOf(block);
    if (!index.isDense(block) || position >= rows) return false;
    this.#dropRow(segment, index.rowsBefore(block) + position, (segment.endOf(block) - index.offsetOf(block)) / rows);
    return true;
  }

  #dropRow(segment: Segment, row: number, bytes: number): void {
    if (segment.markDropped(row, bytes)) this.#changeOf(segment).dropped.push(row);
  }

  async #commitAll(): Promise<void> {
    this.#isCommitting = true;
    try {
      if (this.#commits.length === 0) await this.#collectSome();
      while (this.#commits.length > 0) {
        const commits = this.#commits;
        this.#commits = [];
        await this.#commitTogether(commits);
        for (const { done } of commits) done();
        if (this.#commits.length === 0) await this.#collectSome();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isCommitting = false;
      if (this.#collection === undefined || this.#failed) this.#whenIdle?.();
    }
  }

  async #commitTogether(commits: readonly Commit[]): Promise<void> {
    const blocks = commits.flatMap((commit) => commit.blocks);
    if (blocks.length > 0) {
      await writeBlocks(blocks);
      if (blocks.some(({ offset }) => offset === 0)) await syncFolder(this.#folder);
      for (const { segment, offset, start, end } of blocks) segment.writtenBytes = offset + end - start;
      this.#unwritten.splice(0, blocks.length);
      this.#uncommittedFrom -= blocks.length;
    }
    // All in one turn, so all in one transaction.
    for (const { records, marks } of commits) {
      this.#book.writeRecords(records);
      for (const mark of marks) this.#writeMark(mark);
    }
    await this.#book.sync();
    this.#book.forget(commits.length);
    this.#bookBytes = this.#book.sizeBytes;
  }

  /** Called when no commit is under way or asked for: so what is not in `#changes` is in the book. */
  async #collectSome(): Promise<void> {
    if (this.#collection?.isReady) {
      const { sources, into } = this.#collection;
      this.#collection = undefined;
      this.#replace(sources, into);
      await this.#book.sync();
      for (const { segment } of sources) {
        if (this.#views.size === 0) segment.remove();
        else this.#retired.push(segment);
      }
      this.#measure();
    }
    // A commit asked for meanwhile has taken its changes with it, and has not written them: they would be taken for committed.
    if (this.#collection !== undefined || this.#closing || this.#commits.length > 0) return;
    const eager = this.#defragments.length > 0;
    const run = pickRun(this.#segments, {
      segmentBytes: this.#segmentBytes,
      eager,
      takes: (segment) => this.#isCommitted(segment) && (!eager || segment.number < this.#defragmentUntil),
    });
    if (run.length > 0) this.#startCollection(run);
    else for (const done of this.#defragments.splice(0)) done();
  }

  /** Whether nothing will be added to the segment, and the book has all of it. */
  #isCommitted(segment: Segment): boolean {
    const { count } = segment.index;
    return segment !== this.#active && (this.#changes.get(segment)?.fromBlock ?? count) === count;
  }

  #startCollection(run: readonly Segment[]): void {
    const sources = run.map((segment) => ({
      segment,
      leftOut: segment.droppedBits(this.#changes.get(segment)?.dropped ?? []),
    }));
    const into = new Segment(this.#folder, this.#nextNumber++);
    const collection = { sources, into, isReady: false };
    this.#collection = collection;
    collect(this.#folder, sources, into).then(
      () => {
        collection.isReady = true;
        if (!this.#isCommitting && !this.#failed) void this.#commitAll();
      },
      (error: unknown) => this.#fail(error),
    );
  }

  /** Puts `into` in the place of its sources, in memory and in one transaction of the book. */
  #replace(sources: readonly Source[], into: Segment): void {
    const pending = new Map(sources.map(({ segment }) => [segment, new Set(this.#changes.get(segment)?.dropped)]));
    const committed: number[] = [];
    eachDroppedSince(sources, (row, segment, old) => {
      into.markDropped(row, segment.droppedBytes / segment.droppedRows);
      if (pending.get(segment)?.has(old)) this.#changeOf(into).dropped.push(row);
      else committed.push(row);
    });
    for (const { segment } of sources) {
      this.#changes.delete(segment);
      this.#book.removeSegment(segment);
    }
    const first = this.#segments.indexOf((sources[0] as Source).segment);
    if (into.rows === 0) {
      this.#segments.splice(first, sources.length);
      into.remove();
      return;
    }
    this.#segments.splice(first, sources.length, into);
    const { length, rows, droppedBytes, index } = into;
    this.#writeMark({
      segment: into,
      fromBlock: 0,
      blocks: index.count,
      length,
      rows,
      droppedBytes,
      dropped: committed,
    });
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#onFatal(error);
    this.#whenIdle?.();
  }

  #writeMark({ segment, fromBlock, blocks, length, rows, droppedBytes, dropped }: SegmentMark): void {
    if (blocks > fromBlock) this.#book.writeIndex(segment, fromBlock, blocks);
    if (dropped.length > 0) this.#book.writeDropped(segment.number, segment.dropLists++, Uint32Array.from(dropped));
    this.#book.writeSegment({ number: segment.number, length, droppedBytes, rows, dropLists: segment.dropLists });
  }
}
