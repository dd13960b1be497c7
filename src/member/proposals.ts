/**
 * Proposals on their way: who waits for which request id, and until when.
 *
 * All time out alike, so they fall due in the order they came, and only the oldest is ever looked at.
 */
import type { Outcome } from '../apply/outcome.js';
import type { ErrorName } from '../wire/errors.js';
import type { ProposalWaiter } from './front.js';

class Pending {
  constructor(
    readonly waiter: ProposalWaiter,
    readonly startedMs: number,
  ) {}
}

export class Proposals {
  readonly #pending = new Map<number, Pending>();
  readonly #timeoutMs: number;
  failedTotal = 0;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  get count(): number {
    return this.#pending.size;
  }

  wait(id: number, waiter: ProposalWaiter, nowMs: number): void {
    this.#pending.set(id, new Pending(waiter, nowMs));
  }

  /** Whether anybody here waits for `id`; a follower's entries and replayed ones are nobody's. */
  has(id: number): boolean {
    return this.#pending.has(id);
  }

  /** Answers when the proposal began, or -1 where nobody here waits for it. */
  applied(id: number, outcome: Outcome): number {
    const pending = this.#pending.get(id);
    if (pending === undefined) return -1;
    this.#pending.delete(id);
    pending.waiter.applied(outcome);
    return pending.startedMs;
  }

  failed(id: number, error: ErrorName): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    this.failedTotal++;
    pending.waiter.failed(error);
  }

  /** Fails what has waited too long; `classify` says with which error, from when the proposal began. */
  expire(nowMs: number, classify: (startedMs: number) => ErrorName): number {
    let expired = 0;
    for (const [id, pending] of this.#pending) {
      if (nowMs - pending.startedMs < this.#timeoutMs) break;
      this.failed(id, classify(pending.startedMs));
      expired++;
    }
    return expired;
  }

  /** Forgets those whose waiters have gone; how many. */
  dropGone(): number {
    const before = this.#pending.size;
    for (const [id, { waiter }] of this.#pending) if (waiter.gone?.() === true) this.#pending.delete(id);
    return before - this.#pending.size;
  }

  failAll(error: ErrorName): void {
    for (const id of [...this.#pending.keys()]) this.failed(id, error);
  }
}
