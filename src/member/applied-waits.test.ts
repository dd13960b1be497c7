// Proves: who waits for what is committed is told when it is applied, or after a second that it takes too long.
import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { AppliedWaits } from './applied-waits.js';

test('confirmed at once, when applied, or failed after a second', () => {
  const told: string[] = [];
  let nowMs = 0;
  const progress = { committed: 5, applied: 5, nowMs: () => nowMs };
  const waits = new AppliedWaits(progress);
  const wait = (name: string) =>
    waits.whenApplied({
      confirmed: () => told.push(`${name} confirmed`),
      failed: (error) => told.push(`${name} ${error}`),
    });
  wait('a');
  progress.committed = 6;
  wait('b');
  nowMs = 500;
  progress.committed = 9;
  wait('c');
  progress.applied = 7;
  waits.check();
  deepEqual(told, ['a confirmed', 'b confirmed']);
  nowMs = 1499;
  waits.check();
  nowMs = 1500;
  waits.check();
  waits.check();
  deepEqual(told.slice(2), ['c timeoutAppliedIndex']);
});
