/**
 * Whether a member that takes itself for the leader may act as one.
 *
 * A member that hung, or is cut off, believes what it believed before: another may lead by then, and have ended leases that this
 * one would renew. So it asks a quorum (one read-index round) whether it leads. Nobody who has heard of a leader votes for another
 * within an election timeout, so the answer holds about as long; counted from when it was asked for, by whatever clock may have stood.
 * etcd's `ensureLeadership` asks only while its own ticks are late.
 *
 * But who was told by the leader to be elected is voted for at once, and may have been told long before it is: once it has begun to hand
 * over, a leader asks each time until its term ends.
 *
 * Source: thesis section 6.4.1 for answers that hold, 3.10 for leaders that hand over.
 */
import type { MemberFront, ReadWaiter } from './front.js';

export interface LeadingFront extends Pick<MemberFront, 'isLeader' | 'nowMs' | 'readIndex' | 'term'> {
  readonly isHandingOver: boolean;
}

/** A voter's count of ticks may begin with less than a whole one, and ours is as coarse. */
const ticksUncertain = 2;

export interface LeadershipTimes {
  readonly heartbeatMs: number;
  readonly electionMs: number;
}

export class Leadership {
  readonly #front: LeadingFront;
  readonly #holdsMs: number;
  /** When the newest answer was asked for that said yes. */
  #provenMs = Number.NEGATIVE_INFINITY;

  /** In which answers hold no longer than the moment. */
  #handingOverTerm = 0;

  constructor(front: LeadingFront, { heartbeatMs, electionMs }: LeadershipTimes) {
    this.#front = front;
    this.#holdsMs = electionMs - ticksUncertain * heartbeatMs;
  }

  /** True when a member that leads can be sure of it: `whenSure` would say yes at once. */
  get isSure(): boolean {
    const front = this.#front;
    if (front.isHandingOver || front.term === this.#handingOverTerm) return false;
    return front.nowMs() - this.#provenMs < this.#holdsMs;
  }

  /** To be called once a heartbeat interval: handing over takes longer, or ends the term. */
  tick(): void {
    if (this.#front.isHandingOver) this.#handingOverTerm = this.#front.term;
  }

  /** Says yes when this member led after it was asked, or cannot have been deposed yet; else no. */
  whenSure(waiter: ReadWaiter): void {
    if (this.isSure) return waiter.confirmed();
    const askedMs = this.#front.nowMs();
    this.#front.readIndex({
      confirmed: () => {
        if (!this.#front.isLeader) return waiter.failed('notPrimaryLessor');
        this.#provenMs = Math.max(this.#provenMs, askedMs);
        waiter.confirmed();
      },
      failed: (error) => waiter.failed(error === 'stopped' ? error : 'notPrimaryLessor'),
    });
  }
}
