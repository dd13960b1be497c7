/**
 * Memory of the key index: pages of 4 KiB in large chunks, outside of the garbage-collected heap.
 *
 * A page is known by its number; 0 is no page. A page given back is handed out again before new memory is taken.
 * Numbers inside a page are in the machine's own byte order; `checkpoint.ts` notes which one that is.
 */
import type { Bytes } from '../../base/bytes.js';
import { check } from '../../base/check.js';

export const pageBytes = 4096;
export const noPage = 0;

/** 16 MiB: few enough buffers for the collector not to notice, many enough for memory to follow the need. */
const defaultChunkPagesLog2 = 12;

/** How much of a pool was ever taken, and the chain of what waits for its next use. */
export interface PoolMarks {
  readonly taken: number;
  readonly freeHead: number;
  readonly freeCount: number;
}

/** Three windows onto the same bytes. */
export class Chunk {
  readonly bytes: Uint8Array;
  readonly halves: Uint16Array;
  readonly words: Uint32Array;

  constructor(sizeBytes: number) {
    const buffer = new ArrayBuffer(sizeBytes);
    this.bytes = new Uint8Array(buffer);
    this.halves = new Uint16Array(buffer);
    this.words = new Uint32Array(buffer);
  }
}

export class PagePool {
  readonly #chunks: Chunk[] = [];
  readonly #chunkShift: number;
  readonly #chunkMask: number;
  /** Pages ever taken, page 0 included. */
  #taken = 1;
  #freeHead = noPage;
  #freeCount = 0;

  constructor(chunkPagesLog2 = defaultChunkPagesLog2) {
    this.#chunkShift = chunkPagesLog2;
    this.#chunkMask = (1 << chunkPagesLog2) - 1;
    this.#addChunk();
  }

  chunkOf(page: number): Chunk {
    return this.#chunks[page >>> this.#chunkShift] as Chunk;
  }

  /** Where the page begins in its chunk, in bytes. */
  baseOf(page: number): number {
    return (page & this.#chunkMask) * pageBytes;
  }

  /** A page with whatever bytes its last use left. */
  take(): number {
    if (this.#freeHead !== noPage) {
      const page = this.#freeHead;
      this.#freeHead = this.chunkOf(page).words[this.baseOf(page) >>> 2] as number;
      this.#freeCount--;
      return page;
    }
    if (this.#taken >>> this.#chunkShift === this.#chunks.length) this.#addChunk();
    return this.#taken++;
  }

  give(page: number): void {
    check(page !== noPage && page < this.#taken, 'a page given back was taken before');
    this.chunkOf(page).words[this.baseOf(page) >>> 2] = this.#freeHead;
    this.#freeHead = page;
    this.#freeCount++;
  }

  /** Pages in use. */
  get usedPages(): number {
    return this.#taken - 1 - this.#freeCount;
  }

  get sizeBytes(): number {
    return this.#taken * pageBytes;
  }

  /** Calls `visit` for every page that waits for its next use. */
  eachFree(visit: (page: number) => void): void {
    for (let page = this.#freeHead; page !== noPage; page = this.chunkOf(page).words[this.baseOf(page) >>> 2] as number)
      visit(page);
  }

  /** What the pool knows beside its bytes. */
  get marks(): PoolMarks {
    return { taken: this.#taken, freeHead: this.#freeHead, freeCount: this.#freeCount };
  }

  /** Makes the pool as large as another one was; its bytes are then written into `parts`. */
  resize({ taken, freeHead, freeCount }: PoolMarks): void {
    this.#taken = taken;
    this.#freeHead = freeHead;
    this.#freeCount = freeCount;
    while (this.#chunks.length << this.#chunkShift < taken) this.#addChunk();
  }

  /** The memory of all pages ever taken, in order. */
  parts(): Bytes[] {
    const end = this.#taken * pageBytes;
    const chunkBytes = pageBytes << this.#chunkShift;
    return this.#chunks.map(({ bytes }, at) => bytes.subarray(0, Math.min(chunkBytes, end - at * chunkBytes)));
  }

  #addChunk(): void {
    this.#chunks.push(new Chunk(pageBytes * (this.#chunkMask + 1)));
  }
}
