/** One call on the server: what a `Method` sees of it, and what the connection keeps for it. */
import { type Bytes, noBytes } from '../../base/bytes.js';
import { MessageStream } from './intake.js';
import type { PlainExchange } from './plain.js';
import { type RequestHead, uncounted } from './request-head.js';
import type { ServerConnection } from './server.js';
import type { Call, GrpcCode, Method } from './service.js';

export class ServerCall extends MessageStream implements Call {
  path = '';
  deadlineMs = Number.POSITIVE_INFINITY;
  beganMs = 0;
  /** Of the message of a method that takes one. */
  requestBytes = 0;
  state: unknown = undefined;

  head: RequestHead | undefined = undefined;
  method: Method | undefined = undefined;
  counters = uncounted;
  headersSent = false;

  /** The exchange, where this is no gRPC call. */
  plain: PlainExchange | undefined = undefined;
  messages = 0;
  /** The client's end was passed on. */
  inputFinished = false;
  /** The message of a method that takes one, until the client has ended its side. */
  only: Bytes = noBytes;

  constructor(
    id: number,
    readonly connection: ServerConnection,
  ) {
    super(id);
  }

  get peer(): string {
    return this.connection.peer;
  }

  get commonName(): string | undefined {
    return this.connection.commonName;
  }

  get receivedMs(): number {
    return this.connection.http2.nowMs;
  }

  get writable(): boolean {
    return !this.ended && this.connection.http2.sender.writable(this);
  }

  metadata(name: string): string | undefined {
    const fields = this.head?.block.fields;
    if (fields === undefined) return undefined;
    for (const field of fields) if (field.name === name) return field.value;
    return undefined;
  }

  reply(message: Bytes, start = 0, end = message.length): void {
    if (!this.ended) this.connection.reply(this, message, start, end);
  }

  send(message: Bytes, start = 0, end = message.length, owned = false): void {
    if (!this.ended) this.connection.send(this, message, start, end, owned);
  }

  beginMessage(lengthBytes: number): void {
    if (!this.ended) this.connection.beginMessage(this, lengthBytes);
  }

  takePart(): Bytes {
    return this.connection.takePart();
  }

  sendPart(part: Bytes): void {
    if (!this.ended) this.connection.sendPart(this, part);
  }

  end(): void {
    if (!this.ended) this.connection.end(this);
  }

  fail(code: GrpcCode, text: string): void {
    if (!this.ended) this.connection.fail(this, code, text);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    if (!this.ended) this.connection.resume(this);
  }
}
