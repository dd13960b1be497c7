// Proves: a leader that has stopped refuses to renew, and asks nobody: the leader it knows is itself.
import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseId } from '../base/ids.js';
import { MemoryValues } from '../mvcc/memory-values.js';
import { LeaseBook } from './book.js';
import { Deadlines } from './deadlines.js';
import { LeaseDesk } from './desk.js';

test('a leader that has stopped renews nothing', () => {
  const book = new LeaseBook(new MemoryValues(), 2);
  const deadlines = new Deadlines(book, () => 0);
  deadlines.promote(0);
  const desk: LeaseDesk = new LeaseDesk({
    book,
    deadlines,
    catchUp: { whenApplied: (waiter) => waiter.confirmed() },
    leader: {
      renew: (id, waiter) => desk.renew(id, waiter),
      timeToLive: (id, withKeys, waiter) => desk.timeToLive(id, withKeys, waiter),
    },
    proof: { isSure: false, whenSure: (waiter) => waiter.failed('stopped') },
  });
  const told: string[] = [];
  desk.renew(1n as LeaseId, { renewed: (ttl) => told.push(`renewed ${ttl}`), failed: (error) => told.push(error) });
  deepEqual(told, ['stopped']);
});
