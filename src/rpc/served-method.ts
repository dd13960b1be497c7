/**
 * A method as it is offered while this member lives through what a cluster brings: messages wait while a snapshot takes the place
 * of the store, and streams that want a leader end when there is none.
 */
import type { Bytes } from '../base/bytes.js';
import type { Restoring } from '../member/restoring.js';
import type { Call, Method } from '../wire/grpc/service.js';
import { refuse } from './answers.js';
import type { LeaderWatch } from './leader-watch.js';

/** Messages that wait take no more memory than this, all together; what comes then is refused. */
const waitingBytesMax = 64 << 20;
/** Of a message that waits, beside its bytes. */
const messageBytes = 500;

/** What all methods of a member hold back. */
export class Waiting {
  bytes = 0;
}

export class ServedMethod implements Method {
  readonly kind: Method['kind'];
  readonly #method: Method;
  readonly #restoring: Pick<Restoring, 'active' | 'whenWhole'>;
  readonly #leaders: LeaderWatch;
  readonly #waiting: Waiting;

  constructor(
    method: Method,
    parts: {
      readonly restoring: Pick<Restoring, 'active' | 'whenWhole'>;
      readonly leaders: LeaderWatch;
      readonly waiting: Waiting;
    },
  ) {
    this.kind = method.kind;
    this.#method = method;
    this.#restoring = parts.restoring;
    this.#leaders = parts.leaders;
    this.#waiting = parts.waiting;
  }

  open(call: Call): void {
    if (this.kind === 'unary' || this.#leaders.admit(call, this.#method)) this.#method.open?.(call);
  }

  message(call: Call, bytes: Bytes, start: number, end: number): void {
    if (!this.#restoring.active) return this.#method.message(call, bytes, start, end);
    const waiting = this.#waiting;
    const held = end - start + messageBytes;
    if (waiting.bytes + held > waitingBytesMax) return refuse(call, 'tooManyRequests');
    waiting.bytes += held;
    const kept = bytes.slice(start, end);
    this.#restoring.whenWhole(() => {
      waiting.bytes -= held;
      if (!call.ended) this.#method.message(call, kept, 0, kept.length);
    });
  }

  halfClosed(call: Call): void {
    this.#restoring.whenWhole(() => {
      if (!call.ended) this.#method.halfClosed?.(call);
    });
  }

  canceled(call: Call): void {
    if (this.kind !== 'unary') this.#leaders.forget(call);
    this.#method.canceled?.(call);
  }

  drained(call: Call): void {
    this.#method.drained?.(call);
  }
}
