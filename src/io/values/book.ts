/**
 * The book beside the segments, in LMDB: named records, and which segments there are. Its transactions are the commits of
 * the whole store: what a segment's file holds beyond the length written here was never committed.
 *
 *     records    bucket, 0, key             -> key length 4 | key | value
 *     segments   'S' number 8               -> length 8 | dropped bytes 8 | rows 4 | drop lists 4
 *                'I' number 8, chunk 4      -> packed index of 256 blocks
 *                'D' number 8, sequence 4   -> dropped rows, 4 each
 *
 * Records set but not yet committed are served from memory.
 */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { type Database, open, type RootDatabase, type Transaction } from 'lmdb';
import { type Bytes, compareBytes, equalBytes } from '../../base/bytes.js';
import type { Segment } from './segment.js';

export const blocksPerChunk = 256;
/** LMDB keys end at 1978 bytes: of a longer one, its beginning and its hash. */
const wholeKeyBytesMax = 1024;

interface NamedRecord {
  readonly bucket: string;
  readonly key: Bytes;
  /** Undefined when it was deleted. */
  readonly value: Bytes | undefined;
}
export type SealedRecords = ReadonlyMap<string, NamedRecord>;

/** What a start needs to know of a segment. */
export interface StoredSegment {
  readonly number: number;
  readonly length: number;
  readonly droppedBytes: number;
  readonly rows: number;
  readonly dropLists: number;
}

export class Book {
  readonly #path: string;
  readonly #root: RootDatabase<Buffer, Buffer>;
  readonly #records: Database<Buffer, Buffer>;
  readonly #segments: Database<Buffer, Buffer>;
  /** Records since the last `seal`, and those sealed whose commit has not ended, oldest first. */
  #open = new Map<string, NamedRecord>();
  #lastWritten: Promise<boolean> | undefined;
  readonly #sealed: SealedRecords[] = [];

  constructor(path: string) {
    this.#path = path;
    const encoding = { keyEncoding: 'binary', encoding: 'binary' } as const;
    this.#root = open<Buffer, Buffer>({ path, noSubdir: true, maxDbs: 2, ...encoding });
    this.#records = this.#root.openDB('records', encoding);
    this.#segments = this.#root.openDB('segments', encoding);
  }

  get sizeBytes(): number {
    return statSync(this.#path).size;
  }

  get(bucket: string, key: Bytes): Bytes | undefined {
    const name = nameOf(bucket, key);
    const inMemory = this.#open.get(name) ?? this.#sealed.findLast((records) => records.has(name))?.get(name);
    if (inMemory !== undefined) return inMemory.value;
    const stored = this.#records.getBinary(storedKey(bucket, key));
    if (stored === undefined) return undefined;
    const record = readRecord(bucket, stored);
    return equalBytes(record.key, key) ? record.value : undefined;
  }

  set(bucket: string, key: Bytes, value: Bytes | undefined): void {
    this.#open.set(nameOf(bucket, key), { bucket, key: key.slice(), value: value?.slice() });
  }

  scan(bucket: string, visit: (key: Bytes, value: Bytes) => void): void {
    const found = new Map<string, NamedRecord>();
    const start = Buffer.from(`${bucket}\0`);
    const end = Buffer.from(`${bucket}\x01`);
    for (const { value } of this.#records.getRange({ start, end })) {
      const record = readRecord(bucket, value);
      found.set(nameOf(bucket, record.key), record);
    }
    for (const records of [...this.#sealed, this.#open]) {
      for (const [name, record] of records) if (record.bucket === bucket) found.set(name, record);
    }
    // Bytes as Latin-1 text are in the order of the bytes.
    for (const name of [...found.keys()].sort()) {
      const record = found.get(name);
      if (record?.value !== undefined) visit(record.key, record.value);
    }
  }

  /** All records as they are now. LMDB keeps the pages of that moment until the view is closed. */
  view(): RecordsView {
    const changed = new Map<string, NamedRecord>();
    for (const records of [...this.#sealed, this.#open])
      for (const [name, record] of records) changed.set(name, record);
    return new RecordsView(this.#records, changed);
  }

  /** Ends what belongs to one commit. It stays readable here until `forget`. */
  seal(): SealedRecords {
    const sealed = this.#open;
    this.#sealed.push(sealed);
    this.#open = new Map();
    return sealed;
  }

  /** The oldest `count` sealed maps are in the database now. */
  forget(count: number): void {
    this.#sealed.splice(0, count);
  }

  writeRecords(records: SealedRecords): void {
    for (const { bucket, key, value } of records.values()) {
      if (value === undefined) this.#ignoreFailure(this.#records.remove(storedKey(bucket, key)));
      else this.#ignoreFailure(this.#records.put(storedKey(bucket, key), recordBytes(key, value)));
    }
  }

  writeSegment({ number, length, droppedBytes, rows, dropLists }: StoredSegment): void {
    const value = Buffer.alloc(24);
    value.writeDoubleLE(length, 0);
    value.writeDoubleLE(droppedBytes, 8);
    value.writeUInt32LE(rows, 16);
    value.writeUInt32LE(dropLists, 20);
    this.#ignoreFailure(this.#segments.put(segmentKey('S', number), value));
  }

  /** Writes the index of blocks [from, to), in whole chunks. */
  writeIndex({ number, index }: Segment, from: number, to: number): void {
    for (let chunk = Math.floor(from / blocksPerChunk); chunk * blocksPerChunk < to; chunk++) {
      const packed = index.pack(chunk * blocksPerChunk, Math.min(to, (chunk + 1) * blocksPerChunk));
      this.#ignoreFailure(this.#segments.put(segmentKey('I', number, chunk), Buffer.from(packed.buffer)));
    }
  }

  writeDropped(number: number, sequence: number, rows: Uint32Array): void {
    this.#ignoreFailure(
      this.#segments.put(segmentKey('D', number, sequence), Buffer.from(rows.buffer, rows.byteOffset, rows.byteLength)),
    );
  }

  removeSegment({ number, index, dropLists }: Segment): void {
    this.#ignoreFailure(this.#segments.remove(segmentKey('S', number)));
    for (let chunk = 0; chunk * blocksPerChunk < index.count; chunk++)
      this.#ignoreFailure(this.#segments.remove(segmentKey('I', number, chunk)));
    for (let sequence = 0; sequence < dropLists; sequence++)
      this.#ignoreFailure(this.#segments.remove(segmentKey('D', number, sequence)));
  }

  segments(): StoredSegment[] {
    const found: StoredSegment[] = [];
    for (const { key, value } of this.#segments.getRange({ start: Buffer.from('S'), end: Buffer.from('T') })) {
      found.push({
        number: Number(key.readBigUInt64BE(1)),
        length: value.readDoubleLE(0),
        droppedBytes: value.readDoubleLE(8),
        rows: value.readUInt32LE(16),
        dropLists: value.readUInt32LE(20),
      });
    }
    return found;
  }

  readIndex(segment: Segment): void {
    const start = segmentKey('I', segment.number, 0);
    const end = segmentKey('I', segment.number, 0xffff_ffff);
    for (const { value } of this.#segments.getRange({ start, end })) segment.index.unpack(value);
  }

  eachDropped(number: number, visit: (row: number) => void): void {
    const start = segmentKey('D', number, 0);
    const end = segmentKey('D', number, 0xffff_ffff);
    for (const { value } of this.#segments.getRange({ start, end })) {
      for (let at = 0; at < value.length; at += 4) visit(value.readUInt32LE(at));
    }
  }

  /** Resolves when all that was written in this turn and before is on the disk. */
  async sync(): Promise<void> {
    // Something is written in each transaction, so that its end can be waited for.
    const written = this.#segments.put(Buffer.from('committed'), Buffer.alloc(0));
    try {
      await written;
      await this.#root.flushed;
    } catch (error) {
      throw await causeOf(error);
    }
  }

  /** `sync` speaks for all writes of its turn: when they fail, their own promises need not be heard too. */
  #ignoreFailure(written: Promise<boolean>): void {
    if (written === this.#lastWritten) return;
    this.#lastWritten = written;
    written.catch(() => {});
  }

  async close(): Promise<void> {
    await this.#root.close();
  }
}

/** The records of one moment: those of a reading transaction, and over them those that were not committed then. */
export class RecordsView {
  readonly #records: Database<Buffer, Buffer>;
  readonly #transaction: Transaction;
  readonly #changed: ReadonlyMap<string, NamedRecord>;
  /** Of one bucket at a time, in order. */
  #sorted: readonly NamedRecord[] = [];
  #sortedBucket: string | undefined;

  constructor(records: Database<Buffer, Buffer>, changed: ReadonlyMap<string, NamedRecord>) {
    this.#records = records;
    this.#transaction = records.useReadTransaction();
    this.#changed = changed;
  }

  scan(bucket: string, from: Bytes, visit: (key: Bytes, value: Bytes) => boolean): void {
    const changed = this.#changedOf(bucket);
    let at = changed.findIndex(({ key }) => compareBytes(key, from) >= 0);
    if (at < 0) at = changed.length;
    const range = { start: storedKey(bucket, from), end: Buffer.from(`${bucket}\x01`), transaction: this.#transaction };
    for (const { value: stored } of this.#records.getRange(range)) {
      const { key, value } = readRecord(bucket, stored);
      for (let next = changed[at]; next !== undefined; next = changed[at]) {
        if (compareBytes(next.key, key) > 0) break;
        if (next.value !== undefined && !visit(next.key, next.value)) return;
        at++;
      }
      if (value !== undefined && !this.#changed.has(nameOf(bucket, key)) && !visit(key, value)) return;
    }
    for (const { key, value } of changed.slice(at)) if (value !== undefined && !visit(key, value)) return;
  }

  close(): void {
    this.#transaction.done();
  }

  #changedOf(bucket: string): readonly NamedRecord[] {
    if (this.#sortedBucket !== bucket) {
      this.#sortedBucket = bucket;
      const own = [...this.#changed.values()].filter((record) => record.bucket === bucket);
      this.#sorted = own.sort((a, b) => compareBytes(a.key, b.key));
    }
    return this.#sorted;
  }
}

/** LMDB says why only in a promise beside the error. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}

function nameOf(bucket: string, key: Bytes): string {
  return `${bucket}\0${Buffer.from(key.buffer, key.byteOffset, key.length).toString('latin1')}`;
}

function storedKey(bucket: string, key: Bytes): Buffer {
  const parts = [Buffer.from(`${bucket}\0`), key.subarray(0, wholeKeyBytesMax)];
  if (key.length > wholeKeyBytesMax) parts.push(createHash('sha256').update(key).digest());
  return Buffer.concat(parts);
}

function recordBytes(key: Bytes, value: Bytes): Buffer {
  const bytes = Buffer.allocUnsafeSlow(4 + key.length + value.length);
  bytes.writeUInt32LE(key.length, 0);
  bytes.set(key, 4);
  bytes.set(value, 4 + key.length);
  return bytes;
}

function readRecord(bucket: string, stored: Buffer): NamedRecord {
  const keyLength = stored.readUInt32LE(0);
  return { bucket, key: stored.subarray(4, 4 + keyLength), value: stored.subarray(4 + keyLength) };
}

function segmentKey(kind: 'S' | 'I' | 'D', number: number, part?: number): Buffer {
  const key = Buffer.alloc(part === undefined ? 9 : 13);
  key.write(kind);
  key.writeBigUInt64BE(BigInt(number), 1);
  if (part !== undefined) key.writeUInt32BE(part, 9);
  return key;
}
