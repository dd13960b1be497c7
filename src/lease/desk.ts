/**
 * Where leases are renewed and asked about: here, when this member leads, else at the leader.
 *
 * Only the leader knows when leases are due. A lease that is due but not yet revoked is not renewed any more: who tries waits
 * until it is gone, and is told so; or until this member no longer leads, and then the leader is asked.
 */
import type { Bytes } from '../base/bytes.js';
import type { LeaseId } from '../base/ids.js';
import type { ErrorName } from '../wire/errors.js';
import type { LeaseBook, LeaseFollower, LeaseSlot } from './book.js';
import type { Deadlines } from './deadlines.js';

export interface RenewWaiter {
  /** 0: there is no such lease. */
  renewed(ttlSeconds: number): void;
  failed(error: ErrorName): void;
}

export type TimeToLive = {
  /** Whole seconds left, -1 when there is no such lease. */
  readonly ttlSeconds: number;
  readonly grantedSeconds: number;
  readonly keys: readonly Bytes[];
};

export const noSuchLease: TimeToLive = { ttlSeconds: -1, grantedSeconds: 0, keys: [] };

export interface TimeToLiveWaiter {
  answered(timeToLive: TimeToLive): void;
  failed(error: ErrorName): void;
}

/** The leader, asked over the wire, again and again until it answers or the request's time is over. */
export interface LeaderDesk {
  renew(id: LeaseId, waiter: RenewWaiter): void;
  timeToLive(id: LeaseId, withKeys: boolean, waiter: TimeToLiveWaiter): void;
}

/** For a member that is alone: when it does not lead, nobody does. */
export const noOtherLeader: LeaderDesk = {
  renew: (_id, waiter) => waiter.failed('noLeader'),
  timeToLive: (_id, _withKeys, waiter) => waiter.failed('noLeader'),
};

/** Tells when this member has applied all that it knows to be committed; `failed` when that takes too long. */
export interface CatchUp {
  whenApplied(waiter: { confirmed(): void; failed(error: ErrorName): void }): void;
}

/** Tells whether this member, that takes itself for the leader, still is it. */
export interface LeaderProof {
  /** True when `whenSure` would say yes at once. */
  readonly isSure: boolean;
  whenSure(waiter: { confirmed(): void; failed(error: ErrorName): void }): void;
}

/** `asksLeader`: goes on to the leader where this member turns out not to be it; another member's renewal goes back to that one. */
type Renewal = { readonly id: LeaseId; readonly waiter: RenewWaiter; readonly asksLeader: boolean };
/** Who waits for a due lease to be gone. */
type Waiting = { readonly renewal: Renewal; readonly slot: LeaseSlot };

export interface DeskParts {
  readonly book: LeaseBook;
  readonly deadlines: Deadlines;
  readonly catchUp: CatchUp;
  readonly leader: LeaderDesk;
  readonly proof: LeaderProof;
  /** Without etcd's gate FastLeaseKeepAlive: a renewal waits for what is committed even where the lease is known. */
  readonly alwaysCatchUp?: boolean;
  /** Where what is left of leases is written down: takes that of one back, as a renewal makes it untrue. */
  forgetCheckpoint?(id: LeaseId, waiter: { confirmed(): void; failed(error: ErrorName): void }): void;
  /** Whether that may be under way, so that the book does not tell yet. */
  mayBeWritingDown?(): boolean;
}

export class LeaseDesk implements LeaseFollower {
  readonly #parts: DeskParts;
  #waiting: Waiting[] = [];

  constructor(parts: DeskParts) {
    this.#parts = parts;
    parts.book.follow(this);
    parts.deadlines.whenDemoted(() => this.#retry());
  }

  renew(id: LeaseId, waiter: RenewWaiter): void {
    if (this.#parts.deadlines.leading) this.#renew({ id, waiter, asksLeader: true });
    else this.#parts.leader.renew(id, waiter);
  }

  /** For the leader alone; another member refuses. */
  renewHere(id: LeaseId, waiter: RenewWaiter): void {
    this.#renew({ id, waiter, asksLeader: false });
  }

  /** One that no longer leads must not promise anybody more time. */
  #renew(renewal: Renewal): void {
    const { proof } = this.#parts;
    if (proof.isSure) return this.#renewSure(renewal);
    proof.whenSure({
      confirmed: () => this.#renewSure(renewal),
      // One that has stopped still takes itself for the leader, and would send itself there for ever.
      failed: (error) => (error === 'stopped' ? renewal.waiter.failed(error) : this.#notLeading(renewal)),
    });
  }

  #renewSure(renewal: Renewal): void {
    const { book, catchUp, alwaysCatchUp = false } = this.#parts;
    const slot = book.slotOf(renewal.id);
    if (slot >= 0 && !alwaysCatchUp) return this.#renewSlot(renewal, slot);
    // It may have been granted already and not yet applied here.
    catchUp.whenApplied({
      confirmed: () => this.#renewSlot(renewal, book.slotOf(renewal.id)),
      failed: (error) => renewal.waiter.failed(error),
    });
  }

  #renewSlot(renewal: Renewal, slot: LeaseSlot): void {
    const { id, waiter } = renewal;
    const { deadlines, book } = this.#parts;
    // First, for where somebody else leads, more leases may be known than here.
    if (!deadlines.leading) {
      this.#notLeading(renewal);
    } else if (slot < 0) {
      waiter.renewed(0);
    } else if (deadlines.isDue(slot)) {
      this.#waiting.push({ renewal, slot });
    } else if (this.#parts.forgetCheckpoint !== undefined && this.#isWrittenDown(slot)) {
      this.#parts.forgetCheckpoint(id, {
        confirmed: () => this.#renew(renewal),
        failed: (error) => waiter.failed(error),
      });
    } else {
      deadlines.renew(slot);
      waiter.renewed(book.ttlSecondsOf(slot));
    }
  }

  #notLeading({ id, waiter, asksLeader }: Renewal): void {
    if (asksLeader) this.#parts.leader.renew(id, waiter);
    else waiter.failed('notPrimaryLessor');
  }

  /** By the book, or soon by it. */
  #isWrittenDown(slot: LeaseSlot): boolean {
    const { book, mayBeWritingDown } = this.#parts;
    return book.checkpointedSecondsOf(slot) > 0 || mayBeWritingDown?.() === true;
  }

  timeToLive(id: LeaseId, withKeys: boolean, waiter: TimeToLiveWaiter): void {
    if (this.#parts.deadlines.leading) this.timeToLiveHere(id, withKeys, waiter);
    else this.#parts.leader.timeToLive(id, withKeys, waiter);
  }

  /** For the leader alone. */
  timeToLiveHere(id: LeaseId, withKeys: boolean, waiter: TimeToLiveWaiter): void {
    this.#parts.proof.whenSure({
      confirmed: () => this.#timeToLiveSure(id, withKeys, waiter),
      failed: () => waiter.failed('leaderChanged'),
    });
  }

  #timeToLiveSure(id: LeaseId, withKeys: boolean, waiter: TimeToLiveWaiter): void {
    const { book, deadlines, catchUp } = this.#parts;
    catchUp.whenApplied({
      confirmed: () => {
        const slot = book.slotOf(id);
        if (!deadlines.leading) {
          waiter.failed('leaderChanged');
        } else if (slot < 0) {
          waiter.answered(noSuchLease);
        } else {
          waiter.answered({
            ttlSeconds: Math.trunc(deadlines.remainingMs(slot) / 1000),
            grantedSeconds: book.ttlSecondsOf(slot),
            keys: withKeys ? book.keysOf(slot) : [],
          });
        }
      },
      failed: (error) => waiter.failed(error),
    });
  }

  granted(): void {}

  revoked(slot: LeaseSlot): void {
    if (this.#waiting.length === 0) return;
    const ended = this.#waiting.filter((waiting) => waiting.slot === slot);
    this.#waiting = this.#waiting.filter((waiting) => waiting.slot !== slot);
    for (const { renewal } of ended) renewal.waiter.renewed(0);
  }

  restored(): void {
    this.#retry();
  }

  #retry(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { renewal } of waiting) this.#renew(renewal);
  }
}
