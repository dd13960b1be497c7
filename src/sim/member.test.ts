// Proves: whenever the power fails or the process is killed, a member that comes up again has all that was acknowledged, nothing that
// was not asked for, and every revision, lease and hash as before; and that the judge who says so sees the faults it is there for.
// `tools/sim.js` goes on for as long as one likes.
import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { type Fault, faults } from './faults.js';
import { crashEverywhere, noTotals, simulate } from './member-run.js';

/** Prints what shows a failure again. */
function forRuns(first: number, count: number, option: string, run: (seed: number) => void): void {
  for (let seed = first; seed < first + count; seed++) {
    try {
      run(seed);
    } catch (cause) {
      const text = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`node tools/sim.js --seed ${seed}${option}: ${text}`, { cause });
    }
  }
}

test('the power fails at every call of the disk', () => {
  const totals = noTotals();
  forRuns(1, 1, ' --every', (seed) => crashEverywhere(seed, totals));
  ok(totals.runs > 150, `runs: ${totals.runs}`);
  ok(totals.snapshots > 150, `snapshots: ${totals.snapshots}`);
});

test('lives that end by crash, kill and stop, 120 members', () => {
  const totals = noTotals();
  forRuns(1, 120, '', (seed) => simulate(seed, totals));
  // A simulation in which nothing happens proves nothing.
  const wanted = { crashes: 100, snapshots: 200, cuts: 200, purges: 80, repairs: 1, answers: 2500 } as const;
  for (const [name, least] of Object.entries(wanted)) {
    const count = totals[name as keyof typeof totals];
    ok(count >= least, `${name}: ${count}`);
  }
  for (const name of ['watchEvents', 'expired', 'compactions'] as const)
    ok(totals[name] > 50, `${name}: ${totals[name]}`);
});

/** Rare ones are looked for from where they once showed. */
const startAt: Partial<Record<Fault, number>> = { tornEndKept: 20 };

/** Whether the judge sees the fault in any of the runs. */
function isSeen(fault: Fault): boolean {
  const totals = noTotals();
  for (let seed = startAt[fault] ?? 1, runs = 0; runs < 400; seed++, runs++) {
    try {
      simulate(seed, totals, fault);
    } catch {
      return true;
    }
  }
  return false;
}

for (const fault of faults) test(`the judge sees the planted fault: ${fault}`, () => ok(isSeen(fault)));

test('the same seed is the same run', () => {
  const [once, again] = [noTotals(), noTotals()];
  simulate(7, once);
  simulate(7, again);
  equal(JSON.stringify(once), JSON.stringify(again));
});
