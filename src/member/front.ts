/**
 * What the services in `rpc/` and `http/` ask of a member. Nothing here waits: an answer comes to the waiter,
 * in this turn or a later one, and exactly once.
 */
import type { Outcome } from '../apply/outcome.js';
import type { RequestField } from '../apply/request-field.js';
import type { Bytes } from '../base/bytes.js';
import type { ClusterId, MemberId } from '../base/ids.js';
import type { ErrorName } from '../wire/errors.js';

export { type RequestField, requestField } from '../apply/request-field.js';

export interface ProposalWaiter {
  /** The entry was applied here. */
  applied(outcome: Outcome): void;
  /** It was not, or nobody knows: timed out, too large, too many requests, stopped. */
  failed(error: ErrorName): void;
  /** Whoever asked has gone, and is not to be told any more. Only a change of members is given up for that. */
  gone?(): boolean;
}

export interface ReadWaiter {
  /** This member's state is now at least as new as any answer given before the read was asked for. */
  confirmed(): void;
  failed(error: ErrorName): void;
}

export interface MemberFront {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
  readonly term: number;
  /** 0n when none is known. */
  readonly leader: MemberId;
  readonly isLeader: boolean;
  /** The store's current revision. */
  readonly revision: number;

  /** Proposes the request encoded in `bytes[start, end)`, which is copied, as field `field` of an `InternalRaftRequest`. */
  propose(field: RequestField, bytes: Bytes, start: number, end: number, waiter: ProposalWaiter): void;
  /** True when a linearizable read may be answered from this member's state as it stands, without a round. */
  readonly readsNow: boolean;
  /** One read-index round, shared by all that ask in a turn. */
  readIndex(waiter: ReadWaiter): void;

  nowMs(): number;
}
