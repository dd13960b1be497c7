// Proves: a cluster of production members keeps every rule through a minute of everything that may go wrong, and is well again soon
// after that ends. `node tools/sim.js cluster` goes on for as long as one likes.
import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { noClusterTotals, simulateCluster } from './cluster-run.js';

/** Prints what shows a failure again. */
function forSeeds(seeds: Iterable<number>, run: (seed: number) => void): void {
  for (const seed of seeds) {
    try {
      run(seed);
    } catch (cause) {
      const text = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`node tools/sim.js cluster --seed ${seed}: ${text}`, { cause });
    }
  }
}

test('clusters in trouble, and well again', () => {
  const totals = noClusterTotals();
  forSeeds([1, 2, 3, 4, 5, 6], (seed) => simulateCluster(seed, totals));
  // A simulation in which nothing happens proves nothing.
  const wanted = {
    elections: 20,
    entries: 1000,
    answers: 1000,
    powerFailures: 20,
    kills: 5,
    diskFailures: 10,
  } as const;
  for (const [name, least] of Object.entries(wanted)) {
    const count = totals[name as keyof typeof totals];
    ok(count >= least, `${name}: ${count}`);
  }
});

test('the same seed is the same run', () => {
  const [once, again] = [noClusterTotals(), noClusterTotals()];
  simulateCluster(7, once, 'none', 10_000);
  simulateCluster(7, again, 'none', 10_000);
  equal(JSON.stringify(once), JSON.stringify(again));
});
