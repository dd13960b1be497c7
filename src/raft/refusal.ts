/** What a caller may be told instead of having its way. Texts are those of etcd's library. */
export const refusals = {
  /** No leader, a transfer under way, too much uncommitted, or forwarding is switched off: propose again later. */
  proposalDropped: 'raft proposal dropped',
  /** A message that only this node may send itself came from another. */
  localMessage: 'raft: cannot step raft local message',
  /** An answer from a node that is not (or no longer) a member. */
  peerNotFound: 'raft: cannot step as peer not found',
} as const;

export type Refusal = keyof typeof refusals;
