/** Who waits until this member has applied all that it knew to be committed when they asked, and for how long. */
import type { ErrorName } from '../wire/errors.js';
import type { ReadWaiter } from './front.js';

/** etcd's `applyTimeout`. */
const waitMs = 1000;

/** How far a member has come. */
export interface Progress {
  readonly committed: number;
  readonly applied: number;
  nowMs(): number;
}

type Waiting = { readonly index: number; readonly untilMs: number; readonly waiter: ReadWaiter };

export class AppliedWaits {
  readonly #progress: Progress;
  /** In the order of asking, so both index and time rise. */
  #waiting: Waiting[] = [];

  constructor(progress: Progress) {
    this.#progress = progress;
  }

  whenApplied(waiter: ReadWaiter): void {
    const { committed, applied } = this.#progress;
    if (applied >= committed) waiter.confirmed();
    else this.#waiting.push({ index: committed, untilMs: this.#progress.nowMs() + waitMs, waiter });
  }

  /** To be called when entries were applied, and now and then for those whose time is over. */
  check(): void {
    if (this.#waiting.length === 0) return;
    const { applied } = this.#progress;
    const nowMs = this.#progress.nowMs();
    const over = this.#waiting.filter(({ index, untilMs }) => index <= applied || untilMs <= nowMs);
    this.#waiting = this.#waiting.filter(({ index, untilMs }) => index > applied && untilMs > nowMs);
    for (const { index, waiter } of over) {
      if (index <= applied) waiter.confirmed();
      else waiter.failed('timeoutAppliedIndex');
    }
  }

  failAll(error: ErrorName): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { waiter } of waiting) waiter.failed(error);
  }
}
