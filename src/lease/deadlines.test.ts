// Proves: by a simulated clock, leases fall due when a plain list says so, in that order, whatever is granted, renewed, revoked,
// promoted or demoted; leases that piled up are pulled apart; at most sixteen revocations are under way.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { LeaseId } from '../base/ids.js';
import { forSeeds } from '../base/seeds.js';
import { MemoryValues } from '../mvcc/memory-values.js';
import { LeaseBook } from './book.js';
import { Deadlines } from './deadlines.js';
import { Expiry } from './expiry.js';

test('agrees with a plain list', () => {
  forSeeds(150, (random) => {
    let nowMs = 1000;
    const book = new LeaseBook(new MemoryValues(), 1);
    const deadlines = new Deadlines(book, () => nowMs);
    const list = new Map<LeaseId, { seconds: number; dueMs: number; askMs: number }>();
    let leading = false;
    for (let step = 0; step < 150; step++) {
      const id = BigInt(1 + random.below(40)) as LeaseId;
      const entry = list.get(id);
      switch (random.below(7)) {
        case 0:
        case 1: {
          const seconds = 1 + random.below(30);
          if (!book.grant(id, seconds).ok) break;
          const dueMs = leading ? nowMs + seconds * 1000 : Number.POSITIVE_INFINITY;
          list.set(id, { seconds, dueMs, askMs: dueMs });
          break;
        }
        case 2:
          equal(book.revoke(id), list.delete(id));
          break;
        case 3: {
          const slot = book.slotOf(id);
          if (entry === undefined || !leading) break;
          equal(deadlines.isDue(slot), entry.dueMs <= nowMs);
          if (deadlines.isDue(slot)) break;
          deadlines.renew(slot);
          entry.dueMs = entry.askMs = nowMs + entry.seconds * 1000;
          break;
        }
        case 4:
          if (!random.oneIn(5)) break;
          leading = !leading;
          if (leading) deadlines.promote(500);
          else deadlines.demote();
          for (const each of list.values()) {
            each.dueMs = each.askMs = leading ? nowMs + 500 + each.seconds * 1000 : Number.POSITIVE_INFINITY;
          }
          break;
        default: {
          nowMs += random.below(4000);
          const max = 1 + random.below(20);
          const due = [...list].filter(([, each]) => each.askMs <= nowMs);
          const taken = deadlines.takeDue(max);
          equal(taken.length, Math.min(max, due.length));
          for (const each of taken) {
            const found = list.get(each);
            ok(found !== undefined && found.askMs <= nowMs);
            found.askMs = nowMs + 3000;
          }
        }
      }
      const left = (each: LeaseId) => list.get(each)?.dueMs ?? 0;
      const order = deadlines.inOrder();
      equal(order.length, list.size);
      if (leading)
        for (let i = 1; i < order.length; i++) ok(left(order[i - 1] as LeaseId) <= left(order[i] as LeaseId));
    }
  });
});

test('a new leader pulls apart the leases that piled up: no more than the rate in any second', () => {
  const book = new LeaseBook(new MemoryValues(), 1);
  let nowMs = 0;
  const deadlines = new Deadlines(book, () => nowMs);
  for (let i = 1; i <= 3000; i++) book.grant(BigInt(i) as LeaseId, 5);
  deadlines.promote(1000);
  const perSecond: number[] = [];
  for (let second = 0; second < 12; second++) {
    perSecond.push(deadlines.takeDue(10_000).filter((id) => book.revoke(id)).length);
    nowMs += 1000;
  }
  equal(
    perSecond.slice(0, 6).reduce((a, b) => a + b),
    0,
  );
  equal(
    perSecond.reduce((a, b) => a + b),
    3000,
  );
  // The first 750 come with the window, and each second after it as many again.
  ok(Math.max(...perSecond) <= 1501, perSecond.join(' '));
});

test('sixteen revocations at a time, and a lost one is asked for again', () => {
  let nowMs = 0;
  const book = new LeaseBook(new MemoryValues(), 1);
  const deadlines = new Deadlines(book, () => nowMs);
  deadlines.promote(0);
  for (let i = 1; i <= 20; i++) book.grant(BigInt(i) as LeaseId, 1);
  const asked: LeaseId[] = [];
  const expiry = new Expiry(deadlines, { revoke: (id) => asked.push(id) });
  nowMs = 999;
  expiry.tick(nowMs);
  equal(asked.length, 0);
  nowMs = 1600;
  expiry.tick(nowMs);
  equal(asked.length, 16);
  for (const id of asked.slice(0, 15)) {
    book.revoke(id);
    expiry.ended();
  }
  expiry.ended(); // The sixteenth failed.
  equal(asked.length, 20);
  for (const id of asked.slice(16)) {
    book.revoke(id);
    expiry.ended();
  }
  nowMs = 4700;
  expiry.tick(nowMs);
  deepEqual(asked.slice(20), [asked[15]]);
});
