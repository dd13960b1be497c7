// Proves: the unstable tail and the log over it agree with a plain array of entries, for any order of appends, cuts, writes and snapshots.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { noBytes } from '../base/bytes.js';
import type { Random } from '../base/random.js';
import { forSeeds } from '../base/seeds.js';
import { entrySize } from '../wire/raftpb/codec.js';
import type { Entry } from '../wire/raftpb/types.js';
import { noLimit } from './entry-size.js';
import { Log } from './log.js';
import { silent } from './logger.js';
import { emptyConfState, MemoryStorage } from './memory-storage.js';
import { Unstable } from './unstable.js';

const entry = (index: number, term: number, length = 0): Entry => ({
  type: 0,
  term,
  index,
  data: new Uint8Array(length),
});

test('the unstable tail', () => {
  forSeeds(20_000, (random) => {
    const tail = new Unstable(1, silent);
    /** The oracle: entries by index, the index of the first, and how far they are handed out. */
    let held: Entry[] = [];
    let offset = 1;
    let handedOut = 1;
    let term = 1;
    for (let step = 0; step < 20; step++) {
      const end = offset + held.length;
      switch (random.below(5)) {
        case 0:
        case 1: {
          term += random.below(2);
          const from = random.oneIn(3) ? Math.max(1, end - random.below(6)) : end;
          const added = Array.from({ length: 1 + random.below(4) }, (_, at) => entry(from + at, term));
          tail.truncateAndAppend(added);
          if (from <= offset && from !== end) {
            held = added;
            offset = from;
            handedOut = from;
          } else {
            held = [...held.slice(0, from - offset), ...added];
            handedOut = Math.min(handedOut, from);
          }
          break;
        }
        case 2: {
          deepEqual(tail.nextEntries(), held.slice(handedOut - offset));
          tail.acceptInProgress();
          handedOut = end;
          break;
        }
        case 3: {
          const index = Math.max(0, offset - 1) + random.below(held.length + 2);
          const stable = held[index - offset];
          const claimed = random.oneIn(4) ? term + 1 : (stable?.term ?? term);
          tail.stableTo(index, claimed);
          if (stable !== undefined && stable.term === claimed) {
            held = held.slice(index + 1 - offset);
            offset = index + 1;
            handedOut = Math.max(handedOut, offset);
          }
          break;
        }
        default: {
          if (!random.oneIn(4)) break;
          const index = end + random.below(3);
          tail.restore({ data: noBytes, metadata: { confState: emptyConfState, index, term } });
          equal(tail.lastIndex(), index);
          equal(tail.term(index), term);
          tail.stableSnapshotTo(index + 1);
          equal(tail.nextSnapshot()?.metadata.index, index);
          tail.stableSnapshotTo(index);
          equal(tail.nextSnapshot(), undefined);
          held = [];
          offset = index + 1;
          handedOut = offset;
        }
      }
      equal(tail.offset, offset);
      equal(tail.offsetInProgress, handedOut);
      equal(tail.hasNext(), handedOut < offset + held.length);
      deepEqual(tail.slice(offset, offset + held.length), held);
      for (const { index, term: of } of held) equal(tail.term(index), of);
      equal(tail.term(offset + held.length), 0);
    }
  });
});

test('the log over storage and tail', () => {
  forSeeds(3000, (random) => {
    const storage = new MemoryStorage();
    const log = new Log(storage, silent, noLimit);
    const all: Entry[] = []; // all[i] has index i + 1.
    let compacted = 0;
    for (let step = 0; step < 25; step++) {
      switch (random.below(4)) {
        case 0: {
          const from = all.length + 1 - random.below(Math.min(3, all.length - log.committed + 1));
          const added = Array.from({ length: 1 + random.below(5) }, (_, at) =>
            entry(from + at, step + 1, random.below(9)),
          );
          log.append(added);
          all.length = from - 1;
          all.push(...added);
          break;
        }
        case 1: {
          storage.append(log.unstable.nextEntries());
          log.unstable.acceptInProgress();
          if (log.unstable.length > 0) log.unstable.stableTo(log.lastIndex(), log.lastTerm());
          break;
        }
        case 2:
          log.commitTo(log.committed + random.below(all.length - log.committed + 1));
          break;
        default: {
          const last = Math.min(log.committed, log.unstable.offset - 1);
          const index = compacted + random.below(Math.max(1, last - compacted + 1));
          if (index > compacted && storage.compact(index)) compacted = index;
        }
      }
      equal(log.lastIndex(), all.length);
      equal(log.firstIndex(), compacted + 1);
      checkSlice(log, all, compacted, random);
      for (let index = 0; index <= all.length + 1; index++) {
        if (index < compacted) equal(log.term(index), 'compacted');
        else equal(log.term(index), index > all.length ? 'unavailable' : (all[index - 1]?.term ?? 0));
      }
    }
  });
});

test('what a follower takes of an append, and commits by it', () => {
  forSeeds(20_000, (random) => {
    const log = new Log(new MemoryStorage(), silent, noLimit);
    // Two logs that part somewhere: at an index where both have the same term, they are the same up to there.
    const grow = (from: readonly Entry[], term: number) => {
      const grown = [...from];
      let of = term;
      for (let left = random.below(5); left > 0; left--) {
        of += random.below(2);
        grown.push(entry(grown.length + 1, of));
      }
      return grown;
    };
    const shared = grow([], 1);
    const ours = grow(shared, 2);
    const theirs = grow(shared, random.pick([3, 4]) + (ours.at(-1)?.term ?? 0));
    const committed = random.below(shared.length + 1);
    log.append(ours);
    log.commitTo(committed);
    const after = random.below(theirs.length + 1);
    const sent = theirs.slice(after, after + random.below(4));
    const leaderCommit = random.below(theirs.length + 1);
    const afterTerm = theirs[after - 1]?.term ?? 0;
    const matches = (ours[after - 1]?.term ?? 0) === afterTerm && after <= ours.length;

    const last = log.maybeAppend(after, afterTerm, sent, leaderCommit);
    if (!matches) {
      equal(last, undefined);
      deepEqual(log.slice(1, log.lastIndex() + 1, noLimit), ours);
      return;
    }
    equal(last, after + sent.length);
    const conflicts = sent.some(({ index, term }) => ours[index - 1]?.term !== term);
    const expected = conflicts ? [...ours.slice(0, after), ...sent] : ours;
    deepEqual(log.slice(1, log.lastIndex() + 1, noLimit), expected);
    // It vouches for no more than what it brings: what comes after it may be another leader's.
    equal(log.committed, Math.max(committed, Math.min(leaderCommit, after + sent.length)));
  });
});

function checkSlice(log: Log, all: readonly Entry[], compacted: number, random: Random): void {
  const low = 1 + random.below(all.length + 1);
  const high = low + random.below(all.length + 2 - low);
  const maxBytes = random.pick([0, 10, 30, noLimit]);
  const slice = log.slice(low, high, maxBytes);
  if (low <= compacted) {
    equal(slice, 'compacted');
    return;
  }
  const expected: Entry[] = [];
  let size = 0;
  for (const one of all.slice(low - 1, high - 1)) {
    size += entrySize(one);
    if (size > maxBytes && expected.length > 0) break;
    expected.push(one);
  }
  deepEqual(slice, expected);
}
