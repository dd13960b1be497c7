// Proves: the order is that of a stable sort, up or down, by number or by value, however the work is cut.
import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { compareBytes } from '../base/bytes.js';
import { forSeeds } from '../base/seeds.js';
import { KeyState } from './key-index.js';
import { RangeEntries } from './range-entries.js';
import { RangeOrder } from './range-order.js';

test('any entries', () => {
  forSeeds(300, (random) => {
    const entries = new RangeEntries();
    const values = Array.from({ length: random.below(70) }, () =>
      random.bytes(random.below(9)).map((byte) => byte & 1),
    );
    for (const { length } of values) entries.add(new KeyState(), length, random.below(10));
    const ranks = [...entries.ranks.subarray(0, entries.count)];
    const byValue = random.oneIn(2);
    const descending = random.oneIn(2);
    const order = new RangeOrder(entries, descending, byValue ? (entry) => values[entry] as Uint8Array : undefined);
    while (!order.step(random.below(50)));
    const rank = (entry: number) => ranks[entry] as number;
    const value = (entry: number) => values[entry] as Uint8Array;
    const plain = values.map((_, entry) => entry);
    plain.sort((a, b) => (descending ? -1 : 1) * (byValue ? compareBytes(value(a), value(b)) : rank(a) - rank(b)));
    deepEqual([...order.order], plain);
  });
});
