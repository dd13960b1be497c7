/** A call that keeps what it is sent: what tests of services stand on. */
import { type Bytes, concatBytes } from '../base/bytes.js';
import type { Call, GrpcCode, Method } from '../wire/grpc/service.js';

export class RecordingCall implements Call {
  deadlineMs = Number.POSITIVE_INFINITY;
  receivedMs = 0;
  peer = '127.0.0.1:1';
  ended = false;
  writable = true;
  queuedBytes = 0;
  state: unknown = undefined;
  paused = false;
  readonly sent: Bytes[] = [];
  status: { code: GrpcCode; text: string } | undefined = undefined;

  #rest = 0;
  #parts: Bytes[] = [];

  constructor(
    readonly method: Method,
    readonly path = '/test',
    readonly headers: Readonly<Record<string, string>> = {},
  ) {
    method.open?.(this);
  }

  metadata(name: string): string | undefined {
    return this.headers[name];
  }

  reply(message: Bytes, start = 0, end = message.length): void {
    this.send(message, start, end);
    this.end();
  }

  send(message: Bytes, start = 0, end = message.length): void {
    if (!this.ended) this.sent.push(message.slice(start, end));
  }

  beginMessage(length: number): void {
    this.#rest = length;
    this.#parts = [];
  }

  takePart(): Bytes {
    return new Uint8Array(1 << 16);
  }

  sendPart(part: Bytes, start = 0, end = part.length): void {
    this.#parts.push(part.slice(start, end));
    this.#rest -= end - start;
    if (this.#rest === 0) this.send(concatBytes(this.#parts));
  }

  end(): void {
    this.fail(0, '');
  }

  fail(code: GrpcCode, text: string): void {
    if (this.ended) return;
    this.ended = true;
    this.status = { code, text };
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  // What a client does.

  write(message: Bytes): void {
    this.method.message(this, message, 0, message.length);
  }

  cancel(): void {
    this.ended = true;
    this.method.canceled?.(this);
  }

  drain(): void {
    this.writable = true;
    this.method.drained?.(this);
  }
}
