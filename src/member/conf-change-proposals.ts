/**
 * Changes of members on their way. Unlike other proposals they take as long as whoever asks wants to wait, and one that nobody waits
 * for any more is not proposed to a later leader: whoever asked may have thought better of it.
 */
import type { Outcome } from '../apply/outcome.js';
import type { RawNode } from '../raft/raw-node.js';
import type { ErrorName } from '../wire/errors.js';
import type { ConfChange } from '../wire/raftpb/types.js';
import type { ProposalWaiter } from './front.js';
import { Proposals } from './proposals.js';
import type { RequestIds } from './request-ids.js';

export class ConfChangeProposals {
  readonly #ids: RequestIds;
  readonly #waiting = new Proposals(Number.POSITIVE_INFINITY);
  /** Those that raft has not taken yet. */
  #gathered: ConfChange[] = [];

  constructor(ids: RequestIds) {
    this.#ids = ids;
  }

  get count(): number {
    return this.#waiting.count;
  }

  add(change: Omit<ConfChange, 'id'>, waiter: ProposalWaiter, nowMs: number): void {
    const id = this.#ids.next();
    this.#waiting.wait(id, waiter, nowMs);
    this.#gathered.push({ ...change, id: (BigInt(this.#ids.prefix) << 48n) | BigInt(id) });
  }

  /** What raft refuses stays. */
  offer(node: RawNode): void {
    if (this.#gathered.length === 0) return;
    this.#gathered = this.#gathered.filter((change) => node.proposeConfChange(change) !== undefined);
  }

  applied(id: number, outcome: Outcome): void {
    this.#waiting.applied(id, outcome);
  }

  dropGone(): void {
    if (this.#waiting.count === 0 || this.#waiting.dropGone() === 0) return;
    this.#gathered = this.#gathered.filter(({ id }) => this.#waiting.has(Number(BigInt.asUintN(48, id))));
  }

  failAll(error: ErrorName): void {
    this.#waiting.failAll(error);
  }
}
