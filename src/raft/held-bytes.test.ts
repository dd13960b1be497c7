// Proves: the bytes that a log in memory says it holds are those of its entries, whatever is appended, cut and compacted.
import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { forSeeds } from '../base/seeds.js';
import { noLimit } from './entry-size.js';
import { MemoryStorage } from './memory-storage.js';

function heldBytes(storage: MemoryStorage, from = storage.firstIndex()): number {
  if (from > storage.lastIndex()) return 0;
  const entries = storage.entries(from, storage.lastIndex() + 1, noLimit);
  ok(typeof entries !== 'string');
  return entries.reduce((sum, { data }) => sum + data.length, 0);
}

test('bytes held', () => {
  forSeeds(100, (random) => {
    const storage = new MemoryStorage();
    for (let step = 0; step < 60; step++) {
      const [first, last] = [storage.firstIndex(), storage.lastIndex()];
      if (random.below(4) === 0 && last >= first) storage.compact(first + random.below(last - first + 1));
      else {
        // Now and then an append overwrites what a former leader had sent.
        const from = Math.max(1, last + 1 - random.below(4));
        const entries = Array.from({ length: 1 + random.below(5) }, (_, i) => ({
          type: 0 as const,
          term: 1,
          index: from + i,
          data: new Uint8Array(random.below(100)),
        }));
        storage.append(entries);
      }
      equal(storage.dataBytes, heldBytes(storage));
      const bytesMax = random.below(500);
      const before = storage.indexBefore(bytesMax);
      ok(heldBytes(storage, before + 1) <= bytesMax);
      if (before >= storage.firstIndex()) ok(heldBytes(storage, before) > bytesMax);
    }
  });
});
