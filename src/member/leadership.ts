/**
 * Whether a member that takes itself for the leader may act as one.
 *
 * A member that hung, or is cut off, believes what it believed before: another may lead by then, and have ended leases that this
 * one would renew. So it asks a quorum (one read-index round) whether it leads. Nobody who has heard of a leader votes for another
 * within an election timeout, so the answer holds about as long; counted from when it was asked for, by whatever clock may have stood.
 * etcd's `ensureLeadership` asks only while its own ticks are late.
 *
 * Source: thesis section 6.4.1, leases of a leader; a leader that hands over by itself is the exception, for a moment.
 */
import type { MemberFront, ReadWaiter } from './front.js';

/** A voter's count of ticks may begin with less than a whole one, and ours is as coarse. */
const ticksUncertain = 2;

export interface LeadershipTimes {
  readonly heartbeatMs: number;
  readonly electionMs: number;
}

export class Leadership {
  readonly #front: Pick<MemberFront, 'isLeader' | 'nowMs' | 'readIndex'>;
  readonly #holdsMs: number;
  /** When the newest answer was asked for that said yes. */
  #provenMs = Number.NEGATIVE_INFINITY;

  constructor(
    front: Pick<MemberFront, 'isLeader' | 'nowMs' | 'readIndex'>,
    { heartbeatMs, electionMs }: LeadershipTimes,
  ) {
    this.#front = front;
    this.#holdsMs = electionMs - ticksUncertain * heartbeatMs;
  }

  /** True when a member that leads can be sure of it: `whenSure` would say yes at once. */
  get isSure(): boolean {
    return this.#front.nowMs() - this.#provenMs < this.#holdsMs;
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
