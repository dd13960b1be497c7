/** How long entries take to be applied, and requests to be answered; what takes too long is told of. */

import { entryText } from '../apply/request-text.js';
import type { ServerCounters } from '../base/counters.js';
import { printDuration } from '../base/go-text.js';
import type { Log } from '../base/log.js';
import type { InternalRaftRequest } from '../wire/messages/raft-request.js';
import { KindSeconds, kindName } from './kind-seconds.js';

export interface ApplyTimesParts {
  readonly log: Log;
  readonly counters: ServerCounters;
  readonly nowMs: () => number;
  /** What takes longer to apply is logged. */
  readonly warningApplyMs: number;
}

export class ApplyTimes {
  readonly #parts: ApplyTimesParts;
  readonly #applySeconds: KindSeconds;
  readonly #requestSeconds: KindSeconds;
  /** When the entry before was applied: one look at the clock an entry. */
  #clockMs = 0;

  constructor(parts: ApplyTimesParts) {
    this.#parts = parts;
    this.#applySeconds = new KindSeconds(parts.counters.applySeconds);
    this.#requestSeconds = new KindSeconds(parts.counters.requestSeconds);
  }

  /** A row of entries is about to be applied. */
  begin(): void {
    this.#clockMs = this.#parts.nowMs();
  }

  /** Putting the answer together counts with the entry that comes after it: a second look at the clock is not worth it. */
  applied(field: number, success: boolean, request: InternalRaftRequest): void {
    const nowMs = this.#parts.nowMs();
    const tookMs = nowMs - this.#clockMs;
    this.#clockMs = nowMs;
    this.#applySeconds.observe(field, success, tookMs / 1000);
    if (tookMs > this.#parts.warningApplyMs) this.#warn(field, tookMs, request);
  }

  /** Whoever waited since `startedMs` was answered. */
  answered(field: number, success: boolean, startedMs: number): void {
    this.#requestSeconds.observe(field, success, (this.#clockMs - startedMs) / 1000);
  }

  #warn(field: number, tookMs: number, { bytes, start, end }: InternalRaftRequest): void {
    const { log, counters, warningApplyMs } = this.#parts;
    counters.slowApplies++;
    log.warn('apply request took too long', {
      took: printDuration(tookMs),
      'expected-duration': printDuration(warningApplyMs),
      prefix: '',
      request: entryText(field, bytes, start, end) || kindName(field),
    });
  }
}
