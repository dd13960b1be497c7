/**
 * Drives a member from Node's event loop: what sockets and disk bring in one turn is one batch, and long work runs in slices.
 *
 *     sockets -> services -> [end of turn] member.endTurn -> one write per connection -> [if there is any] a slice of each chore
 *     disk ----> member.persisted -> [end of turn] ...
 *
 * Sockets are looked at before and after each slice, and what they or the disk bring is answered before the next one: a request
 * waits for no more than the slices that it came in.
 */
import { performance } from 'node:perf_hooks';
import type { Chore, Chores } from '../base/chores.js';
import type { Assembled } from '../member/assembly.js';
import type { WatchMethod } from '../rpc/watch.js';
import type { Turn } from './turn.js';

/** The loop's delay is looked at this often. */
const delayEveryMs = 100;

export class Loop {
  readonly #turn: Turn;
  readonly #chores: Chores;
  readonly #parts: Assembled;
  readonly #watch: WatchMethod;
  readonly #ticker: NodeJS.Timeout;
  readonly #delay: NodeJS.Timeout;
  #rest: NodeJS.Timeout | undefined;
  /** The next slices, when they are to come at once. */
  #slices: NodeJS.Immediate | undefined;
  #stopped = false;
  #compactingSinceMs = -1;
  /** The longest that the loop was held since it was last asked. */
  #delayMsMax = 0;
  readonly #catchUp: Chore = { step: () => (this.#parts.hub.catchUp() ? 0 : Number.POSITIVE_INFINITY) };
  readonly #compact: Chore = { step: (nowMs) => this.#compactSlice(nowMs) };

  constructor(turn: Turn, chores: Chores, parts: Assembled, watch: WatchMethod) {
    this.#turn = turn;
    this.#chores = chores;
    this.#parts = parts;
    this.#watch = watch;
    turn.onEnd(() => this.#endTurn());
    chores.onWake(() => turn.begin());
    this.#ticker = setInterval(() => this.#tick(), parts.options.heartbeatMs);
    let expected = performance.now() + delayEveryMs;
    this.#delay = setInterval(() => {
      const now = performance.now();
      this.#delayMsMax = Math.max(this.#delayMsMax, now - expected);
      expected = now + delayEveryMs;
    }, delayEveryMs).unref();
  }

  takeDelayMsMax(): number {
    const delay = this.#delayMsMax;
    this.#delayMsMax = 0;
    return delay;
  }

  #tick(): void {
    const now = performance.now();
    this.#parts.member.tick();
    this.#parts.duties.tick(now);
    this.#watch.tick(now);
    this.#turn.begin();
  }

  #endTurn(): void {
    if (this.#stopped) return;
    const { member, restoring, hub, store } = this.#parts;
    member.endTurn();
    if (hub.isBehind) this.#chores.wake(this.#catchUp);
    if (!store.compactor.idle) this.#chores.wake(this.#compact);
    if (restoring.wantsStep) this.#turn.begin();
    if (this.#chores.busy) this.#slices ??= setImmediate(this.#runSlices);
  }

  readonly #runSlices = () => {
    this.#slices = undefined;
    if (this.#stopped) return;
    this.#turn.settle();
    const restMs = this.#chores.run(performance.now());
    if (restMs === 0) {
      // Not before the sockets have been looked at again.
      this.#turn.begin();
      this.#slices ??= setImmediate(this.#runSlices);
    } else if (restMs < Number.POSITIVE_INFINITY) {
      clearTimeout(this.#rest);
      this.#rest = setTimeout(() => this.#turn.begin(), restMs);
    }
  };

  #compactSlice(nowMs: number): number {
    const { compactor } = this.#parts.store;
    if (compactor.nextStepAtMs <= nowMs) {
      if (this.#compactingSinceMs < 0) this.#compactingSinceMs = nowMs;
      const { mvcc } = this.#parts.counters;
      const pauseMs = compactor.isInIndex ? mvcc.indexCompactionPauseMs : mvcc.compactionPauseMs;
      compactor.step(nowMs);
      pauseMs.observe(performance.now() - nowMs);
      if (compactor.idle) {
        mvcc.compactionTotalMs.observe(performance.now() - this.#compactingSinceMs);
        mvcc.lastCompactionSeconds = Math.floor(Date.now() / 1000);
        this.#compactingSinceMs = -1;
      }
    }
    return compactor.idle ? Number.POSITIVE_INFINITY : Math.max(0, compactor.nextStepAtMs - nowMs);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#ticker);
    clearInterval(this.#delay);
    clearTimeout(this.#rest);
    clearImmediate(this.#slices);
  }
}
