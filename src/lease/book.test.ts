// Proves: the book agrees with a plain list of grants and of the keys that hang on them, for any order of grants, revokes,
// attachments and restarts; and a refused grant says why.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { compareBytes, utf8 } from '../base/bytes.js';
import type { LeaseId } from '../base/ids.js';
import { forSeeds } from '../base/seeds.js';
import { MemoryValues } from '../mvcc/memory-values.js';
import { LeaseBook, ttlSecondsMin } from './book.js';

const ids = [1n, 2n, 3n, -1n, -(2n ** 63n), 2n ** 63n - 1n, 7587883342434012425n, 0x1_0000_0000n, 5n] as LeaseId[];

test('agrees with a plain list', () => {
  forSeeds(150, (random) => {
    const values = new MemoryValues();
    let book = new LeaseBook(values, 2);
    const granted = new Map<LeaseId, number>();
    const attached = new Map<string, LeaseId>();
    for (let step = 0; step < 200; step++) {
      const id = random.pick(ids);
      const key = `${random.oneIn(3) ? 'a-rather-long-key-that-fills-the-arena-'.repeat(2) : 'k'}${random.below(30)}`;
      switch (random.below(8)) {
        case 0:
        case 1: {
          const ttl = random.below(40) - 5;
          equal(book.grant(id, ttl).ok, !granted.has(id));
          if (!granted.has(id)) granted.set(id, Math.max(ttl, 2));
          break;
        }
        case 2:
          equal(book.revoke(id), granted.delete(id));
          for (const [each, lease] of attached) if (lease === id) attached.delete(each);
          break;
        case 3:
        case 4:
        case 5:
          book.attach(id, utf8(key));
          if (granted.has(id)) attached.set(key, id);
          break;
        case 6:
          book.detach(utf8(key));
          attached.delete(key);
          break;
        case 7:
          if (!random.oneIn(10)) break;
          book = new LeaseBook(values, 2);
          book.restore();
          for (const [each, lease] of attached) book.attach(lease, utf8(each));
      }
      equal(book.size, granted.size);
      equal(book.attachedKeys, attached.size);
    }
    for (const id of ids) {
      const slot = book.slotOf(id);
      equal(slot >= 0, granted.has(id));
      if (slot < 0) continue;
      equal(book.ttlSecondsOf(slot), granted.get(id));
      const keys = [...attached].filter(([, lease]) => lease === id).map(([key]) => utf8(key));
      deepEqual(book.keysOf(slot), keys.sort(compareBytes));
    }
  });
});

test('a refused grant says why', () => {
  const book = new LeaseBook(new MemoryValues(), ttlSecondsMin(10, 100));
  deepEqual(book.grant(0n as LeaseId, 5), { ok: false, error: 'leaseNotFound' });
  deepEqual(book.grant(1n as LeaseId, 9_000_000_001), { ok: false, error: 'leaseTtlTooLarge' });
  deepEqual(book.grant(1n as LeaseId, 9_000_000_000), { ok: true, ttlSeconds: 9_000_000_000 });
  deepEqual(book.grant(1n as LeaseId, 5), { ok: false, error: 'leaseExists' });
  deepEqual(book.grant(2n as LeaseId, -3), { ok: true, ttlSeconds: 2 });
});

test('what was left at a checkpoint outlives a restart when it may be written', () => {
  const values = new MemoryValues();
  const book = new LeaseBook(values, 2);
  book.grant(1n as LeaseId, 600);
  book.grant(2n as LeaseId, 600);
  book.checkpoint(1n as LeaseId, 100, true);
  book.checkpoint(2n as LeaseId, 100, false);
  book.checkpoint(3n as LeaseId, 100, true);
  const again = new LeaseBook(values, 2);
  again.restore();
  equal(again.freshSecondsOf(again.slotOf(1n as LeaseId)), 100);
  equal(again.freshSecondsOf(again.slotOf(2n as LeaseId)), 600);
  equal(again.size, 2);
});
