// Proves: the commit index and the vote of a majority, and of two joined ones, are what their definition says.
import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { Random } from '../../base/random.js';
import { forSeeds } from '../../base/seeds.js';
import * as joint from './joint.js';
import * as majority from './majority.js';

/** The greatest index that more than half have: tried one by one. */
function naiveCommitted(sets: readonly (readonly number[])[]): number {
  const candidates = [...new Set([0, ...sets.flat()])].sort((a, b) => b - a);
  const agreed = (index: number) =>
    sets.every((set) => set.length === 0 || set.filter((acked) => acked >= index).length > set.length / 2);
  if (sets.every((set) => set.length === 0)) return Number.POSITIVE_INFINITY;
  return candidates.find(agreed) ?? 0;
}

type Votes = readonly (boolean | undefined)[];

/** Won if whatever the missing ones do it is won; lost if whatever they do it is not: all ways are tried. */
function naiveVote(sets: readonly Votes[]): majority.VoteResult {
  const missing = sets.flatMap((set, at) => set.flatMap((vote, of) => (vote === undefined ? [[at, of] as const] : [])));
  let won = 0;
  const ways = 1 << missing.length;
  for (let way = 0; way < ways; way++) {
    const cast = sets.map((set) => set.map((vote) => vote ?? false));
    missing.forEach(([at, of], bit) => {
      const set = cast[at];
      if (set !== undefined) set[of] = (way & (1 << bit)) !== 0;
    });
    if (cast.every((set) => set.length === 0 || set.filter(Boolean).length > set.length / 2)) won++;
  }
  if (won === ways) return 'won';
  return won === 0 ? 'lost' : 'pending';
}

const indexes = (random: Random) =>
  Array.from({ length: random.below(8) }, () => random.below(random.pick([3, 10, 1000])));
const votes = (random: Random) => Array.from({ length: random.below(6) }, () => random.pick([true, false, undefined]));

test('commit index', () => {
  forSeeds(30_000, (random) => {
    const [incoming, outgoing] = [indexes(random), random.oneIn(2) ? indexes(random) : []];
    equal(joint.committedIndex([...incoming], [...outgoing]), naiveCommitted([incoming, outgoing]));
    equal(majority.committedIndex([...incoming]), naiveCommitted([incoming]));
  });
});

test('vote', () => {
  forSeeds(10_000, (random) => {
    const [incoming, outgoing] = [votes(random), random.oneIn(2) ? votes(random) : []];
    equal(joint.voteResult(incoming, outgoing), naiveVote([incoming, outgoing]));
    equal(majority.voteResult(incoming), naiveVote([incoming]));
  });
});
