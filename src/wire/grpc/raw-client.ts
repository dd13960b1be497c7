/** A client that says anything it likes to a server connection, for tests. */
import { type Bytes, concatBytes, text } from '../../base/bytes.js';
import { HpackDecoder } from '../http2/hpack-decoder.js';
import { type Header, HpackEncoder } from '../http2/hpack-encoder.js';
import { ChunkPool } from '../http2/output.js';
import { flag, frameType, preface, readUint31, readUint32 } from '../http2/protocol.js';
import { type RawFrame, rawFrame, readFrames } from '../http2/raw-frames.js';
import { CallHead } from './client-call.js';
import { writePrefix } from './messages.js';
import type { GrpcServer, ServerConnection } from './server.js';

export class RawClient {
  readonly connection: ServerConnection;
  readonly encoder = new HpackEncoder();
  readonly #decoder = new HpackDecoder(1_000_000);
  nowMs = 1_000_000;
  /** Every frame the server has sent. */
  readonly frames: RawFrame[] = [];

  constructor(server: GrpcServer) {
    this.connection = server.connect({ peer: 'raw:1', pool: new ChunkPool(), nowMs: this.nowMs, wake: () => {} });
  }

  /** The preface and empty settings; what the server says first is dropped. */
  greet(): this {
    this.send(preface, rawFrame(frameType.settings, 0, 0));
    this.frames.length = 0;
    return this;
  }

  send(...parts: Bytes[]): void {
    this.connection.receive(concatBytes(parts), this.nowMs);
    this.collect();
  }

  /** Lets time pass in steps of at most a second. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= 1_000) {
      this.nowMs += Math.min(left, 1_000);
      this.connection.tick(this.nowMs);
      this.collect();
    }
  }

  collect(): void {
    const chunks = this.connection.takeOutput();
    this.frames.push(...readFrames(concatBytes(chunks)));
    this.connection.http2.sender.output.written();
  }

  requestBlock(path: string, extra: readonly Header[] = []): Bytes {
    return this.encoder.encode([...new CallHead(path, 'localhost').headers, ...extra]);
  }

  /** HEADERS of a call, its end left open. */
  openCall(id: number, path: string, extra: readonly Header[] = []): Bytes {
    return rawFrame(frameType.headers, flag.endHeaders, id, this.requestBlock(path, extra));
  }

  /** DATA with one message of `length` bytes, ending the stream. */
  message(id: number, length: number, flags: number = flag.endStream): Bytes {
    const bytes = new Uint8Array(length + 5);
    writePrefix(bytes, 0, length);
    return rawFrame(frameType.data, flags, id, bytes);
  }

  /** The headers and trailers received on a stream, flattened. Decodes each block once, in order of arrival. */
  headersOf(id: number): Record<string, string> {
    const all: Record<string, string> = {};
    for (const frame of this.frames) {
      if (frame.type !== frameType.headers) continue;
      const block = this.#decoder.decode(frame.payload, 0, frame.payload.length);
      if (frame.id === id) for (const { name, value } of block?.fields ?? []) all[name] = value;
    }
    this.frames.length = 0;
    return all;
  }

  /** `[code, debug data]` of the last GOAWAY, if there was one. */
  goAway(): [number, string] | undefined {
    const frame = this.frames.findLast(({ type }) => type === frameType.goAway);
    return frame && [readUint32(frame.payload, 4), text(frame.payload.subarray(8))];
  }

  /** Error codes of the RST_STREAM frames received on a stream. */
  resets(id: number): number[] {
    const resets = this.frames.filter((frame) => frame.type === frameType.rstStream && frame.id === id);
    return resets.map(({ payload }) => readUint31(payload, 0));
  }

  /** Bytes and streams that the server keeps for this client: all zero when it has let everything go. */
  kept(): Record<string, number> {
    const { http2, heldBytes } = this.connection;
    return {
      streams: http2.streams,
      heldBytes,
      queuedBytes: http2.sender.queuedBytes,
      outputBytes: http2.sender.output.pendingBytes + http2.sender.output.takenBytes,
    };
  }
}

export const nothingKept = { streams: 0, heldBytes: 0, queuedBytes: 0, outputBytes: 0 };
