/**
 * Appends batches to the log: one disk write in flight, and what comes meanwhile gathers into the next.
 *
 *     append -> filling region -> sealed regions -> the write in flight -> `persisted`
 *
 * A region is what one write carries, and goes to one place in one segment. It is sealed when it is written, when it is long enough,
 * and when its segment is full: the next region then opens a new segment with the sum, the metadata and the hard state, so records are
 * laid out at once and only the disk's side of a cut is waited for.
 *
 * Rules: a batch is reported when all its bytes and all bytes before it are durable, in order, once. A batch that need not be
 * durable is reported when those before it are. A failure is final: it is told once, and nothing is reported or written after it.
 */
import type { Bytes } from '../../base/bytes.js';
import { check } from '../../base/check.js';
import { Writer } from '../proto/writer.js';
import type { HardState } from '../raftpb/types.js';
import type { WalBatch } from './batch.js';
import type { Segment } from './directory.js';
import type { Disk, DiskFailure, DiskFile, Done } from './disk.js';
import { WalEncoder } from './encoder.js';
import { type Checksum, parentOf, segmentBytes, segmentName } from './format.js';
import type { WalTail } from './open.js';
import { SegmentSupply } from './supply.js';

export interface WriterOptions {
  readonly disk: Disk;
  readonly checksum: Checksum;
  /** `batches` more are durable, in the order in which they were appended. Never called from within `append`. */
  readonly persisted: (batches: number) => void;
  /** The disk failed. What reached it is unknown, so the process must end. */
  readonly failed: (failure: DiskFailure) => void;
  /** Smaller ones are for tests. */
  readonly segmentBytes?: number;
}

/** One write is not longer than this and one entry: a longer one would only make those behind it wait. */
const regionBytesMax = 1 << 20;
const regionBytes = 64 << 10;
/** Regions kept to be filled again; one is written while the other fills. */
const spareRegionsMax = 4;

class Region {
  readonly writer = new Writer(regionBytes);
  /** Where it goes in its segment. */
  offset = 0;
  /** Batches to report when it is durable. */
  batches = 0;
  mustSync = false;
  /** Of the segment it opens. */
  opens: Segment | undefined;
}

export class WalWriter {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #metadata: Bytes;
  readonly #encoder: WalEncoder;
  readonly #supply: SegmentSupply;
  readonly #options: WriterOptions;
  readonly #segmentBytes: number;

  // What was laid out so far: where the next record goes.
  #offset: number;
  #lastIndex: number;
  #hardState: HardState;
  #filling: Region;
  readonly #sealed: Region[] = [];
  readonly #spare: Region[] = [];
  /** The newest region with bytes that must be durable; batches that need not be are reported with it. */
  #barrier: Region | undefined;
  #sequence: number;

  // What the disk does.
  #file: DiskFile;
  #writing: Region | undefined;
  #segments: Segment[];
  /** Segments before it were released. */
  #neededSequence = 0;
  #purging = false;
  /** Where the segment that is written to ends. */
  #writtenTo: number;
  #state: 'open' | 'closing' | 'closed' | 'failed' = 'open';
  #closed: (() => void) | undefined;
  /** Batches that waited for nothing, to be reported when the stack has ended. */
  #idleBatches = 0;
  readonly #reportIdle = () => this.#report();
  readonly #written = (failure: DiskFailure | undefined) => this.#onWritten(failure);

  constructor(tail: WalTail, options: WriterOptions) {
    const { disk } = options;
    this.#options = options;
    this.#disk = disk;
    this.#directory = tail.directory;
    this.#metadata = tail.metadata;
    this.#segmentBytes = options.segmentBytes ?? segmentBytes;
    this.#encoder = new WalEncoder(options.checksum, tail.sum);
    this.#offset = tail.offset;
    this.#lastIndex = tail.lastIndex;
    this.#hardState = tail.hardState;
    this.#writtenTo = tail.offset;
    this.#segments = [...tail.segments];
    const last = this.#segments.at(-1);
    check(last !== undefined, 'a log that is open has a segment');
    this.#sequence = last.sequence;
    this.#file = disk.open(`${tail.directory}/${last.name}`);
    // What a killed process wrote or named may be seen and yet not be on the disk: from here on it counts.
    this.#file.syncNow();
    disk.syncDirectoryNow(tail.directory);
    disk.syncDirectoryNow(parentOf(tail.directory));
    this.#supply = new SegmentSupply(disk, tail.directory, this.#segmentBytes, (failure) => this.#fail(failure));
    this.#filling = this.#region();
  }

  /** The names of all segments, oldest first. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  append(batch: WalBatch): void {
    check(this.#state === 'open' || this.#state === 'failed', 'nothing is appended to a closed log');
    if (this.#state === 'failed') return;
    if (this.#offset >= this.#segmentBytes) this.#beginSegment();
    this.#encode(batch);
    if (batch.mustSync) {
      this.#filling.mustSync = true;
      this.#filling.batches++;
      this.#barrier = this.#filling;
    } else if (this.#barrier !== undefined) {
      this.#barrier.batches++;
    } else if (++this.#idleBatches === 1) {
      this.#disk.soon(this.#reportIdle);
    }
    if (this.#offset >= this.#segmentBytes) this.#beginSegment();
    this.#pump();
  }

  /**
   * Entries up to `index` are needed no longer: neither to start from nor to bring a value store up to date.
   * The segment in which `index` lies stays, and the one before it when `index` is its first, as in etcd.
   */
  release(index: number): void {
    const above = this.#segments.findIndex(({ firstIndex }) => firstIndex >= index);
    const kept = above < 0 ? this.#segments.length - 1 : above - 1;
    const needed = this.#segments[Math.max(kept, 0)];
    if (needed !== undefined) this.#neededSequence = Math.max(this.#neededSequence, needed.sequence);
  }

  /**
   * Removes released segments, oldest first, while there are more than `keep`; 0 keeps all.
   * `removed` is called for each, with its name and how it went; the first failure is the last call.
   */
  purge(keep: number, removed: (name: string, failure: DiskFailure | undefined) => void): void {
    const [oldest] = this.#segments;
    if (keep === 0 || oldest === undefined || this.#purging || this.#state !== 'open') return;
    if (this.#segments.length <= keep || oldest.sequence >= this.#neededSequence) return;
    this.#purging = true;
    this.#disk.remove(`${this.#directory}/${oldest.name}`, (failure) => {
      this.#purging = false;
      if (failure === undefined) this.#segments.shift();
      removed(oldest.name, failure);
      if (failure === undefined) this.purge(keep, removed);
    });
  }

  /** Writes what is left; nothing is appended any more. */
  close(closed: () => void): void {
    check(this.#state === 'open' || this.#state === 'failed', 'a log is closed once');
    if (this.#state === 'failed') return;
    this.#state = 'closing';
    this.#closed = closed;
    this.#filling.mustSync = this.#filling.writer.at > 0;
    this.#pump();
  }

  #encode(batch: WalBatch): void {
    const encoder = this.#encoder;
    const { snapshot, entries, hardState } = batch;
    if (snapshot !== undefined) {
      encoder.snapshot(this.#room(), snapshot.metadata);
      this.#lastIndex = Math.max(this.#lastIndex, snapshot.metadata.index);
    }
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i];
      if (entry === undefined) break;
      encoder.entry(this.#room(), entry);
      this.#lastIndex = entry.index;
    }
    if (hardState !== undefined) {
      encoder.hardState(this.#room(), hardState);
      this.#hardState = hardState;
    }
    this.#offset = this.#filling.offset + this.#filling.writer.at;
  }

  /** Where the next record goes. */
  #room(): Writer {
    const { writer, offset } = this.#filling;
    if (writer.at < regionBytesMax) return writer;
    this.#offset = offset + writer.at;
    this.#seal();
    return this.#filling.writer;
  }

  #seal(): void {
    this.#sealed.push(this.#filling);
    this.#filling = this.#region();
  }

  #region(): Region {
    const region = this.#spare.pop() ?? new Region();
    region.writer.reset();
    region.offset = this.#offset;
    region.batches = 0;
    region.mustSync = false;
    region.opens = undefined;
    return region;
  }

  #beginSegment(): void {
    if (this.#filling.writer.at > 0) this.#sealed.push(this.#filling);
    this.#offset = 0;
    const region = this.#region();
    const sequence = this.#sequence + 1;
    const firstIndex = this.#lastIndex + 1;
    this.#sequence = sequence;
    region.opens = { name: segmentName(sequence, firstIndex), sequence, firstIndex };
    region.mustSync = true;
    const encoder = this.#encoder;
    encoder.chain(region.writer);
    encoder.metadata(region.writer, this.#metadata);
    const { term, vote, commit } = this.#hardState;
    if (term !== 0 || vote !== 0n || commit !== 0) encoder.hardState(region.writer, this.#hardState);
    this.#offset = region.writer.at;
    this.#filling = region;
  }

  /** Hands the next region to the disk, if it is idle and there is one. */
  #pump(): void {
    if (this.#writing !== undefined || this.#state === 'failed' || this.#state === 'closed') return;
    if (this.#sealed.length === 0 && this.#filling.mustSync) this.#seal();
    const region = this.#sealed.shift();
    this.#writing = region;
    if (region === undefined) this.#finish();
    else if (region.opens !== undefined) this.#cut(region, region.opens);
    else this.#write(region);
  }

  #write(region: Region): void {
    const { writer } = region;
    this.#file.write(writer.bytes, writer.at, region.offset, this.#written);
  }

  #onWritten(failure: DiskFailure | undefined): void {
    const region = this.#writing;
    if (failure !== undefined) this.#fail(failure);
    if (this.#state === 'failed' || region === undefined) return;
    this.#writing = undefined;
    if (this.#barrier === region) this.#barrier = undefined;
    const { batches, writer } = region;
    this.#writtenTo = region.offset + writer.at;
    if (this.#spare.length < spareRegionsMax && writer.bytes.length <= 2 * regionBytesMax) this.#spare.push(region);
    // The disk gets the next write before the batches of this one are acted on.
    const end = this.#writtenTo;
    this.#pump();
    this.#supply.keepAhead(end);
    if (batches > 0 && !this.#hasFailed()) this.#options.persisted(batches);
  }

  /**
   * The old segment ends where its last record does; the new one gets its name when its first write is durable, so that
   * whatever has a segment's name begins with a sound head.
   */
  #cut(region: Region, segment: Segment): void {
    const old = this.#file;
    const path = `${this.#directory}/${segment.name}`;
    const { writer } = region;
    const named = this.#unlessFailed(() => {
      old.close();
      this.#segments.push(segment);
      this.#onWritten(undefined);
    });
    const begin = this.#unlessFailed(() =>
      this.#supply.take((file) => {
        this.#file = file;
        const renamed = this.#unlessFailed(() => this.#disk.syncDirectory(this.#directory, named));
        const written = this.#unlessFailed(() => this.#disk.rename(file.path, path, renamed));
        file.write(writer.bytes, writer.at, 0, written);
      }),
    );
    if (old.sizeBytes > this.#writtenTo) old.truncate(this.#writtenTo, begin);
    else begin(undefined);
  }

  #unlessFailed(next: () => void): Done {
    return (failure) => {
      if (this.#state === 'failed') return;
      if (failure !== undefined) this.#fail(failure);
      else next();
    };
  }

  #fail(failure: DiskFailure): void {
    if (this.#state === 'failed') return;
    this.#state = 'failed';
    this.#options.failed(failure);
  }

  #hasFailed(): boolean {
    return this.#state === 'failed';
  }

  #report(): void {
    const batches = this.#idleBatches;
    this.#idleBatches = 0;
    if (this.#state !== 'failed' && batches > 0) this.#options.persisted(batches);
  }

  /** Nothing is left to write. */
  #finish(): void {
    if (this.#state !== 'closing') return;
    this.#state = 'closed';
    this.#file.close();
    this.#supply.close();
    this.#closed?.();
  }
}
