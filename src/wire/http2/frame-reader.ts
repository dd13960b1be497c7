/**
 * Chunks in, whole frames out. A frame that lies whole in its chunk is handed on in place; only a cut one is copied
 * together, into memory of its own length, which is known from its first nine bytes and never above the largest frame.
 */
import { type Bytes, noBytes } from '../../base/bytes.js';
import { frameBytesMax, frameHeaderBytes, frameType, preface } from './protocol.js';

export interface FrameSink {
  /** One whole frame at `bytes[start, end)`. False ends the reading. */
  frame(bytes: Bytes, start: number, end: number): boolean;
  /** Not HTTP/2 at all, or a frame larger than we allow. */
  unreadable(what: 'preface' | 'size'): void;
}

export class FrameReader {
  #prefaceRead: number;
  /** A frame cut by the end of a chunk: its nine bytes, then all of it. */
  #carry: Bytes = noBytes;
  readonly #carryHead: Bytes = new Uint8Array(frameHeaderBytes);
  #carried = 0;
  /** When the frame that is still incomplete began. */
  #sinceMs = 0;
  #stopped = false;

  /** A server expects the preface first. */
  constructor(
    readonly sink: FrameSink,
    expectsPreface: boolean,
  ) {
    this.#prefaceRead = expectsPreface ? 0 : preface.length;
  }

  read(chunk: Bytes, nowMs: number): void {
    let at = 0;
    if (this.#prefaceRead < preface.length) at = this.#readPreface(chunk);
    if (this.#carried > 0) at = this.#fillCarry(chunk, at);
    while (chunk.length - at >= frameHeaderBytes && !this.#stopped) {
      const length = frameLength(chunk, at);
      if (length > frameBytesMax) return this.#stop('size');
      const end = at + frameHeaderBytes + length;
      if (end > chunk.length) break;
      if (!this.sink.frame(chunk, at, end)) this.#stopped = true;
      at = end;
    }
    if (at < chunk.length && !this.#stopped) this.#carryOver(chunk, at, nowMs);
  }

  /** How long an incomplete frame that may carry headers has been under way; 0 without one. */
  incompleteMs(nowMs: number): number {
    const data = this.#carried >= frameHeaderBytes && this.#carry[3] === frameType.data;
    return this.#carried === 0 || data ? 0 : nowMs - this.#sinceMs;
  }

  /** Reads nothing more, and lets go of what it held. */
  end(): void {
    this.#stopped = true;
    this.#carry = noBytes;
    this.#carried = 0;
  }

  #stop(what: 'preface' | 'size'): void {
    this.end();
    this.sink.unreadable(what);
  }

  #readPreface(chunk: Bytes): number {
    let at = 0;
    while (at < chunk.length && this.#prefaceRead < preface.length) {
      if (chunk[at++] === preface[this.#prefaceRead++]) continue;
      this.#stop('preface');
      break;
    }
    return at;
  }

  /** Keeps the beginning of a frame whose rest has not come. */
  #carryOver(chunk: Bytes, at: number, nowMs: number): void {
    this.#sinceMs = nowMs;
    this.#carry = this.#carryHead;
    if (chunk.length - at >= frameHeaderBytes) this.#carry = new Uint8Array(frameHeaderBytes + frameLength(chunk, at));
    this.#carry.set(chunk.subarray(at));
    this.#carried = chunk.length - at;
  }

  /** Completes the frame begun in earlier chunks, as far as this one reaches; answers where the next frame begins. */
  #fillCarry(chunk: Bytes, from: number): number {
    const at = this.#carried < frameHeaderBytes ? this.#fillHead(chunk, from) : from;
    if (this.#carried < frameHeaderBytes) return at;
    const take = Math.min(this.#carry.length - this.#carried, chunk.length - at);
    this.#carry.set(chunk.subarray(at, at + take), this.#carried);
    this.#carried += take;
    if (this.#carried < this.#carry.length) return at + take;
    const frame = this.#carry;
    this.#carry = noBytes;
    this.#carried = 0;
    if (!this.sink.frame(frame, 0, frame.length)) this.#stopped = true;
    return at + take;
  }

  #fillHead(chunk: Bytes, from: number): number {
    let at = from;
    while (this.#carried < frameHeaderBytes && at < chunk.length) {
      this.#carryHead[this.#carried++] = chunk[at++] as number;
    }
    if (this.#carried < frameHeaderBytes) return at;
    const length = frameLength(this.#carryHead, 0);
    if (length > frameBytesMax) {
      this.#stop('size');
      return chunk.length;
    }
    this.#carry = new Uint8Array(frameHeaderBytes + length);
    this.#carry.set(this.#carryHead);
    return at;
  }
}

function frameLength(bytes: Bytes, at: number): number {
  return ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
}
