/**
 * Majorities: what more than half of a set of voters agrees on. Thesis 3.4, 3.6.2.
 *
 * An empty set agrees to everything: so the joint rule needs no special case where there is no second set.
 */
export type VoteResult = 'pending' | 'lost' | 'won';

/**
 * The highest index that a majority has acknowledged. `acked` holds one index a voter, 0 for one not heard of; it is sorted in place.
 *
 *   acked 7 3 9 0 5 -> 0 3 5 7 9 -> 5: three of five have 5 or more.
 */
export function committedIndex(acked: number[]): number {
  const count = acked.length;
  if (count === 0) return Number.POSITIVE_INFINITY;
  for (let i = 1; i < count; i++) {
    const held = acked[i] as number;
    let at = i - 1;
    for (; at >= 0 && (acked[at] as number) > held; at--) acked[at + 1] = acked[at] as number;
    acked[at + 1] = held;
  }
  return acked[(count - 1) >> 1] as number;
}

/** `votes` holds one vote a voter, undefined for one not yet cast. */
export function voteResult(votes: readonly (boolean | undefined)[]): VoteResult {
  if (votes.length === 0) return 'won';
  let granted = 0;
  let missing = 0;
  for (const vote of votes) {
    if (vote === undefined) missing++;
    else if (vote) granted++;
  }
  const majority = (votes.length >> 1) + 1;
  if (granted >= majority) return 'won';
  return granted + missing >= majority ? 'pending' : 'lost';
}
