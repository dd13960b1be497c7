/**
 * Whether a member that takes itself for the leader may act as one.
 *
 * A process that was stopped for a while wakes up believing what it believed before: another may lead by then. So after a gap
 * in its ticks it doubts, and asks a quorum (one read-index round) before it renews a lease or ends one. etcd's
 * `ensureLeadership` asks within the gap only; here the doubt outlives it, until a round has answered.
 */
import type { MemberFront, ReadWaiter } from './front.js';

/** Ticks that may be missing before it counts as a gap. */
const ticksMissedMax = 3;

export class Leadership {
  readonly #front: Pick<MemberFront, 'isLeader' | 'nowMs' | 'readIndex'>;
  readonly #gapMs: number;
  #tickedMs: number;
  /** Since when it is doubted; -1 when it is not. */
  #doubtedMs = -1;

  constructor(front: Pick<MemberFront, 'isLeader' | 'nowMs' | 'readIndex'>, heartbeatMs: number) {
    this.#front = front;
    this.#gapMs = ticksMissedMax * heartbeatMs;
    this.#tickedMs = front.nowMs();
  }

  /** To be called once a heartbeat interval. */
  tick(): void {
    const nowMs = this.#front.nowMs();
    if (nowMs - this.#tickedMs >= this.#gapMs) this.#doubtedMs = nowMs;
    this.#tickedMs = nowMs;
  }

  /** True when nothing speaks against it: `whenSure` would say yes at once. */
  get isSure(): boolean {
    return this.#doubtedMs < 0 && this.#front.nowMs() - this.#tickedMs < this.#gapMs;
  }

  /** Says yes when this member led after it was asked, or no. */
  whenSure(waiter: ReadWaiter): void {
    if (this.isSure) return waiter.confirmed();
    const askedMs = this.#front.nowMs();
    this.#front.readIndex({
      confirmed: () => {
        if (!this.#front.isLeader) return waiter.failed('notPrimaryLessor');
        if (this.#doubtedMs <= askedMs) this.#doubtedMs = -1;
        waiter.confirmed();
      },
      failed: () => waiter.failed('notPrimaryLessor'),
    });
  }
}
