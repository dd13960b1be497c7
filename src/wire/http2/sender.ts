/**
 * The sending side of a connection: frames into the output, as far as the peer's windows and the socket allow.
 *
 * What may not leave yet waits in its stream. Streams that wait take turns, a frame each, so none starves.
 *
 * Invariant: a stream with queued bytes or a waiting end is in `#waiting`; `queuedBytes` is the sum over them.
 */
import type { Bytes } from '../../base/bytes.js';
import { HpackEncoder, type RepeatedBlock } from './hpack-encoder.js';
import { type ChunkPool, Output } from './output.js';
import {
  flag,
  frameBytesMax,
  frameHeaderBytes,
  frameType,
  windowBytesDefault,
  windowBytesMax,
  writeFrameHeader,
  writeUint32,
} from './protocol.js';
import { dropQueue, ownQueue, type Stream } from './stream.js';

/** A stream is not writable while more than this waits in it. */
export const streamQueueBytesMax = 65_536;
/** No stream adds data while more than this waits for the socket. */
export const outputBytesMax = 262_144;

export class Sender<S extends Stream> {
  readonly output: Output;
  readonly encoder = new HpackEncoder();
  /** The connection's window. */
  window = windowBytesDefault;
  /** What new streams begin with. */
  initialWindow = windowBytesDefault;
  /** The socket takes no more for now. */
  blocked = false;
  /** Bytes waiting in all streams. */
  queuedBytes = 0;
  /** Set with each frame of headers or data: it forgives pings (see `Pings`). */
  sentSincePing = false;
  /** Data frames sent, each of which may bring two window updates back. */
  dataFrames = 0;
  nowMs = 0;
  readonly #waiting = new Set<S>();
  /** Queued chunks that belong to the pool. */
  readonly #lent = new Set<Bytes>();

  constructor(
    pool: ChunkPool,
    onFirst: () => void,
    readonly events: { sentEnd(stream: S): void; drained(stream: S): void },
  ) {
    this.output = new Output(pool, onFirst);
  }

  /** Whether `length` bytes may go out at once in a single frame, past no bytes of the same stream that wait. */
  canSend(stream: S, length: number): boolean {
    return (
      length <= stream.sendWindow &&
      length <= this.window &&
      length <= frameBytesMax &&
      stream.queuedBytes === 0 &&
      !this.blocked &&
      this.output.pendingBytes < outputBytesMax
    );
  }

  /** How long a frame of data may leave now, past no bytes of the same stream that wait; 0 when none may. */
  frameRoom(stream: S): number {
    if (stream.queuedBytes > 0 || !this.#roomForData()) return 0;
    return Math.max(0, Math.min(stream.sendWindow, this.window, frameBytesMax));
  }

  /** Accounts for a data frame that the caller wrote after `canSend`. */
  sent(stream: S, length: number): void {
    stream.sendWindow -= length;
    this.window -= length;
    this.sentSincePing = true;
    this.dataFrames++;
  }

  /** Whether more may be queued for this stream; if not, `drained` will tell. */
  writable(stream: S): boolean {
    if (stream.queuedBytes < streamQueueBytesMax) return true;
    stream.drainWanted = true;
    return false;
  }

  /** Queues bytes, which become the sender's. They leave with the next `pump`. */
  enqueue(stream: S, chunk: Bytes): void {
    if (chunk.length === 0) return;
    if (stream.queuedBytes === 0) stream.waitingSinceMs = this.nowMs;
    ownQueue(stream).push(chunk);
    stream.queuedBytes += chunk.length;
    this.queuedBytes += chunk.length;
    this.#waiting.add(stream);
  }

  /** The same for a chunk of the pool, which goes back there when it has left. */
  enqueueLent(stream: S, chunk: Bytes): void {
    this.#lent.add(chunk);
    this.enqueue(stream, chunk);
  }

  #giveBack(chunk: Bytes): void {
    if (this.#lent.size > 0 && this.#lent.delete(chunk)) this.output.pool.give(chunk);
  }

  /** Ends our side after what is queued. */
  end(stream: S, ending: RepeatedBlock | 'data'): void {
    if (stream.queuedBytes === 0) {
      this.#writeEnd(stream, ending);
      return;
    }
    stream.ending = ending;
    this.#waiting.add(stream);
  }

  #writeEnd(stream: S, ending: RepeatedBlock | 'data'): void {
    if (ending === 'data') {
      const at = this.output.reserve(frameHeaderBytes);
      this.output.length = writeFrameHeader(
        this.output.bytes,
        at,
        0,
        (frameType.data << 8) | flag.endStream,
        stream.id,
      );
    } else {
      this.headers(stream.id, ending.bytes(), true);
    }
    stream.localClosed = true;
    this.events.sentEnd(stream);
  }

  /** A header block, over as many frames as it needs. */
  headers(id: number, block: Bytes, endStream: boolean): void {
    this.sentSincePing = true;
    let from = 0;
    let kind: number = (frameType.headers << 8) | (endStream ? flag.endStream : 0);
    do {
      const length = Math.min(block.length - from, frameBytesMax);
      const last = from + length === block.length;
      const at = this.output.reserve(frameHeaderBytes + length);
      const payload = writeFrameHeader(this.output.bytes, at, length, last ? kind | flag.endHeaders : kind, id);
      copyBytes(this.output.bytes, payload, block, from, from + length);
      this.output.length = payload + length;
      from += length;
      kind = frameType.continuation << 8;
    } while (from < block.length);
  }

  /** Sends what the windows allow, all streams in turn: who has sent a frame goes to the end of the line. */
  pump(): void {
    for (const stream of this.#waiting) {
      if (!this.#roomForData()) return;
      if (!this.#frame(stream) || !this.#waiting.delete(stream)) continue;
      this.#waiting.add(stream);
    }
  }

  /** The same for one stream. */
  pumpStream(stream: S): void {
    while (this.#roomForData() && this.#frame(stream));
  }

  #roomForData(): boolean {
    return this.window > 0 && !this.blocked && this.output.pendingBytes < outputBytesMax;
  }

  /** Sends one data frame of a waiting stream, and its end if that was all. False if it could not. */
  #frame(stream: S): boolean {
    const length = Math.min(stream.queuedBytes, stream.sendWindow, this.window, frameBytesMax);
    if (length <= 0) return false;
    const last = length === stream.queuedBytes;
    const kind = (frameType.data << 8) | (last && stream.ending === 'data' ? flag.endStream : 0);
    const at = this.output.reserve(frameHeaderBytes + length);
    const payload = writeFrameHeader(this.output.bytes, at, length, kind, stream.id);
    const used = takeQueued(stream, this.output.bytes, payload, length);
    for (let i = 0; i < used; i++) this.#giveBack(stream.queue[i] as Bytes);
    if (used > 0) stream.queue.splice(0, used);
    this.output.length = payload + length;
    this.queuedBytes -= length;
    this.sent(stream, length);
    stream.waitingSinceMs = this.nowMs;
    if (last) this.#emptied(stream);
    if (stream.drainWanted && stream.queuedBytes <= streamQueueBytesMax / 2 && !stream.localClosed) {
      stream.drainWanted = false;
      this.events.drained(stream);
    }
    return true;
  }

  #emptied(stream: S) {
    this.#waiting.delete(stream);
    const ending = stream.ending;
    dropQueue(stream);
    if (ending === undefined) return;
    if (ending !== 'data') return this.#writeEnd(stream, ending);
    stream.localClosed = true;
    this.events.sentEnd(stream);
  }

  /** Forgets all that waits in a stream. */
  drop(stream: S): void {
    if (stream.queuedBytes === 0 && stream.ending === undefined) return;
    this.#waiting.delete(stream);
    this.queuedBytes -= stream.queuedBytes;
    for (const chunk of stream.queue) this.#giveBack(chunk);
    dropQueue(stream);
  }

  /** Streams whose bytes wait, for the one who looks for stalled ones. */
  waiting(): Iterable<S> {
    return this.#waiting;
  }

  reset(id: number, code: number): void {
    this.#short((frameType.rstStream << 8) | 0, id, code);
  }

  windowUpdate(id: number, increment: number): void {
    this.#short((frameType.windowUpdate << 8) | 0, id, increment);
  }

  #short(kind: number, id: number, value: number): void {
    const at = this.output.reserve(frameHeaderBytes + 4);
    const payload = writeFrameHeader(this.output.bytes, at, 4, kind, id);
    writeUint32(this.output.bytes, payload, value);
    this.output.length = payload + 4;
  }

  /** `data` is eight bytes at `from`. */
  ping(data: Bytes, from: number, ack: boolean): void {
    const at = this.output.reserve(frameHeaderBytes + 8);
    const payload = writeFrameHeader(this.output.bytes, at, 8, (frameType.ping << 8) | (ack ? flag.ack : 0), 0);
    copyBytes(this.output.bytes, payload, data, from, from + 8);
    this.output.length = payload + 8;
  }

  settings(pairs: readonly (readonly [number, number])[]): void {
    const length = pairs.length * 6;
    const at = this.output.reserve(frameHeaderBytes + length);
    let to = writeFrameHeader(this.output.bytes, at, length, frameType.settings << 8, 0);
    for (const [id, value] of pairs) {
      this.output.bytes[to] = id >>> 8;
      this.output.bytes[to + 1] = id;
      writeUint32(this.output.bytes, to + 2, value);
      to += 6;
    }
    this.output.length = to;
  }

  settingsAck(): void {
    const at = this.output.reserve(frameHeaderBytes);
    this.output.length = writeFrameHeader(this.output.bytes, at, 0, (frameType.settings << 8) | flag.ack, 0);
  }

  goAway(lastId: number, code: number, debug: Bytes): void {
    const length = 8 + debug.length;
    const at = this.output.reserve(frameHeaderBytes + length);
    const payload = writeFrameHeader(this.output.bytes, at, length, frameType.goAway << 8, 0);
    writeUint32(this.output.bytes, payload, lastId);
    writeUint32(this.output.bytes, payload + 4, code);
    this.output.bytes.set(debug, payload + 8);
    this.output.length = payload + length;
  }

  /** The peer's WINDOW_UPDATE for the connection. False when the window would grow beyond what may be. */
  grantConnection(increment: number): boolean {
    if (this.window + increment > windowBytesMax) return false;
    this.window += increment;
    this.pump();
    return true;
  }

  grantStream(stream: S, increment: number): boolean {
    if (stream.sendWindow + increment > windowBytesMax) return false;
    stream.sendWindow += increment;
    if (stream.queuedBytes > 0) this.pumpStream(stream);
    return true;
  }
}

/** `TypedArray.set` has a price of its own that short copies need not pay. */
export function copyBytes(to: Bytes, at: number, from: Bytes, start: number, end: number): void {
  if (end - start > 48) {
    to.set(start === 0 && end === from.length ? from : from.subarray(start, end), at);
    return;
  }
  for (let i = start, o = at; i < end; i++, o++) to[o] = from[i] as number;
}

/** Copies what is next in the queue, and answers how many of its chunks were used up. */
function takeQueued(stream: Stream, to: Bytes, at: number, length: number): number {
  let left = length;
  let used = 0;
  let put = at;
  while (left > 0) {
    const chunk = stream.queue[used] as Bytes;
    const take = Math.min(chunk.length - stream.queueOffset, left);
    copyBytes(to, put, chunk, stream.queueOffset, stream.queueOffset + take);
    put += take;
    left -= take;
    stream.queueOffset += take;
    if (stream.queueOffset < chunk.length) break;
    stream.queueOffset = 0;
    used++;
  }
  stream.queuedBytes -= length;
  return used;
}
