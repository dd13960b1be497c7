// Proves: integers of any size are written and read exactly, sizes are exact, text is told from bytes as Go tells it.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { concatBytes, utf8 } from '../../base/bytes.js';
import { forSeeds } from '../../base/seeds.js';
import { decodeFailure, streamRefusal, unaryRefusal } from './failure.js';
import { highOf, int64Of, lowOf, signedOf, unsignedOf } from './int64.js';
import { Reader } from './reader.js';
import { isUtf8 } from './utf8.js';
import { int64Size, varint64Size, varintSize, Writer } from './writer.js';

/** All sizes of integers, and both sides of each step. */
const edges = Array.from({ length: 64 }, (_, bit) => 2n ** BigInt(bit)).flatMap((power) => [
  power - 1n,
  power,
  power + 1n,
]);
const to = new Writer(0);
const reader = new Reader();

function written(write: () => void): Uint8Array {
  to.reset();
  write();
  const bytes = to.copy();
  reader.open(bytes, 0, bytes.length);
  return bytes;
}

test('unsigned and signed 64-bit integers are exact', () => {
  for (const value of edges) {
    const oracle = new BinaryWriter().uint64(value).finish();
    deepEqual(
      written(() => to.uint64(value)),
      oracle,
    );
    equal(reader.unsignedBigint(), value);
    equal(varint64Size(lowOf(value), highOf(value)), oracle.length);
    equal(unsignedOf(lowOf(value), highOf(value)), value);

    const signed = BigInt.asIntN(64, value);
    for (const one of [signed, BigInt.asIntN(64, -signed)]) {
      const signedOracle = new BinaryWriter().int64(one).finish();
      deepEqual(
        written(() => to.int64(one)),
        signedOracle,
      );
      equal(BigInt(reader.exactInt64()), one);
      equal(int64Size(one), signedOracle.length);
      equal(signedOf(lowOf(one), highOf(one)), one);
      equal(typeof int64Of(lowOf(one), highOf(one)), Number.isSafeInteger(Number(one)) ? 'number' : 'bigint');
    }
  }
});

test('numbers are exact up to the safe integers and stop there', () => {
  for (const value of edges.filter((edge) => edge <= BigInt(Number.MAX_SAFE_INTEGER))) {
    const small = Number(value);
    const bytes = written(() => to.varint(small));
    equal(bytes.length, varintSize(small));
    equal(reader.uint64(), small);
    written(() => to.int64(-small));
    equal(reader.int64() + 0, -small + 0);
  }
  written(() => to.int64(2n ** 63n - 1n));
  equal(reader.int64(), Number.MAX_SAFE_INTEGER);
  written(() => to.int64(-(2n ** 63n)));
  equal(reader.int64(), Number.MIN_SAFE_INTEGER);
  written(() => to.uint64(2n ** 64n - 1n));
  equal(reader.uint64(), Number.MAX_SAFE_INTEGER);
});

test('a message whose length was not known is closed where it ends', () => {
  for (const length of [0, 1, 127, 128, 16_383, 16_384, 100_000]) {
    const content = new Uint8Array(length).fill(7);
    const bytes = written(() => {
      const start = to.open(0x0a);
      to.raw(content, 0, length);
      to.close(start);
      to.byte(0x55);
    });
    deepEqual(bytes, concatBytes([new BinaryWriter().uint32(0x0a).bytes(content).finish(), Uint8Array.of(0x55)]));
  }
});

test('a fault stops everything and is kept', () => {
  reader.open(Uint8Array.of(0x0a, 5, 1, 2), 0, 4);
  equal(reader.tag(), 0x0a);
  reader.view();
  equal(reader.tag(), 0);
  equal(reader.int64(), 0);
  equal(reader.bool(), false);
  equal(reader.string(), '');
  reader.skip(0x09);
  equal(reader.failure, decodeFailure.malformed);
});

test('groups nest as deep as Go lets them', () => {
  const nested = (depth: number) => concatBytes([new Uint8Array(depth).fill(0x0b), new Uint8Array(depth).fill(0x0c)]);
  for (const [depth, failure] of [
    [10_001, decodeFailure.none],
    [10_002, decodeFailure.malformed],
  ] as const) {
    const bytes = nested(depth);
    reader.open(bytes, 0, bytes.length);
    reader.skip(reader.tag());
    equal(reader.failure, failure);
  }
});

test('numbers in groups go as far as Go lets them, and every group ends with its own', () => {
  const field = (number: number, wire: number) => new BinaryWriter().int64(BigInt(number) * 8n + BigInt(wire)).finish();
  const varint = Uint8Array.of(5);
  for (const [number, end, failure] of [
    [2 ** 29, 2, decodeFailure.none],
    [2 ** 31 - 1, 2, decodeFailure.none],
    [2 ** 31, 2, decodeFailure.malformed],
    [0, 2, decodeFailure.malformed],
    [77, 3, decodeFailure.malformed],
  ] as const) {
    const inner = [field(number, 3), field(number, 0), varint, field(number, 4)];
    const bytes = concatBytes([field(2, 3), ...inner, field(end, 4)]);
    reader.open(bytes, 0, bytes.length);
    reader.skip(reader.tag());
    equal(reader.failure, failure, `field ${number}`);
    equal(reader.tag(), 0);
  }
  reader.open(field(2 ** 29, 0), 0, 5);
  equal(reader.tag(), 0);
  equal(reader.failure, decodeFailure.malformed);
});

test('UTF-8 is judged as a strict decoder judges it', () => {
  const strict = new TextDecoder('utf-8', { fatal: true });
  const judge = (bytes: Uint8Array) => {
    try {
      strict.decode(bytes);
      return true;
    } catch {
      return false;
    }
  };
  const leads = [0x41, 0x80, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff];
  const follows = [0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0];
  forSeeds(3000, (random) => {
    const bytes = Uint8Array.from({ length: random.below(6) }, () => random.pick(random.oneIn(3) ? leads : follows));
    equal(isUtf8(bytes, 0, bytes.length), judge(bytes), String(bytes));
  });
  for (const text of ['', 'é', '€', '😀', '\uFEFFx']) {
    const bytes = utf8(text);
    equal(isUtf8(bytes, 0, bytes.length), true);
    written(() => to.bytesField(0x0a, bytes, 0, bytes.length));
    reader.tag();
    equal(reader.string(), text);
  }
});

test('refusals say what grpc-go says', () => {
  deepEqual(unaryRefusal(decodeFailure.malformed), {
    code: 13,
    text: 'grpc: error unmarshalling request: proto: cannot parse invalid wire-format data',
  });
  deepEqual(streamRefusal(decodeFailure.invalidUtf8), {
    code: 13,
    text: 'grpc: failed to unmarshal the received message: string field contains invalid UTF-8',
  });
});
