/** Joint majorities: during a membership change both the old and the new set must agree. Thesis 4.3. */
import * as majority from './majority.js';

export function committedIndex(incoming: number[], outgoing: number[]): number {
  return Math.min(majority.committedIndex(incoming), majority.committedIndex(outgoing));
}

export function voteResult(
  incoming: readonly (boolean | undefined)[],
  outgoing: readonly (boolean | undefined)[],
): majority.VoteResult {
  const first = majority.voteResult(incoming);
  const second = majority.voteResult(outgoing);
  if (first === second) return first;
  return first === 'lost' || second === 'lost' ? 'lost' : 'pending';
}
