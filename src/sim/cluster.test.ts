// Proves: a cluster of production members keeps every rule through a minute of everything that may go wrong, and is well again soon
// after that ends. `node tools/sim.js cluster` goes on for as long as one likes.
import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { type ClusterFault, clusterFaults } from './cluster-faults.js';
import { noClusterTotals, seedThatShows, simulateCluster } from './cluster-run.js';

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
  forSeeds([11, 12], (seed) => simulateCluster(seed, totals));
  // A simulation in which nothing happens proves nothing.
  const wanted = { elections: 6, entries: 300, answers: 300, starts: 12 } as const;
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

/** Seeds that once showed a fault, and what it was. */
const found: readonly (readonly [seed: number, what: string])[] = [
  [1185, 'the database that the log rests on, purged for one of a later index that raft never heard of'],
  [1289, 'a lease renewed while a checkpoint of it was on its way, and ended by the next leader as if it had not been'],
  [1017, 'a leader that stops in good order and asks itself to renew a lease, for ever'],
  [4, 'a CORRUPT alarm where no key was alive: hashes that differ by how far compactions had come'],
  [2, 'restores that had been taken out: a log that rests on a database which nobody fetched'],
];

test('seeds that once showed a fault', () => {
  forSeeds(
    found.map(([seed]) => seed),
    (seed) => simulateCluster(seed, noClusterTotals()),
  );
});

/** Those that it takes many runs to see are looked for by `tools/sim.js cluster --planted`. */
const rare: readonly ClusterFault[] = ['staleReads', 'watchSkipsSnapshot', 'snapshotTooNew', 'confChangeLost'];

for (const fault of clusterFaults) {
  if (rare.includes(fault)) continue;
  test(`the judge sees the planted fault: ${fault}`, () => ok(seedThatShows(fault, 20, 20_000) !== undefined));
}
