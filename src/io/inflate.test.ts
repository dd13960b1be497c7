// Proves: gzip is undone within its bound, and neither a bomb nor garbage gets through.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { inflaters } from './inflate.js';

const gunzip = inflaters.gzip;

test('what was compressed comes back, from the middle of other bytes', () => {
  const packed = gzipSync(Buffer.from('hello hello hello'));
  const around = Buffer.concat([Buffer.from('xx'), packed, Buffer.from('yy')]);
  deepEqual(Buffer.from(gunzip(around, 2, 2 + packed.length, 17)), Buffer.from('hello hello hello'));
  equal(gunzip(around, 2, 2 + packed.length, 16), 'tooLarge');
});

test('a bomb stops at the limit', () => {
  const bomb = gzipSync(Buffer.alloc(50_000_000));
  equal(gunzip(bomb, 0, bomb.length, 2_097_152), 'tooLarge');
  bomb.writeUInt32LE(1_000, bomb.length - 4);
  equal(gunzip(bomb, 0, bomb.length, 2_097_152), 'bomb');
});

test('several members are one message, and their lies end at the limit', () => {
  const two = Buffer.concat([gzipSync(Buffer.from('more than ')), gzipSync(Buffer.from('one'))]);
  deepEqual(Buffer.from(gunzip(two, 0, two.length, 100)), Buffer.from('more than one'));
  equal(gunzip(two, 0, two.length, 12), 'bomb');
  const bomb = Buffer.concat([gzipSync(Buffer.from('x')), gzipSync(Buffer.alloc(50_000_000))]);
  bomb.writeUInt32LE(1_000, bomb.length - 4);
  equal(gunzip(bomb, 0, bomb.length, 2_097_152), 'bomb');
});

test('a message of nothing, and those that state more or less than they are', () => {
  const empty = gzipSync(Buffer.alloc(0));
  equal(gunzip(empty, 0, empty.length, 100)?.length, 0);
  const more = gzipSync(Buffer.from('hello'));
  for (const stated of [4, 6]) {
    more.writeUInt32LE(stated, more.length - 4);
    equal(gunzip(more, 0, more.length, 100), 'malformed');
  }
  const much = gzipSync(Buffer.alloc(100_000));
  much.writeUInt32LE(1_000, much.length - 4);
  equal(gunzip(much, 0, much.length, 1_000_000), 'bomb');
});

test('garbage is refused', () => {
  equal(gunzip(Uint8Array.of(1, 2, 3), 0, 3, 100), 'malformed');
  equal(gunzip(gzipSync(Buffer.from('cut off')), 0, 12, 100), 'malformed');
  equal(gunzip(Buffer.alloc(30, 0xff), 0, 30, 100), 'malformed');
});
