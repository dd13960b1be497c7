// Proves: under loss, delay, doubling, reordering, broken links, pauses, crashes and membership changes, no rule of raft is
// broken at any step; and once all is well again, a leader commits within a bounded time. `tools/raft-sim.js` goes on for as long as one likes.
import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { runRaft } from './raft-cluster.js';

test('clusters of 3, 5 and 7 in trouble, 500,000 steps', () => {
  const totals = { elections: 0, commits: 0, applied: 0, promises: 0, reads: 0, configurations: 0, stranded: 0 };
  for (let seed = 1; seed <= 100; seed++) {
    const counts = runRaft(seed, 5000);
    for (const name of Object.keys(totals) as (keyof typeof totals)[]) totals[name] += counts[name];
  }
  // A simulation in which nothing happens proves nothing.
  ok(totals.elections > 200, `elections: ${totals.elections}`);
  ok(totals.commits > 6000, `commits: ${totals.commits}`);
  ok(totals.reads > 1000, `reads: ${totals.reads}`);
  ok(totals.configurations > 500, `configurations: ${totals.configurations}`);
  // Liveness is owed to each of them.
  equal(totals.stranded, 0);
});

test('a leader that removes itself, and is the only one to know: the others are let pass, without a leader', () => {
  // It leads on until the other's higher term reaches it. A judge that stopped its clock let it keep its lease for ever, and never hear of that.
  equal(runRaft(1915, 5000).stranded, 1);
});
