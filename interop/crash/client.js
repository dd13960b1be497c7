/** A client over our own client half, for tests: one promise a call, messages as the generated codecs have them. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Dialer } from '../../dist/client/connection.js';
import { CallHead } from '../../dist/wire/grpc/client.js';
import { grpcCode } from '../../dist/wire/grpc/service.js';

export class CallError extends Error {
  constructor(code, text) {
    super(text);
    this.code = code;
  }

  /** The server may or may not have done what was asked. */
  get unsure() {
    return this.code === grpcCode.unavailable;
  }
}

export class Client {
  #dialer = new Dialer();
  #connections = [];
  #heads = new Map();
  #calls = 0;

  static async connect(port, connections = 1) {
    const client = new Client();
    const target = { host: '127.0.0.1', port };
    for (let i = 0; i < connections; i++) client.#connections.push(await client.#dialer.dial(target));
    return client;
  }

  /** `method` as the generated services have it: `client.call(KV.method.put, { key, value })`. */
  call(method, request) {
    const connection = this.#connections[this.#calls++ % this.#connections.length];
    const bytes = toBinary(method.input, create(method.input, request));
    return new Promise((resolve, reject) => {
      let response;
      connection.call(this.#headOf(method), bytes, {
        message(_call, chunk, start, end) {
          response = fromBinary(method.output, chunk.slice(start, end));
        },
        ended(_call, code, text) {
          if (code === grpcCode.ok) resolve(response);
          else reject(new CallError(code, text));
        },
      });
    });
  }

  #headOf(method) {
    let head = this.#heads.get(method);
    if (head === undefined) {
      head = new CallHead(`/${method.parent.typeName}/${method.name}`, '127.0.0.1');
      this.#heads.set(method, head);
    }
    return head;
  }

  close() {
    this.#dialer.close();
  }
}
