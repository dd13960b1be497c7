// Proves: the digest is SHA-256, whatever pieces the bytes come in.
import { equal } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { forSeeds } from './seeds.js';
import { Sha256 } from './sha256.js';

test('it answers as the native one', () => {
  forSeeds(150, (random) => {
    const bytes = random.bytes(random.below(random.pick([3, 130, 2000])));
    const sum = new Sha256();
    for (let at = 0; at < bytes.length; ) {
      const end = at + 1 + random.below(200);
      sum.update(bytes.subarray(at, end));
      at = end;
    }
    equal(Buffer.from(sum.digest()).toString('hex'), createHash('sha256').update(bytes).digest('hex'));
  });
});
