/** Why a proposal was not applied in time, as far as this member can tell. Source: etcd `parseProposeCtxErr`. */
import { type MemberId, noMember } from '../base/ids.js';
import type { MembershipBook } from '../cluster/book.js';
import type { Peers } from './peers.js';

export interface TimeoutFacts {
  readonly own: MemberId;
  readonly leader: MemberId;
  /** When this member last began to lead; `-Infinity` when it never has. */
  readonly electedMs: number;
  readonly electionMs: number;
  readonly members: Pick<MembershipBook, 'list'>;
  readonly peers: Pick<Peers, 'activeSinceMs'>;
}

export function timeoutCause(
  startedMs: number,
  facts: TimeoutFacts,
): 'timeout' | 'timeoutLeaderFailure' | 'timeoutConnectionLost' {
  const { own, leader, electedMs, electionMs } = facts;
  // The leader before may have taken it along.
  if (startedMs > electedMs - 2 * electionMs && startedMs < electedMs) return 'timeoutLeaderFailure';
  if (leader === noMember) return 'timeout';
  const isLost = leader === own ? !hasQuorum(startedMs, facts) : !isConnected(leader, startedMs, facts);
  return isLost ? 'timeoutConnectionLost' : 'timeout';
}

/** Whether more than half of all members, learners counted as etcd counts them, have been within reach since `sinceMs`. */
export function hasQuorum(sinceMs: number, facts: Pick<TimeoutFacts, 'own' | 'members' | 'peers'>): boolean {
  const all = facts.members.list();
  const connected = all.filter(({ id }) => id === facts.own || isConnected(id, sinceMs, facts)).length;
  return connected >= Math.floor(all.length / 2) + 1;
}

function isConnected(id: MemberId, sinceMs: number, { peers }: Pick<TimeoutFacts, 'peers'>): boolean {
  const activeMs = peers.activeSinceMs(id);
  return activeMs !== undefined && activeMs < sinceMs;
}
