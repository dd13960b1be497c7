/** One member as clients see it: connections that are dialled again whenever they are lost. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { CallHead } from '../../dist/wire/grpc/client.js';
import { grpcCode } from '../../dist/wire/grpc/service.js';
import { CallError } from '../crash/client.js';

const redialMs = 20;
const dialTimeoutMs = 300;
/** A member that let a call wait for too long is passed over for a while. */
const suspectMs = 500;

export class Endpoint {
  #connections = [];
  #heads = new Map();
  #calls = 0;
  #suspectUntilMs = 0;
  #closed = false;

  constructor(dialer, index, port, connections) {
    this.dialer = dialer;
    this.index = index;
    this.port = port;
    for (let i = 0; i < connections; i++) void this.#keep(i);
  }

  async #keep(i) {
    while (!this.#closed) {
      try {
        await new Promise((resolve, reject) => this.#dial(i, resolve, reject));
      } catch {
        // Not there: it is asked again.
      }
      this.#connections[i] = undefined;
      await new Promise((resolve) => setTimeout(resolve, redialMs));
    }
  }

  async #dial(i, lost, failed) {
    const target = { host: '127.0.0.1', port: this.port, dialTimeoutMs, onGone: lost };
    try {
      this.#connections[i] = await this.dialer.dial(target);
    } catch (error) {
      failed(error);
    }
  }

  get usable() {
    return this.#connections.some((connection) => connection?.http2.open) && performance.now() >= this.#suspectUntilMs;
  }

  suspect() {
    this.#suspectUntilMs = performance.now() + suspectMs;
  }

  /** A connection for the next call, or undefined when there is none: nothing can be sent then. */
  #next() {
    const open = this.#connections.filter((connection) => connection?.http2.open);
    return open[this.#calls++ % open.length];
  }

  /** False when nothing was sent; then `events` hears nothing. */
  begin(method, request, events, timeoutMs) {
    const connection = this.#next();
    if (connection === undefined) return false;
    connection.call(this.#headOf(method), encoded(method.input, request), events, timeoutMs);
    return true;
  }

  /** A stream, or undefined when nothing can be sent. */
  open(method, events) {
    return this.#next()?.open(this.#headOf(method), events);
  }

  /** One answer, as a promise; rejects with `CallError`. */
  call(method, request, timeoutMs = 2000) {
    return new Promise((resolve, reject) => {
      let response;
      const events = {
        message(_call, bytes, start, end) {
          response = fromBinary(method.output, bytes.slice(start, end));
        },
        ended(_call, code, text) {
          if (code === grpcCode.ok) resolve(response);
          else reject(new CallError(code, text));
        },
      };
      if (!this.begin(method, request, events, timeoutMs)) reject(new CallError(grpcCode.unavailable, 'not connected'));
    });
  }

  #headOf(method) {
    let head = this.#heads.get(method);
    if (head === undefined) {
      head = new CallHead(`/${method.parent.typeName}/${method.name}`, `127.0.0.1:${this.port}`);
      this.#heads.set(method, head);
    }
    return head;
  }

  /** Dials no more; the connections end with the dialer. */
  close() {
    this.#closed = true;
  }
}

export const encoded = (schema, message) => toBinary(schema, create(schema, message));
