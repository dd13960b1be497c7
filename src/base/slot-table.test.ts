// Proves: the table agrees with a plain list of (hash, slot), for any order of inserts and removals, whatever collides.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { forSeeds } from './seeds.js';
import { SlotTable } from './slot-table.js';

test('agrees with a list', () => {
  forSeeds(100, (random) => {
    const table = new SlotTable();
    let list: { hash: number; slot: number }[] = [];
    // Few hashes, and such as wrap round the table's end, so that chains run into each other.
    const hashes = Array.from({ length: 1 + random.below(12) }, () =>
      random.oneIn(2) ? 13 + random.below(6) : -random.below(9),
    );
    for (let step = 0; step < 120; step++) {
      const hash = random.pick(hashes);
      if (random.below(5) < 3) {
        table.insert(hash, step);
        list.push({ hash, slot: step });
      } else {
        const at = table.first(hash);
        equal(
          at >= 0,
          list.some((entry) => entry.hash === hash),
        );
        if (at >= 0) {
          list = list.filter((entry) => entry.slot !== table.slot(at));
          table.remove(at);
        }
      }
      equal(table.size, list.length);
      for (const each of hashes) {
        const found: number[] = [];
        for (let at = table.first(each); at >= 0; at = table.next(each, at)) found.push(table.slot(at));
        deepEqual(
          found.sort((a, b) => a - b),
          list.filter((entry) => entry.hash === each).map((entry) => entry.slot),
        );
      }
    }
  });
});
