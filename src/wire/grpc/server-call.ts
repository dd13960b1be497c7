/** One call on the server: what a `Method` sees of it, and what the connection keeps for it. */
import { type Bytes, noBytes } from '../../base/bytes.js';
import { Stream } from '../http2/stream.js';
import { Inbox } from './message-inbox.js';
import type { RequestHead } from './request-head.js';
import type { ServerConnection } from './server.js';
import type { Call, GrpcCode, Method } from './service.js';

export class ServerCall extends Stream implements Call {
  path = '';
  deadlineMs = Number.POSITIVE_INFINITY;
  ended = false;
  state: unknown = undefined;

  head: RequestHead | undefined = undefined;
  method: Method | undefined = undefined;
  headersSent = false;

  // Reading: see `ServerConnection`.
  /** Data that is no whole message yet, or that a paused call has not taken; undefined when there is none. */
  inbox: Inbox | undefined = undefined;
  paused = false;
  /** Messages are being handed on: a `resume` from within must not begin a second round. */
  reading = false;
  messages = 0;
  /** The client's end was passed on. */
  inputFinished = false;
  /** Window granted beyond the usual, so that a large message can come whole. */
  loanBytes = 0;
  /** It has been granted; until then the call waits in line. */
  lent = false;
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

  /** What of this call's data is held in memory. */
  get heldBytes(): number {
    return (this.inbox === undefined ? 0 : this.inbox.length) + this.only.length;
  }

  newInbox(): Inbox {
    this.inbox ??= new Inbox();
    return this.inbox;
  }
}
