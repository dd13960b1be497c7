/**
 * Calls that took long, told of when they end, without a look at the clock for each: connections note the time whenever they
 * read, and only a call that may be late by that is looked at closely.
 */
import type { Bytes } from '../../base/bytes.js';
import type { Call } from './service.js';

export interface SlowCall {
  readonly call: Call;
  readonly tookMs: number;
  readonly requestBytes: number;
  /** What was answered; empty when the call has failed. */
  readonly answer: Bytes;
}

export interface SlowCallOptions {
  /** What takes no longer is not told. */
  readonly longerThanMs: number;
  /** The clock that connections are driven by. */
  readonly clock: () => number;
  readonly tell: (slow: SlowCall) => void;
}

interface TimedCall extends Call {
  readonly beganMs: number;
  readonly requestBytes: number;
}

/** How old the time may be that connections have noted: they are looked after every few milliseconds. */
const staleMs = 100;

export class SlowCalls {
  readonly #options: SlowCallOptions;
  readonly #suspectMs: number;
  /** The newest time that any connection has noted. */
  seenMs = 0;

  constructor(options: SlowCallOptions) {
    this.#options = options;
    this.#suspectMs = Math.max(0, options.longerThanMs - staleMs);
  }

  /** To be called before the call ends, with `bytes[start, end)` for its answer. */
  ended(call: TimedCall, bytes: Bytes, start: number, end: number): void {
    if (this.seenMs - call.beganMs < this.#suspectMs) return;
    const { longerThanMs, clock, tell } = this.#options;
    const tookMs = clock() - call.beganMs;
    if (tookMs <= longerThanMs) return;
    tell({ call, tookMs, requestBytes: call.requestBytes, answer: bytes.subarray(start, end) });
  }
}
