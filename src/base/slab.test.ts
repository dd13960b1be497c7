// Proves: what a slab gives out is zero, of the length asked for, and shared with nobody.
import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { forSeeds } from './seeds.js';
import { Slab } from './slab.js';

test('pieces do not overlap', () => {
  forSeeds(50, (random) => {
    const slab = new Slab(256);
    const pieces = Array.from({ length: 40 }, (_, i) => {
      const length = random.below(50);
      const piece = slab.take(length);
      equal(piece.length, length);
      equal(
        piece.every((byte) => byte === 0),
        true,
      );
      return piece.fill(i + 1);
    });
    pieces.forEach((piece, i) => {
      equal(
        piece.every((byte) => byte === i + 1),
        true,
      );
    });
  });
});
