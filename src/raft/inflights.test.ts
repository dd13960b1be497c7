// Proves: the window of messages in flight agrees with a plain list of them.
import { equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { forSeeds } from '../base/seeds.js';
import { Inflights } from './inflights.js';

test('a window is a list', () => {
  forSeeds(5000, (random) => {
    const maxMessages = 1 + random.below(20);
    const maxBytes = random.pick([0, 50, 500]);
    const window = new Inflights(maxMessages, maxBytes);
    let list: { index: number; bytes: number }[] = [];
    let index = 0;
    for (let step = 0; step < 60; step++) {
      const bytes = list.reduce((sum, one) => sum + one.bytes, 0);
      const full = list.length === maxMessages || (maxBytes !== 0 && bytes >= maxBytes);
      equal(window.full, full);
      equal(window.count, list.length);
      switch (random.below(4)) {
        case 0: {
          const to = index - random.below(15);
          window.freeTo(to);
          list = list.filter((one) => one.index > to);
          break;
        }
        case 1:
          if (!random.oneIn(10)) break;
          window.clear();
          list = [];
          break;
        default: {
          index += 1 + random.below(3);
          const size = random.below(30);
          if (full) throws(() => window.add(index, size));
          else {
            window.add(index, size);
            list.push({ index, bytes: size });
          }
        }
      }
    }
  });
});
