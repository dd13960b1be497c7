// Proves: a key is found in just those watched ranges that a comparison of all of them finds, whatever is added and removed.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, compareBytes } from '../../base/bytes.js';
import type { Random } from '../../base/random.js';
import { forSeeds } from '../../base/seeds.js';
import { endOfKey, Ranges } from './ranges.js';
import type { Spot } from './watcher.js';

/** Short keys of few bytes, the extremes among them, so that ranges nest, touch and coincide. */
function someKey(random: Random): Bytes {
  return Uint8Array.from({ length: random.below(5) }, () => random.pick([0, 1, 0x61, 0x62, 0xfe, 0xff]));
}

function endOfPrefix(key: Bytes): Bytes | undefined {
  for (let i = key.length - 1; i >= 0; i--) {
    if (key[i] === 0xff) continue;
    const end = key.slice(0, i + 1);
    end[i] = (end[i] as number) + 1;
    return end;
  }
  return undefined;
}

test('agrees with a comparison of all ranges', () => {
  forSeeds(150, (random) => {
    const ranges = new Ranges();
    const list = new Map<Spot, { key: Bytes; end: Bytes | undefined }>();
    for (let step = 0; step < 120; step++) {
      if (random.below(3) > 0) {
        const key = someKey(random);
        const end = random.pick([endOfKey(key), endOfPrefix(key), someKey(random), undefined]);
        if (end !== undefined && compareBytes(key, end) >= 0) continue;
        const spot = ranges.spotOf(key, end);
        const same = [...list].find(([, each]) => String(each.key) === String(key) && String(each.end) === String(end));
        equal(same?.[0] ?? spot, spot);
        equal(list.has(spot), same !== undefined);
        list.set(spot, { key, end });
      } else if (list.size > 0) {
        const spot = random.pick([...list.keys()]);
        ranges.remove(spot);
        list.delete(spot);
      }
      const key = someKey(random);
      const found = new Set(ranges.hits.slice(0, ranges.match(key)));
      const expected = [...list].filter(
        ([, range]) =>
          compareBytes(range.key, key) <= 0 && (range.end === undefined || compareBytes(key, range.end) < 0),
      );
      deepEqual(found, new Set(expected.map(([spot]) => spot)));
      equal(ranges.size, list.size);
      deepEqual(new Set(ranges.all()), new Set(list.keys()));
    }
  });
});
