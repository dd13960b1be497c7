/**
 * The older revisions of all keys: records of 28 bytes in large chunks, each naming the next older one of its key.
 *
 *     word   put                          tombstone
 *     0      main, low                    main, low
 *     1      main, high 21 bits           main, high 21 bits, and the top bit
 *     2      sub                          sub
 *     3      older record                 older record
 *     4      stored bytes                 creation revision, low        } of the generation it ends,
 *     5      lease                        creation 21 bits, version 11  } with the version of its last put
 *     6      lease                        version, low
 *
 * A put needs no creation revision and version: it has them from the next newer record of its generation.
 * Record 0 is no record. A record given back is handed out again first.
 */
import type { Bytes } from '../../base/bytes.js';
import { type LeaseId, noLease } from '../../base/ids.js';
import type { PoolMarks } from './pages.js';
import { highBits, highMask, highWord, joinLease, lowWord, splitLease, wide } from './wide-numbers.js';

const recordWords = 7;
export const noRecord = 0;
const tombstoneBit = 0x8000_0000;

/** 14 MiB. */
const defaultChunkRecordsLog2 = 19;

export class History {
  readonly #chunks: Uint32Array[] = [];
  readonly #shift: number;
  readonly #mask: number;
  #taken = 1;
  #freeHead = noRecord;
  #freeCount = 0;

  constructor(chunkRecordsLog2 = defaultChunkRecordsLog2) {
    this.#shift = chunkRecordsLog2;
    this.#mask = (1 << chunkRecordsLog2) - 1;
  }

  /** Records in use. */
  get used(): number {
    return this.#taken - 1 - this.#freeCount;
  }

  get sizeBytes(): number {
    return this.#taken * recordWords * 4;
  }

  addPut(main: number, sub: number, older: number, storedBytes: number, lease: LeaseId): number {
    const record = this.#take();
    const words = this.#chunkOf(record);
    const at = this.#at(record);
    words[at] = lowWord(main);
    words[at + 1] = highWord(main);
    words[at + 2] = sub;
    words[at + 3] = older;
    words[at + 4] = storedBytes;
    if (lease === noLease) {
      words[at + 5] = 0;
      words[at + 6] = 0;
    } else {
      const split = splitLease(lease);
      words[at + 5] = split[0] as number;
      words[at + 6] = split[1] as number;
    }
    return record;
  }

  addTombstone(main: number, sub: number, older: number, create: number, version: number): number {
    const record = this.#take();
    const words = this.#chunkOf(record);
    const at = this.#at(record);
    words[at] = lowWord(main);
    words[at + 1] = highWord(main) | tombstoneBit;
    words[at + 2] = sub;
    words[at + 3] = older;
    words[at + 4] = lowWord(create);
    words[at + 5] = highWord(create) | (highWord(version) << highBits);
    words[at + 6] = lowWord(version);
    return record;
  }

  main(record: number): number {
    const words = this.#chunkOf(record);
    const at = this.#at(record);
    return wide(words[at] as number, (words[at + 1] as number) & highMask);
  }

  isTombstone(record: number): boolean {
    return (this.#chunkOf(record)[this.#at(record) + 1] as number) >= tombstoneBit;
  }

  sub(record: number): number {
    return this.#chunkOf(record)[this.#at(record) + 2] as number;
  }

  older(record: number): number {
    return this.#chunkOf(record)[this.#at(record) + 3] as number;
  }

  setOlder(record: number, older: number): void {
    this.#chunkOf(record)[this.#at(record) + 3] = older;
  }

  storedBytes(record: number): number {
    return this.#chunkOf(record)[this.#at(record) + 4] as number;
  }

  lease(record: number): LeaseId {
    const words = this.#chunkOf(record);
    const at = this.#at(record);
    const first = words[at + 5] as number;
    const second = words[at + 6] as number;
    return first === 0 && second === 0 ? noLease : joinLease(first, second);
  }

  /** Of a tombstone: when the generation it ends began. */
  create(record: number): number {
    const words = this.#chunkOf(record);
    const at = this.#at(record);
    return wide(words[at + 4] as number, (words[at + 5] as number) & highMask);
  }

  /** Of a tombstone: the version of the last put before it. */
  version(record: number): number {
    const words = this.#chunkOf(record);
    const at = this.#at(record);
    return wide(words[at + 6] as number, (words[at + 5] as number) >>> highBits);
  }

  give(record: number): void {
    this.#chunkOf(record)[this.#at(record) + 3] = this.#freeHead;
    this.#freeHead = record;
    this.#freeCount++;
  }

  /** Calls `visit` for every record that waits for its next use. */
  eachFree(visit: (record: number) => void): void {
    for (let record = this.#freeHead; record !== noRecord; record = this.older(record)) visit(record);
  }

  /** What the history knows beside its records. */
  get marks(): PoolMarks {
    return { taken: this.#taken, freeHead: this.#freeHead, freeCount: this.#freeCount };
  }

  /** Makes the history as large as another one was; its records are then written into `parts`. */
  resize({ taken, freeHead, freeCount }: PoolMarks): void {
    this.#taken = taken;
    this.#freeHead = freeHead;
    this.#freeCount = freeCount;
    // The first record is nobody's: with it alone there is no memory yet.
    while (taken > 1 && this.#chunks.length << this.#shift < taken) this.#addChunk();
  }

  /** The memory of all records ever taken, in order. */
  parts(): Bytes[] {
    const end = this.#taken * recordWords * 4;
    const chunkBytes = (this.#mask + 1) * recordWords * 4;
    return this.#chunks.map(({ buffer }, at) => new Uint8Array(buffer, 0, Math.min(chunkBytes, end - at * chunkBytes)));
  }

  #addChunk(): void {
    this.#chunks.push(new Uint32Array((this.#mask + 1) * recordWords));
  }

  #take(): number {
    if (this.#freeHead !== noRecord) {
      const record = this.#freeHead;
      this.#freeHead = this.older(record);
      this.#freeCount--;
      return record;
    }
    if (this.#taken >>> this.#shift >= this.#chunks.length) this.#addChunk();
    return this.#taken++;
  }

  #chunkOf(record: number): Uint32Array {
    return this.#chunks[record >>> this.#shift] as Uint32Array;
  }

  #at(record: number): number {
    return (record & this.#mask) * recordWords;
  }
}
