/**
 * Linearizable reads: all that ask within one turn share one read-index round, and are answered together once this
 * member has applied what the round says. Source: thesis section 6.4; etcd's `linearizableReadLoop`.
 *
 * A round in flight takes nobody in: a read that comes later asked later, so it needs a later round.
 */
import type { ErrorName } from '../wire/errors.js';
import type { ReadWaiter } from './front.js';

interface Round {
  readonly waiters: ReadWaiter[];
  readonly startedMs: number;
  /** The applied index that answers the round; undefined until raft has said it. */
  index: number | undefined;
}

export class Reads {
  #gathering: ReadWaiter[] = [];
  /** When the first of them came. */
  #gatheringSinceMs = 0;
  /** By the number that the round's context carries; in order of their start. */
  readonly #rounds = new Map<number, Round>();
  #lastRound = 0;

  get waiting(): boolean {
    return this.#gathering.length > 0;
  }

  /** Whether a round has no answer from raft yet; such a round is asked for again when a leader may have lost it. */
  get unanswered(): boolean {
    for (const round of this.#rounds.values()) if (round.index === undefined) return true;
    return false;
  }

  add(waiter: ReadWaiter, nowMs: number): void {
    if (this.#gathering.length === 0) this.#gatheringSinceMs = nowMs;
    this.#gathering.push(waiter);
  }

  /** Closes the gathering into a round and names it, or answers 0 when nobody asked. */
  begin(nowMs: number): number {
    if (this.#gathering.length === 0) return 0;
    this.#lastRound++;
    this.#rounds.set(this.#lastRound, { waiters: this.#gathering, startedMs: nowMs, index: undefined });
    this.#gathering = [];
    return this.#lastRound;
  }

  /** Raft's answer to a round: whoever waits in it may read once `index` is applied. */
  answered(round: number, index: number): void {
    const found = this.#rounds.get(round);
    if (found !== undefined && found.index === undefined) found.index = index;
  }

  /** Lets go of every round that `applied` answers. */
  confirm(applied: number): void {
    for (const [number, round] of this.#rounds) {
      if (round.index === undefined || round.index > applied) continue;
      this.#rounds.delete(number);
      for (const waiter of round.waiters) waiter.confirmed();
    }
  }

  /** The numbers of rounds that raft has not answered yet. */
  *unansweredRounds(): Iterable<number> {
    for (const [number, round] of this.#rounds) if (round.index === undefined) yield number;
  }

  expire(nowMs: number, timeoutMs: number): void {
    // Without a leader no round begins. Who came after the first gives up somewhat early, and all hear of it together.
    if (this.#gathering.length > 0 && nowMs - this.#gatheringSinceMs >= timeoutMs) {
      const waiters = this.#gathering;
      this.#gathering = [];
      for (const waiter of waiters) waiter.failed('timeout');
    }
    for (const [number, round] of this.#rounds) {
      if (nowMs - round.startedMs < timeoutMs) break;
      this.#rounds.delete(number);
      for (const waiter of round.waiters) waiter.failed('timeout');
    }
  }

  failAll(error: ErrorName): void {
    const waiters = [...this.#rounds.values()].flatMap((round) => round.waiters).concat(this.#gathering);
    this.#rounds.clear();
    this.#gathering = [];
    for (const waiter of waiters) waiter.failed(error);
  }
}
