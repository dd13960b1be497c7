// Proves: storage in memory agrees with a plain list of entries, for any order of appends, cuts, compactions and snapshots.
import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { noBytes } from '../base/bytes.js';
import { forSeeds } from '../base/seeds.js';
import type { Entry } from '../wire/raftpb/types.js';
import { noLimit } from './entry-size.js';
import { emptyConfState, MemoryStorage } from './memory-storage.js';

const snapshotAt = (index: number, term: number) => ({
  data: noBytes,
  metadata: { confState: emptyConfState, index, term },
});

test('storage is a list', () => {
  forSeeds(3000, (random) => {
    const storage = new MemoryStorage();
    /** The oracle: all entries ever, by index; those up to `compacted` are gone, but for the last one's term. */
    let all: Entry[] = [];
    let compacted = 0;
    let snapshotted = 0;
    for (let step = 0; step < 20; step++) {
      const end = all.length + 1;
      switch (random.below(5)) {
        case 0:
        case 1: {
          const from = Math.max(1, end - random.below(5));
          const added: Entry[] = Array.from({ length: random.below(5) }, (_, at) => ({
            type: 0,
            term: step + 1,
            index: from + at,
            data: noBytes,
          }));
          storage.append(added);
          const news = added.filter(({ index }) => index > compacted);
          if (news[0] !== undefined) all = [...all.slice(0, news[0].index - 1), ...news];
          break;
        }
        case 2: {
          const index = compacted + random.below(all.length - compacted + 1);
          equal(storage.compact(index), index > compacted);
          compacted = Math.max(compacted, index);
          break;
        }
        case 3: {
          const index = compacted + random.below(all.length - compacted + 1);
          const made = storage.createSnapshot(index, emptyConfState, noBytes);
          equal(made !== undefined, index > snapshotted);
          if (made !== undefined) equal(made.metadata.term, all[index - 1]?.term);
          snapshotted = Math.max(snapshotted, index);
          break;
        }
        default: {
          if (!random.oneIn(4)) break;
          const index = random.below(all.length + 5);
          const taken = snapshotted === 0 || index > snapshotted;
          equal(storage.applySnapshot(snapshotAt(index, step + 1)), taken);
          if (!taken) break;
          all = Array.from({ length: index }, (_, at) => ({ type: 0, term: step + 1, index: at + 1, data: noBytes }));
          compacted = index;
          snapshotted = index;
        }
      }
      equal(storage.firstIndex(), compacted + 1);
      equal(storage.lastIndex(), all.length);
      equal(storage.snapshot().metadata.index, snapshotted);
      equal(storage.term(all.length + 1), 'unavailable');
      if (compacted > 0) {
        equal(storage.term(compacted - 1), 'compacted');
        equal(storage.term(compacted), all[compacted - 1]?.term);
        equal(storage.entries(compacted, all.length + 1, noLimit), 'compacted');
      }
      if (compacted < all.length)
        deepEqual(storage.entries(compacted + 1, all.length + 1, noLimit), all.slice(compacted));
    }
  });
});

test('what raft never asks is a fault', () => {
  const storage = new MemoryStorage();
  equal(storage.entries(1, 1, noLimit), 'unavailable');
  throws(() => storage.entries(1, 3, noLimit), /only up to the last index/);
  throws(() => storage.compact(1), /within the log/);
  throws(() => storage.createSnapshot(1, undefined, noBytes), /covers what the log holds/);
  throws(() => storage.append([{ type: 0, term: 1, index: 3, data: noBytes }]), /no gap/);
});
