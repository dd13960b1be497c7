/**
 * The bytes a connection is about to send: written once, into chunks that a pool lends, and taken once per turn.
 *
 * A frame is never split over two chunks by its writer, so `reserve` hands out room in one piece.
 */
import { type Bytes, noBytes } from '../../base/bytes.js';

/** Three of the largest frames; a turn's replies to one connection are seldom more. */
export const chunkBytes = 65_536;

/** Chunks that no connection is using, shared by all connections of a listener, for most of them are idle. */
export class ChunkPool {
  readonly #free: Bytes[] = [];

  constructor(readonly freeMax = 64) {}

  take(): Bytes {
    return this.#free.pop() ?? new Uint8Array(chunkBytes);
  }

  give(chunk: Bytes): void {
    if (chunk.length === chunkBytes && this.#free.length < this.freeMax) this.#free.push(chunk);
  }
}

export class Output {
  /** Write at [`length`, ...) after `reserve`, then move `length`. */
  bytes: Bytes = noBytes;
  length = 0;
  #full: Bytes[] = [];
  #fullBytes = 0;
  #taken: Bytes[] = [];
  #takenBytes = 0;

  constructor(
    readonly pool: ChunkPool,
    readonly onFirst: () => void,
  ) {}

  /** Bytes not yet taken. */
  get pendingBytes(): number {
    return this.#fullBytes + this.length;
  }

  /** Bytes taken, and not yet reported as written. */
  get takenBytes(): number {
    return this.#takenBytes;
  }

  /** Makes sure that `room` bytes are free at `length`, which it answers. */
  reserve(room: number): number {
    if (this.length + room > this.bytes.length) this.#nextChunk(room);
    return this.length;
  }

  #nextChunk(room: number): void {
    if (this.length > 0) {
      this.#full.push(this.bytes.subarray(0, this.length));
      this.#fullBytes += this.length;
    } else {
      if (this.#full.length === 0) this.onFirst();
      if (this.bytes.length > 0) this.pool.give(this.bytes);
    }
    this.bytes = room > chunkBytes ? new Uint8Array(room) : this.pool.take();
    this.length = 0;
  }

  append(bytes: Bytes): void {
    const at = this.reserve(bytes.length);
    this.bytes.set(bytes, at);
    this.length = at + bytes.length;
  }

  /** Everything written since the last take, to be sent in this order. The chunks are lent until `written` is called. */
  take(): Bytes[] {
    const chunks = this.#full;
    if (this.length > 0) chunks.push(this.bytes.subarray(0, this.length));
    else if (this.bytes.length > 0) this.pool.give(this.bytes);
    for (const chunk of chunks) {
      this.#taken.push(chunk);
      this.#takenBytes += chunk.length;
    }
    this.#full = [];
    this.#fullBytes = 0;
    this.bytes = noBytes;
    this.length = 0;
    return chunks;
  }

  /** All chunks taken have left: their memory may be used again. */
  written(): void {
    if (this.#taken.length === 0) return;
    for (const chunk of this.#taken) this.pool.give(new Uint8Array(chunk.buffer));
    this.#taken.length = 0;
    this.#takenBytes = 0;
  }

  /** Lets go of all that was not taken. */
  clear(): void {
    for (const chunk of this.#full) this.pool.give(new Uint8Array(chunk.buffer));
    if (this.bytes.length > 0) this.pool.give(this.bytes);
    this.#full = [];
    this.#fullBytes = 0;
    this.bytes = noBytes;
    this.length = 0;
  }
}
