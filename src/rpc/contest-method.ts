/** A call that contests something: one request, one answer or a stream of them, and a client that may lose patience. */
import { type DescMessage, fromBinary, type MessageShape } from '@bufbuild/protobuf';
import type { Bytes } from '../base/bytes.js';
import type { Call, Method } from '../wire/grpc/service.js';
import { decodeFailure } from '../wire/proto/failure.js';
import { type Answers, refuseMalformed } from './answers.js';

/** One such call, under way. */
export abstract class Contestant {
  /** The client is gone; the call has ended. */
  abstract cancel(): void;
  /** The client takes more again. */
  drained(): void {}
}

export class ContestMethod<Request extends DescMessage> implements Method {
  constructor(
    readonly kind: 'unary' | 'serverStream',
    readonly answers: Answers,
    readonly schema: Request,
    readonly begin: (call: Call, request: MessageShape<Request>) => Contestant,
  ) {}

  message(call: Call, bytes: Bytes, start: number, end: number): void {
    if (this.answers.turnedAway(call)) return;
    const request = this.#decode(bytes.slice(start, end));
    if (request === undefined) refuseMalformed(call, decodeFailure.malformed);
    else call.state = this.begin(call, request);
  }

  canceled(call: Call): void {
    if (call.state instanceof Contestant) call.state.cancel();
  }

  drained(call: Call): void {
    if (call.state instanceof Contestant) call.state.drained();
  }

  #decode(bytes: Bytes): MessageShape<Request> | undefined {
    try {
      return fromBinary(this.schema, bytes);
    } catch {
      return undefined;
    }
  }
}
