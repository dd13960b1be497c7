/**
 * Linearizable reads: all that ask within one turn share one read-index round, and are answered together once this
 * member has applied what the round says. Source: thesis section 6.4; etcd's `linearizableReadLoop`.
 *
 *     add -> gathering -> begin -> round without an index -> answered -> confirm, once that index is applied
 *
 * A round in flight takes nobody in: a read that comes later asked later, so it needs a later round. But a later round's
 * index answers the earlier ones too. So one round is in flight as a rule, a next one sets out when that takes long, and
 * asking again is asking for all of them.
 */
import type { ErrorName } from '../wire/errors.js';
import type { ReadWaiter } from './front.js';

/** A round that takes longer than this holds up no other: what it needs may be lost. */
const roundAloneMs = 20;
/** What raft has not answered for so long is asked for again. Source: etcd `readIndexRetryTime`. */
const retryMs = 500;

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
  /** In order of their start. */
  #rounds: Round[] = [];
  /** The questions raft has not answered, oldest first; each asks for the round it began with, and for all before. */
  #questions: { readonly id: number; readonly newest: Round }[] = [];
  #askedMs = 0;

  get waiting(): boolean {
    return this.#gathering.length > 0;
  }

  /** Whether a round has no answer from raft yet. */
  get unanswered(): boolean {
    return this.#newestUnanswered !== undefined;
  }

  get #newestUnanswered(): Round | undefined {
    const newest = this.#rounds.at(-1);
    return newest !== undefined && newest.index === undefined ? newest : undefined;
  }

  add(waiter: ReadWaiter, nowMs: number): void {
    if (this.#gathering.length === 0) this.#gatheringSinceMs = nowMs;
    this.#gathering.push(waiter);
  }

  /** True when those who gather should set out now. */
  mayBegin(nowMs: number): boolean {
    if (this.#gathering.length === 0) return false;
    const before = this.#newestUnanswered;
    return before === undefined || nowMs - before.startedMs >= roundAloneMs;
  }

  /** Closes the gathering into a round, for which raft is asked by the name of `id`. */
  begin(id: number, nowMs: number): void {
    this.#rounds.push({ waiters: this.#gathering, startedMs: nowMs, index: undefined });
    this.#gathering = [];
    this.askAgain(id, nowMs);
  }

  /** True when raft has been silent for too long about some round. */
  shouldAskAgain(nowMs: number): boolean {
    return this.unanswered && nowMs - this.#askedMs >= retryMs;
  }

  /** Raft is asked once more, by the name of `id`, for all it has not answered. */
  askAgain(id: number, nowMs: number): void {
    const newest = this.#newestUnanswered;
    if (newest === undefined) return;
    this.#askedMs = nowMs;
    this.#questions.push({ id, newest });
  }

  /** Raft's answer: whoever waits in these rounds may read once `index` is applied. False when nobody asks that any more. */
  answered(id: number, index: number): boolean {
    const at = this.#questions.findIndex((question) => question.id === id);
    const question = this.#questions[at];
    if (question === undefined) return false;
    const rest = this.#questions.slice(at + 1);
    this.#questions = rest.filter(({ newest }) => newest !== question.newest);
    for (const round of this.#rounds) {
      round.index ??= index;
      if (round === question.newest) break;
    }
    return true;
  }

  /** Lets go of every round that `applied` answers. */
  confirm(applied: number): void {
    if (this.#rounds.length === 0) return;
    const isReady = ({ index }: Round) => index !== undefined && index <= applied;
    if (!this.#rounds.some(isReady)) return;
    const ready = this.#rounds.filter(isReady);
    this.#rounds = this.#rounds.filter((round) => !isReady(round));
    for (const { waiters } of ready) for (const waiter of waiters) waiter.confirmed();
  }

  /** Another leader may not know what the one before was asked: fails what it has not answered, and tells how many rounds. */
  leaderChanged(): number {
    return this.#fail((round) => round.index === undefined, 'leaderChanged');
  }

  /** Fails what has waited too long; answers how many rounds raft had left without an answer, or could not be asked for. */
  expire(nowMs: number, timeoutMs: number): number {
    let expired = 0;
    // Without a leader no round begins. Who came after the first gives up somewhat early, and all hear of it together.
    if (this.#gathering.length > 0 && nowMs - this.#gatheringSinceMs >= timeoutMs) {
      const waiters = this.#gathering;
      this.#gathering = [];
      for (const waiter of waiters) waiter.failed('timeout');
      expired = 1;
    }
    return (
      expired + this.#fail((round) => round.index === undefined && nowMs - round.startedMs >= timeoutMs, 'timeout')
    );
  }

  failAll(error: ErrorName): void {
    this.#fail(() => true, error);
    const gathering = this.#gathering;
    this.#gathering = [];
    for (const waiter of gathering) waiter.failed(error);
  }

  #fail(which: (round: Round) => boolean, error: ErrorName): number {
    const failed = this.#rounds.filter(which);
    if (failed.length === 0) return 0;
    this.#rounds = this.#rounds.filter((round) => !which(round));
    this.#questions = this.#questions.filter(({ newest }) => this.#rounds.includes(newest));
    for (const { waiters } of failed) for (const waiter of waiters) waiter.failed(error);
    return failed.length;
  }
}
