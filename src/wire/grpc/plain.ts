/**
 * Requests over HTTP/2 that are not gRPC: on a TLS port every HTTP client that offers `h2` arrives here.
 *
 * The exchange is a stream both ways, as the JSON gateway needs it: the request's body comes in pieces, and the response
 * is begun, written and ended in as many turns as it takes.
 */
import type { Bytes } from '../../base/bytes.js';
import { nameKind } from '../http2/header-field.js';
import { type Header, RepeatedBlock } from '../http2/hpack-encoder.js';
import type { ServerConnection } from './server.js';
import type { ServerCall } from './server-call.js';

/** Who answers plain requests. One handler serves them all; what differs is in `exchange.state`. */
export interface PlainHandler {
  request(exchange: PlainExchange): void;
  /** A piece of the body in `bytes[start, end)`: copy what must outlive this call of the function. */
  data(exchange: PlainExchange, bytes: Bytes, start: number, end: number): void;
  /** The request is complete. */
  requestEnded(exchange: PlainExchange): void;
  /** The client is gone before the response was ended. */
  aborted(exchange: PlainExchange): void;
  /** `exchange.writable` has become true again. */
  drained?(exchange: PlainExchange): void;
}

export class PlainExchange {
  state: unknown = undefined;
  readonly #call: ServerCall;
  readonly #connection: ServerConnection;
  #begun = false;

  constructor(connection: ServerConnection, call: ServerCall) {
    this.#connection = connection;
    this.#call = call;
  }

  get method(): string {
    return this.#call.head?.httpMethod ?? '';
  }

  /** With its query, as the client sent it. */
  get path(): string {
    return this.#call.path;
  }

  get peer(): string {
    return this.#call.peer;
  }

  /** All headers in order, `:authority` as `host`. */
  headers(): readonly (readonly [string, string])[] {
    const headers: [string, string][] = [];
    for (const { kind, name, value } of this.#call.head?.block.fields ?? []) {
      if (kind === nameKind.authority) headers.push(['host', value]);
      else if (!name.startsWith(':')) headers.push([name, value]);
    }
    return headers;
  }

  get ended(): boolean {
    return this.#call.ended;
  }

  /** False while more is queued than the client takes; `PlainHandler.drained` says when it is true again. */
  get writable(): boolean {
    return this.#call.writable;
  }

  begin(status: number, headers: readonly (readonly [string, string])[]): void {
    if (this.ended || this.#begun) return;
    this.#begun = true;
    const { sender } = this.#connection.http2;
    const all: Header[] = [{ name: ':status', value: String(status), index: 'passing' }];
    for (const [name, value] of headers) all.push({ name: name.toLowerCase(), value, index: 'passing' });
    sender.headers(this.#call.id, new RepeatedBlock(sender.encoder, all).bytes(), false);
  }

  /** Keeps the bytes, which the caller no longer touches. */
  write(bytes: Bytes): void {
    if (this.ended) return;
    this.#connection.http2.sender.enqueue(this.#call, bytes);
    this.#connection.http2.sender.pumpStream(this.#call);
  }

  end(): void {
    if (!this.ended) this.#connection.endPlain(this.#call);
  }
}
