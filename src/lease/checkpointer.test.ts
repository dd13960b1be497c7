// Proves: what is left of a long lease is written down once in an interval while this member leads, and never of others.
import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseId } from '../base/ids.js';
import { MemoryValues } from '../mvcc/memory-values.js';
import { LeaseBook } from './book.js';
import { Checkpointer } from './checkpointer.js';
import { Deadlines } from './deadlines.js';

test('long leases, once in an interval, while leading', () => {
  let nowMs = 0;
  const book = new LeaseBook(new MemoryValues(), 2);
  const deadlines = new Deadlines(book, () => nowMs);
  book.grant(1n as LeaseId, 1000);
  const proposed: string[] = [];
  const checkpointer = new Checkpointer({
    book,
    deadlines,
    intervalMs: 300_000,
    propose: (batch) => {
      for (const { id, remainingSeconds } of batch) {
        proposed.push(`${nowMs / 1000}: ${id} ${remainingSeconds}`);
        book.checkpoint(id, remainingSeconds, true);
      }
    },
  });
  book.grant(2n as LeaseId, 300); // Not longer than the interval.
  const run = (untilMs: number) => {
    for (; nowMs < untilMs; nowMs += 500) checkpointer.tick(nowMs);
  };
  run(400_000);
  deepEqual(proposed, []);
  deadlines.promote(0); // At 400 s, so due at 1,400 s.
  run(650_000);
  deadlines.renew(book.slotOf(1n as LeaseId));
  run(1_100_000);
  // Looked at at 400 (begins), 700 and 1,000.
  deepEqual(proposed, ['700: 1 950', '1000: 1 650']);
  for (let i = 0; i < 40; i++) book.grant(BigInt(100 + i) as LeaseId, 2000);
  deadlines.demote();
  run(2_000_000);
  deepEqual(proposed.length, 2);
});
