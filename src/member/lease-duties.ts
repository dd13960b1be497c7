/**
 * What the leader does about leases without being asked: ends those that are due, and, where the feature gate LeaseCheckpoint
 * is on, writes down what is left of long ones. Through raft, like any client's request, but never once it leads no more: a
 * deposed leader's clock says nothing about leases that the next one has given more time.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { requestField } from '../apply/request-field.js';
import { type Bytes, noBytes } from '../base/bytes.js';
import { idToHex, type LeaseId } from '../base/ids.js';
import type { Log } from '../base/log.js';
import { LeaseCheckpointRequestSchema, LeaseRevokeRequestSchema } from '../gen/etcdserverpb/rpc_pb.js';
import type { LeaseBook } from '../lease/book.js';
import { Checkpointer, type LeaseCheckpoint } from '../lease/checkpointer.js';
import type { Deadlines } from '../lease/deadlines.js';
import { Expiry } from '../lease/expiry.js';
import { errors } from '../wire/errors.js';
import type { ProposalWaiter, ReadWaiter } from './front.js';
import { Leadership, type LeadershipTimes } from './leadership.js';
import type { Member } from './member.js';

export interface LeaseDutyParts {
  readonly member: Member;
  readonly log: Log;
  readonly leases: LeaseBook;
  readonly deadlines: Deadlines;
  readonly times: LeadershipTimes;
  /** How often what is left of a lease is written down; 0 for never. */
  readonly checkpointMs: number;
}

export class LeaseDuties {
  readonly #parts: LeaseDutyParts;
  readonly leadership: Leadership;
  readonly expiry: Expiry;
  readonly #checkpointer: Checkpointer | undefined;
  #asking = false;
  /** Batches of checkpoints proposed since the start, and how many of them, from the first on, the book has or never will. */
  #written = 0;
  #settled = 0;
  /** Leases ended here because they were due, since the start. */
  expired = 0;

  constructor(parts: LeaseDutyParts) {
    this.#parts = parts;
    const { member, leases: book, deadlines, times, checkpointMs: intervalMs } = parts;
    this.leadership = new Leadership(member, times);
    this.expiry = new Expiry(deadlines, { revoke: (id) => this.#revoke(id) });
    if (intervalMs === 0) return;
    const propose = (checkpoints: readonly LeaseCheckpoint[]) => this.#writeDown(checkpoints);
    this.#checkpointer = new Checkpointer({ book, deadlines, intervalMs, propose });
  }

  /** Whether what is left of leases is written down, and has to be taken back when they are renewed. */
  get checkpoints(): boolean {
    return this.#checkpointer !== undefined;
  }

  tick(nowMs: number): void {
    this.leadership.tick();
    const { deadlines, leases } = this.#parts;
    if (!deadlines.leading || leases.size === 0) return;
    if (!this.leadership.isSure) return this.#makeSure(nowMs);
    this.#act(nowMs);
  }

  /** Whether a checkpoint may be on its way into the book: what it says of a lease renewed meanwhile would be untrue. */
  get mayBeWritingDown(): boolean {
    return this.#written > this.#settled;
  }

  /** A renewed lease has its whole time again. */
  forgetCheckpoint(id: LeaseId, waiter: ReadWaiter): void {
    const before = this.#written;
    this.#proposeCheckpoint([{ id, remainingSeconds: 0 }], {
      applied: () => {
        this.#settle(before);
        waiter.confirmed();
      },
      failed: (error) => waiter.failed(error),
    });
  }

  /** One that fails may still come true, until something behind it in the log has. */
  #writeDown(checkpoints: readonly LeaseCheckpoint[]): void {
    const number = ++this.#written;
    this.#proposeCheckpoint(checkpoints, { applied: () => this.#settle(number), failed: () => {} });
  }

  #settle(number: number): void {
    this.#settled = Math.max(this.#settled, number);
  }

  #act(nowMs: number): void {
    this.expiry.tick(nowMs);
    this.#checkpointer?.tick(nowMs);
  }

  #makeSure(nowMs: number): void {
    if (this.#asking) return;
    this.#asking = true;
    this.leadership.whenSure({
      confirmed: () => {
        this.#asking = false;
        this.#act(nowMs);
      },
      failed: () => {
        this.#asking = false;
        const { member, log } = this.#parts;
        log.warn("Ignore the lease revoking request because current member isn't a leader", {
          'local-member-id': member.memberId,
        });
      },
    });
  }

  #revoke(id: LeaseId): void {
    const bytes = toBinary(LeaseRevokeRequestSchema, create(LeaseRevokeRequestSchema, { ID: id }));
    this.#parts.member.proposeAsLeader(requestField.leaseRevoke, bytes, {
      applied: (outcome) => {
        if (outcome.kind === 'leaseRevoke') this.expired++;
        else if (outcome.kind === 'refused') this.#tellFailed(id, errors[outcome.error].text);
        this.expiry.ended();
      },
      failed: (error) => {
        this.#tellFailed(id, errors[error].text);
        this.expiry.ended();
      },
    });
  }

  #tellFailed(id: LeaseId, error: string): void {
    this.#parts.log.warn('failed to revoke lease', { 'lease-id': idToHex(id).padStart(16, '0'), error });
  }

  #proposeCheckpoint(checkpoints: readonly LeaseCheckpoint[], waiter: ProposalWaiter): void {
    this.#parts.member.proposeAsLeader(requestField.leaseCheckpoint, encodeCheckpoints(checkpoints), waiter);
  }
}

function encodeCheckpoints(checkpoints: readonly LeaseCheckpoint[]): Bytes {
  if (checkpoints.length === 0) return noBytes;
  const request = create(LeaseCheckpointRequestSchema, {
    checkpoints: checkpoints.map(({ id, remainingSeconds }) => ({ ID: id, remainingTTL: BigInt(remainingSeconds) })),
  });
  return toBinary(LeaseCheckpointRequestSchema, request);
}

/** What could not be written down this time is written down with the next interval. */
