// Proves: what the buckets answer lies within 1.6 % of a sorted list of all latencies.
import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { forSeeds } from '../../base/seeds.js';
import { Latencies } from './latencies.js';

test('shares agree with a sorted list', () => {
  forSeeds(50, (random) => {
    const latencies = new Latencies();
    const all: number[] = [];
    for (let i = 0; i < 500; i++) {
      const micros = random.below(2 ** random.below(33));
      latencies.add(micros);
      all.push(micros);
    }
    all.sort((a, b) => a - b);
    for (const share of [0.01, 0.5, 0.99, 1]) {
      const exact = all[Math.ceil(share * all.length) - 1] as number;
      const answered = latencies.atMicros(share);
      ok(answered >= exact && answered <= exact * 1.016 + 1, `${share}: ${answered} for ${exact}`);
    }
    equal(latencies.count, all.length);
  });
});

test('nothing counted answers 0', () => {
  equal(new Latencies().atMicros(0.99), 0);
});
