/** One concurrent caller: has one call under way at a time, and keeps its own begin for the latency. */
import type { Bytes } from '../../base/bytes.js';
import type { CallHead, ClientCall, ClientConnection, ClientEvents } from '../../wire/grpc/client.js';
import { type GrpcCode, grpcCode } from '../../wire/grpc/service.js';
import { KeyCounter } from './key-counter.js';

/** Who gives callers work and hears how it went. */
export interface Employer {
  readonly head: CallHead;
  readonly keysAnswered: number | undefined;
  succeeded(caller: Caller): void;
  failed(caller: Caller, reason: string): void;
}

export class Caller implements ClientEvents {
  beganMs = 0;
  readonly #counter = new KeyCounter();

  constructor(
    readonly employer: Employer,
    readonly connection: ClientConnection,
  ) {}

  begin(request: Bytes, nowMs: number): void {
    this.beganMs = nowMs;
    this.#counter.reset();
    this.connection.call(this.employer.head, request, this);
  }

  message(_call: ClientCall, bytes: Bytes, start: number, end: number): void {
    if (this.employer.keysAnswered !== undefined) this.#counter.add(bytes, start, end);
  }

  /** A gigabyte is counted as it comes: to hold it would cost this machine more than the server's sending it. */
  part(call: ClientCall, bytes: Bytes, start: number, end: number): void {
    this.message(call, bytes, start, end);
  }

  ended(_call: ClientCall, code: GrpcCode, text: string): void {
    const { employer } = this;
    if (code !== grpcCode.ok) employer.failed(this, text);
    else if (employer.keysAnswered !== undefined && employer.keysAnswered !== this.#counter.keys) {
      employer.failed(this, `${this.#counter.keys} keys answered, not ${employer.keysAnswered}`);
    } else employer.succeeded(this);
  }
}
