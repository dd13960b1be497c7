// Proves: both modes propose what etcd's compactors propose, at their times; followers and failures included.
// The oldest sample is one step older than the retention, for etcd looks before it samples.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type AutoCompactor, autoCompactor, PeriodicCompactor, RevisionCompactor } from './auto-compaction.js';

const minuteMs = 60_000;

/** Lets minutes pass, one revision a minute; answers minute and target of each proposal. */
function run(
  plan: AutoCompactor,
  minutes: number,
  leads = (_minute: number) => true,
  fails = (_minute: number) => false,
) {
  const proposals: [number, number][] = [];
  for (let minute = 0; minute <= minutes; minute++) {
    const target = plan.tick(minute * minuteMs, minute + 1, leads(minute));
    if (target === undefined) continue;
    proposals.push([minute, target]);
    equal(plan.tick(minute * minuteMs, minute + 1), undefined, 'one at a time');
    plan.ended(!fails(minute));
    plan.tick(minute * minuteMs, minute + 1, leads(minute));
  }
  return proposals;
}

test('periodic: after one retention, then every period, to what was one retention ago', () => {
  deepEqual(run(new PeriodicCompactor(10 * minuteMs), 32), [
    [10, 1],
    [20, 10],
    [30, 20],
  ]);
});

test('periodic: longer than an hour, it samples every 6 minutes and compacts every hour', () => {
  deepEqual(run(new PeriodicCompactor(120 * minuteMs), 250), [
    [120, 1],
    [180, 55],
    [240, 115],
  ]);
});

test('periodic: a failure is tried again at the next sample, with what is then one retention old', () => {
  const fails = (minute: number) => minute < 13;
  deepEqual(run(new PeriodicCompactor(10 * minuteMs), 24, undefined, fails), [
    [10, 1],
    [11, 1],
    [12, 2],
    [13, 3],
    [23, 13],
  ]);
});

test('periodic: a follower samples, and goes on from there when it leads; what has not changed is not proposed', () => {
  deepEqual(
    run(new PeriodicCompactor(10 * minuteMs), 26, (minute) => minute >= 15),
    [
      [15, 5],
      [25, 15],
    ],
  );
  const still = new PeriodicCompactor(10 * minuteMs);
  const proposals = [];
  for (let minute = 0; minute < 60; minute++) {
    const target = still.tick(minute * minuteMs, 7);
    if (target !== undefined) proposals.push([minute, target]);
    still.ended(true);
  }
  deepEqual(proposals, [[10, 7]]);
});

test('revision: every 5 minutes, so many revisions back', () => {
  deepEqual(run(new RevisionCompactor(8), 21), [
    [10, 3],
    [15, 8],
    [20, 13],
  ]);
  deepEqual(
    run(new RevisionCompactor(8), 21, (minute) => minute > 14),
    [
      [15, 8],
      [20, 13],
    ],
  );
});

test('none is planned without a mode or a retention', () => {
  equal(autoCompactor(undefined), undefined);
  equal(autoCompactor({ mode: 'periodic', retentionMs: 0 }), undefined);
  equal(autoCompactor({ mode: 'revision', retention: 0 }), undefined);
});
