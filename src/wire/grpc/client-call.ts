/** One call of a client, and what calls of one method have in common. */
import type { Bytes } from '../../base/bytes.js';
import type { HeaderBlock } from '../http2/hpack-decoder.js';
import type { Header } from '../http2/hpack-encoder.js';
import type { ClientConnection } from './client.js';
import { MessageStream } from './intake.js';
import { grpcContentType } from './request-head.js';
import type { ResponseHead } from './response-head.js';
import type { GrpcCode } from './service.js';

/** Who hears of a call. One object can serve many calls. */
export interface ClientEvents {
  /** One whole message in `bytes[start, end)`: copy what must outlive this call of the function. */
  message(call: ClientCall, bytes: Bytes, start: number, end: number): void;
  /**
   * With it, a message of many chunks is not gathered for `message`: its parts come here in order, and `call.partBytesLeft` of it are
   * still to come. (Copy what must outlive this call of the function.)
   */
  part?(call: ClientCall, bytes: Bytes, start: number, end: number): void;
  /** Exactly once, as the last of a call. `code` 0 is success. */
  ended(call: ClientCall, code: GrpcCode, text: string): void;
  /** `call.writable` has become true again. */
  drained?(call: ClientCall): void;
}

/** The headers of a request. Make one per method and server, and use it for every call: it is encoded once a connection. */
export class CallHead {
  readonly headers: readonly Header[];

  constructor(
    readonly path: string,
    authority: string,
    options: { readonly scheme?: 'http' | 'https'; readonly metadata?: readonly Header[] } = {},
  ) {
    this.headers = [
      { name: ':method', value: 'POST' },
      { name: ':scheme', value: options.scheme ?? 'http' },
      { name: ':path', value: path },
      { name: ':authority', value: authority },
      { name: 'content-type', value: grpcContentType },
      { name: 'te', value: 'trailers' },
      ...(options.metadata ?? []),
    ];
  }
}

export class ClientCall extends MessageStream {
  deadlineMs = Number.POSITIVE_INFINITY;
  /** Where the user keeps what it knows of this call. */
  state: unknown = undefined;
  /** The response's headers have come. */
  answered = false;
  headers: HeaderBlock | undefined = undefined;
  trailers: HeaderBlock | undefined = undefined;
  status: ResponseHead | undefined = undefined;
  /** What was sent before the stream could be opened. */
  early: Bytes[] = [];
  earlyEnd = false;

  constructor(
    readonly connection: ClientConnection,
    readonly head: CallHead,
    readonly events: ClientEvents,
    readonly timeoutMs: number,
  ) {
    super(0);
    this.inParts = events.part !== undefined;
  }

  get writable(): boolean {
    return !this.ended && this.connection.http2.sender.writable(this);
  }

  /** The first value of a header or trailer of the response. */
  metadata(name: string): string | undefined {
    for (const block of [this.headers, this.trailers]) {
      const field = block?.fields.find((each) => each.name === name);
      if (field !== undefined) return field.value;
    }
    return undefined;
  }

  /** Copies `message[start, end)` before it returns, unless `owned`. */
  send(message: Bytes, start = 0, end = message.length, owned = false): void {
    if (!this.ended && !this.localClosed) this.connection.send(this, message, start, end, owned);
  }

  halfClose(): void {
    if (!this.ended && !this.localClosed) this.connection.halfClose(this);
  }

  cancel(): void {
    if (!this.ended) this.connection.cancel(this);
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
