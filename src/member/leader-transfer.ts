/**
 * Handing leadership over: because a client asks for it, or because this leader stops. Raft tells nobody when a transfer
 * has failed, so whoever waits does so until the other leads, or until they give up.
 */
import { printDuration } from '../base/go-text.js';
import { idToHex, type MemberId } from '../base/ids.js';
import type { Log } from '../base/log.js';
import type { MembershipBook } from '../cluster/book.js';
import { type ErrorName, errors } from '../wire/errors.js';
import type { Member } from './member.js';
import type { Peers } from './peers.js';

export interface TransferWaiter {
  /** Nobody waits any more. */
  gone(): boolean;
  moved(): void;
  failed(error: ErrorName): void;
}

interface Transfer {
  readonly from: MemberId;
  readonly to: MemberId;
  readonly waiter: TransferWaiter;
  readonly beganMs: number;
  readonly beforeStop: boolean;
  readonly untilMs: number;
}

export interface TransferParts {
  readonly member: Member;
  readonly members: MembershipBook;
  readonly peers: Peers;
  readonly log: Log;
}

export class LeaderTransfer {
  readonly #parts: TransferParts;
  #waiting: Transfer[] = [];

  constructor(parts: TransferParts) {
    this.#parts = parts;
  }

  /** This leader hands over to `to`, a voter. `untilMs`: when whoever asked gives up. */
  move(to: MemberId, untilMs: number, waiter: TransferWaiter): void {
    const { member, members } = this.#parts;
    if (!member.isLeader) return waiter.failed('notLeader');
    const target = members.member(to);
    if (target === undefined || target.isLearner) return waiter.failed('badLeaderTransferee');
    this.#begin({ from: member.leader, to, waiter, beganMs: member.nowMs(), untilMs, beforeStop: false });
  }

  #begin(transfer: Transfer): void {
    const { member, log } = this.#parts;
    log.info('leadership transfer starting', {
      'local-member-id': idToHex(member.memberId),
      'current-leader-member-id': idToHex(transfer.from),
      'transferee-member-id': idToHex(transfer.to),
    });
    this.#waiting.push(transfer);
    member.transferLeader(transfer.to);
    this.#look();
  }

  /** The leader, or whether there is one, has changed; or time has passed. */
  tick(nowMs: number): void {
    if (this.#waiting.length === 0) return;
    this.#waiting = this.#waiting.filter(({ waiter }) => !waiter.gone());
    this.#look();
    const { peers } = this.#parts;
    for (const transfer of this.#waiting) {
      if (transfer.untilMs <= nowMs) this.#fail(transfer, 'timeoutLeaderTransfer');
      // Members that stop together need not wait for each other.
      else if (transfer.beforeStop && peers.activeSinceMs(transfer.to) === undefined) this.#fail(transfer, 'unhealthy');
    }
  }

  #fail(transfer: Transfer, error: ErrorName): void {
    this.#waiting = this.#waiting.filter((other) => other !== transfer);
    transfer.waiter.failed(error);
  }

  #look(): void {
    const { member, log } = this.#parts;
    for (const transfer of this.#waiting.filter(({ to }) => to === member.leader)) {
      this.#waiting = this.#waiting.filter((other) => other !== transfer);
      log.info('leadership transfer finished', {
        'local-member-id': idToHex(member.memberId),
        'old-leader-member-id': idToHex(transfer.from),
        'new-leader-member-id': idToHex(transfer.to),
        took: printDuration(member.nowMs() - transfer.beganMs),
      });
      transfer.waiter.moved();
    }
  }

  /** A leader that stops gives its place to the voter that it has been connected to for longest. */
  beforeStop(done: () => void): void {
    const { member, members, log } = this.#parts;
    const local = { 'local-member-id': idToHex(member.memberId) };
    const ids = { ...local, 'current-leader-member-id': idToHex(member.leader) };
    const voters = members.list().filter(({ isLearner }) => !isLearner);
    if (!member.isLeader) {
      log.info('skipped leadership transfer; local server is not leader', ids);
      return done();
    }
    if (voters.length < 2) {
      log.info('skipped leadership transfer for single voting member cluster', ids);
      return done();
    }
    const failed = (error: ErrorName) => {
      log.warn('leadership transfer failed', { ...local, error: errors[error].text });
      done();
    };
    const to = this.#longestConnected(voters.map(({ id }) => id));
    if (to === undefined) return failed('unhealthy');
    const beganMs = member.nowMs();
    const untilMs = beganMs + member.requestTimeoutMs;
    const waiter = { gone: () => false, moved: done, failed };
    this.#begin({ from: member.leader, to, waiter, beganMs, untilMs, beforeStop: true });
  }

  #longestConnected(ids: readonly MemberId[]): MemberId | undefined {
    let [longest, oldestMs]: [MemberId | undefined, number] = [undefined, Number.POSITIVE_INFINITY];
    for (const id of ids) {
      const sinceMs = this.#parts.peers.activeSinceMs(id);
      if (sinceMs === undefined || sinceMs >= oldestMs) continue;
      [longest, oldestMs] = [id, sinceMs];
    }
    return longest;
  }
}
