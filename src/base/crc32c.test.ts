// Proves: the sums equal published vectors (RFC 3720, B.4) and a bit-by-bit computation, however the bytes are cut.
import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, utf8 } from './bytes.js';
import { crc32c } from './crc32c.js';
import { forSeeds } from './seeds.js';

/** The oracle: polynomial division, one bit at a time. */
function slowly(bytes: Bytes): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0x82f63b78 : sum >>> 1;
  }
  return (sum ^ 0xffffffff) >>> 0;
}

test('the published vectors', () => {
  equal(crc32c(utf8('')), 0);
  equal(crc32c(utf8('123456789')), 0xe3069283);
  equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i)), 0x113fdb5c);
});

test('any bytes, cut anywhere, inside a larger buffer', () => {
  forSeeds(300, (random) => {
    const bytes = random.bytes(random.below(120));
    const start = random.below(bytes.length + 1);
    const end = start + random.below(bytes.length - start + 1);
    const cut = start + random.below(end - start + 1);
    const wanted = slowly(bytes.subarray(start, end));
    equal(crc32c(bytes, start, end), wanted);
    equal(crc32c(bytes, cut, end, crc32c(bytes, start, cut)), wanted);
  });
});
