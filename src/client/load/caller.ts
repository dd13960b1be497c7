/** One concurrent caller: has one call under way at a time, and keeps its own begin for the latency. */
import type { Bytes } from '../../base/bytes.js';
import type { CallHead, ClientCall, ClientConnection, ClientEvents } from '../../wire/grpc/client.js';
import { type GrpcCode, grpcCode } from '../../wire/grpc/service.js';
import { countKeys } from './work.js';

/** Who gives callers work and hears how it went. */
export interface Employer {
  readonly head: CallHead;
  readonly keysAnswered: number | undefined;
  succeeded(caller: Caller): void;
  failed(caller: Caller, reason: string): void;
}

export class Caller implements ClientEvents {
  beganMs = 0;
  #keys = 0;

  constructor(
    readonly employer: Employer,
    readonly connection: ClientConnection,
  ) {}

  begin(request: Bytes, nowMs: number): void {
    this.beganMs = nowMs;
    this.#keys = 0;
    this.connection.call(this.employer.head, request, this);
  }

  message(_call: ClientCall, bytes: Bytes, start: number, end: number): void {
    if (this.employer.keysAnswered !== undefined) this.#keys = countKeys(bytes, start, end);
  }

  ended(_call: ClientCall, code: GrpcCode, text: string): void {
    const { employer } = this;
    if (code !== grpcCode.ok) employer.failed(this, text);
    else if (employer.keysAnswered !== undefined && employer.keysAnswered !== this.#keys) {
      employer.failed(this, `${this.#keys} keys answered, not ${employer.keysAnswered}`);
    } else employer.succeeded(this);
  }
}
