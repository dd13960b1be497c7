/** Requests with one answer, as promises: for programs that make few of them. */
import type { Bytes } from '../base/bytes.js';
import { CallHead, type ClientCall, type ClientConnection, type ClientEvents } from '../wire/grpc/client.js';
import { type GrpcCode, grpcCode } from '../wire/grpc/service.js';
import { Dialer } from './connection.js';

/** A status other than OK, with the server's own text. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';

  constructor(
    readonly code: GrpcCode,
    text: string,
  ) {
    super(text);
  }
}

class OneAnswer implements ClientEvents {
  #answer: Bytes | undefined;

  constructor(
    readonly resolve: (answer: Bytes) => void,
    readonly reject: (cause: CallFailed) => void,
  ) {}

  message(_call: ClientCall, bytes: Bytes, start: number, end: number): void {
    this.#answer = bytes.slice(start, end);
  }

  ended(_call: ClientCall, code: GrpcCode, text: string): void {
    if (code !== grpcCode.ok) this.reject(new CallFailed(code, text));
    else if (this.#answer === undefined) this.reject(new CallFailed(grpcCode.internal, 'no answer'));
    else this.resolve(this.#answer);
  }
}

const patienceMs = 10_000;

export class UnaryClient implements Disposable {
  readonly #heads = new Map<string, CallHead>();

  private constructor(
    readonly dialer: Dialer,
    readonly connection: ClientConnection,
    readonly authority: string,
  ) {}

  /** `http://127.0.0.1:2379` */
  static async dial(url: string): Promise<UnaryClient> {
    const { hostname, port, host } = new URL(url);
    const dialer = new Dialer();
    return new UnaryClient(dialer, await dialer.dial({ host: hostname, port: Number(port) }), host);
  }

  /** `path` is `/etcdserverpb.KV/Put`. Rejects with `CallFailed`. */
  call(path: string, request: Bytes, timeoutMs = patienceMs): Promise<Bytes> {
    let head = this.#heads.get(path);
    if (head === undefined) {
      head = new CallHead(path, this.authority);
      this.#heads.set(path, head);
    }
    const known = head;
    return new Promise((resolve, reject) => {
      this.connection.call(known, request, new OneAnswer(resolve, reject), timeoutMs);
    });
  }

  close(): void {
    this.dialer.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
