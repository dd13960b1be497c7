// Proves: HPACK reads what RFC 7541 shows, and our two halves agree over any fields, tables and repetitions.
import { deepEqual, equal, notEqual, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, concatBytes } from '../../base/bytes.js';
import type { Random } from '../../base/random.js';
import { forSeeds } from '../../base/seeds.js';
import { staticCount } from './header-field.js';
import { HpackDecoder } from './hpack-decoder.js';
import { type Header, HpackEncoder, RepeatedBlock } from './hpack-encoder.js';
import { huffmanCodes, huffmanText } from './huffman.js';

function bytesOf(hex: string): Bytes {
  return Uint8Array.from(hex.replaceAll(' ', '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function decode(decoder: HpackDecoder, bytes: Bytes): string[] | undefined {
  return decoder.decode(bytes, 0, bytes.length)?.fields.map(({ name, value }) => `${name}: ${value}`);
}

test('the requests of RFC 7541, appendix C.3, plain', () => {
  const decoder = new HpackDecoder(10_000);
  const common = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'];
  deepEqual(decode(decoder, bytesOf('8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d')), common);
  deepEqual(decode(decoder, bytesOf('8286 84be 5808 6e6f 2d63 6163 6865')), [...common, 'cache-control: no-cache']);
  deepEqual(decode(decoder, bytesOf('8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65')), [
    ':method: GET',
    ':scheme: https',
    ':path: /index.html',
    ':authority: www.example.com',
    'custom-key: custom-value',
  ]);
});

test('the requests of appendix C.4, Huffman-coded', () => {
  const decoder = new HpackDecoder(10_000);
  const common = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'];
  deepEqual(decode(decoder, bytesOf('8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff')), common);
  deepEqual(decode(decoder, bytesOf('8286 84be 5886 a8eb 1064 9cbf')), [...common, 'cache-control: no-cache']);
  equal(decode(decoder, bytesOf('8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf'))?.length, 5);
});

test('the responses of appendix C.6: a table of 256 bytes that evicts', () => {
  const decoder = new HpackDecoder(10_000);
  decode(decoder, bytesOf('3f e1 01')); // The size of 256, as an update.
  const first = decode(
    decoder,
    bytesOf(
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
    ),
  );
  deepEqual(first, [
    ':status: 302',
    'cache-control: private',
    'date: Mon, 21 Oct 2013 20:13:21 GMT',
    'location: https://www.example.com',
  ]);
  deepEqual(decode(decoder, bytesOf('4883 640e ffc1 c0bf')), [':status: 307', ...first.slice(1)]);
  const third = bytesOf(
    '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
  );
  deepEqual(decode(decoder, third)?.slice(0, 3), [
    ':status: 200',
    'cache-control: private',
    'date: Mon, 21 Oct 2013 20:13:22 GMT',
  ]);
});

function huffman(symbols: readonly number[], padding = 1): Bytes {
  let bits = '';
  for (const symbol of symbols) {
    const { code, bits: length } = huffmanCodes[symbol] as { code: number; bits: number };
    bits += code.toString(2).padStart(length, '0');
  }
  bits = bits.padEnd(Math.ceil(bits.length / 8) * 8, String(padding));
  return Uint8Array.from(bits.match(/.{8}/g) ?? [], (byte) => Number.parseInt(byte, 2));
}

test('any bytes come back from the Huffman code', () => {
  forSeeds(300, (random) => {
    const symbols = [...random.bytes(random.below(60))];
    const coded = huffman(symbols);
    equal(huffmanText(coded, 0, coded.length), String.fromCharCode(...symbols));
  });
  const long = new Array(70_000).fill(97);
  equal(huffmanText(huffman(long), 0, huffman(long).length)?.length, 70_000);
});

test('Huffman padding must be short and all ones, and the end of the string never spelt out', () => {
  const refused = (bytes: Bytes) => equal(huffmanText(bytes, 0, bytes.length), undefined);
  refused(huffman([97], 0)); // Three bits of padding, but zeroes.
  refused(concatBytes([huffman([97]), Uint8Array.of(0xff)])); // Eleven ones.
  refused(huffman([97, 256]));
  equal(huffmanText(huffman([48, 49, 50, 97, 99, 101, 105, 111]), 0, 5), '012aceio'); // No padding at all.
});

const names = [':path', 'content-type', 'x', 'a-rather-long-name-of-a-header', 'grpc-timeout', 'token'];

function randomHeaders(random: Random): Header[] {
  return Array.from({ length: random.below(8) }, () => ({
    name: random.pick(names),
    value: random.oneIn(4) ? 'v'.repeat(random.below(400)) : `value ${random.below(6)}`,
    index: random.pick(['repeated', 'passing', 'secret'] as const),
  }));
}

test('what the encoder writes the decoder reads, block after block', () => {
  forSeeds(200, (random) => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder(1_000_000);
    const repeated = [randomHeaders(random), randomHeaders(random)].map((each) => new RepeatedBlock(encoder, each));
    for (let i = 0; i < 30; i++) {
      if (i === 15 && random.oneIn(3)) encoder.limitTable(random.below(4_096));
      const block = random.oneIn(2) ? random.pick(repeated) : new RepeatedBlock(encoder, randomHeaders(random));
      const around = concatBytes([random.bytes(3), block.bytes(), random.bytes(2)]);
      const decoded = decoder.decode(around, 3, around.length - 2);
      deepEqual(
        decoded?.fields.map(({ name, value }) => [name, value]),
        block.headers.map(({ name, value }) => [name, value]),
      );
    }
  });
});

test('a block of indexes alone is decoded once, and anew when the table has changed', () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(10_000);
  const headers = [{ name: ':path', value: '/a.B/C' }];
  const inserting = encoder.encode(headers);
  const read = (bytes: Bytes) => decoder.decode(bytes, 0, bytes.length);
  read(inserting);
  const indexed = encoder.encode(headers);
  deepEqual(indexed, Uint8Array.of(0x80 | (staticCount + 1)));
  const first = read(indexed);
  equal(read(indexed), first);
  read(encoder.encode([{ name: 'new', value: 'entry' }]));
  const second = read(indexed);
  notEqual(second, first);
  equal(second?.fields[0]?.name, 'new'); // The same byte means another entry now.
});

test('a large list is dropped, but read to its end for the sake of the table', () => {
  const encoder = new HpackEncoder();
  const decoder = new HpackDecoder(500);
  const big = encoder.encode([
    { name: 'big', value: 'x'.repeat(600), index: 'passing' },
    { name: 'kept', value: 'in the table' },
  ]);
  const block = decoder.decode(big, 0, big.length);
  equal(block?.tooLarge, true);
  const next = encoder.encode([{ name: 'kept', value: 'in the table' }]);
  deepEqual(decode(decoder, next), ['kept: in the table']);
});

test('a list many times as large as the cap is left where that is seen', () => {
  const names = new Array(100).fill(0x82); // `:method: GET`, 42 bytes in the list
  const bytes = Uint8Array.from(names);
  const block = new HpackDecoder(500).decode(bytes, 0, bytes.length);
  equal(block?.boundless, true);
  ok((block?.listBytes ?? 0) <= 2_042);
  const literals = Uint8Array.from(new Array(100).fill([0x00, 1, 0x61, 1, 0x62]).flat());
  equal(new HpackDecoder(500).decode(literals, 0, literals.length)?.boundless, true);
  equal(new HpackDecoder(1_000).decode(literals, 0, literals.length)?.boundless, false);
});

test('a secret is marked as never to be indexed', () => {
  const bytes = new HpackEncoder().encode([{ name: 'token', value: 'x', index: 'secret' }]);
  equal((bytes[0] as number) & 0xf0, 0x10);
});

test('no bytes make the decoder throw, or its table outgrow its bound', () => {
  let refused = 0;
  forSeeds(3_000, (random) => {
    const decoder = new HpackDecoder(2_000);
    for (let i = 0; i < 5; i++) {
      const block = decoder.decode(random.bytes(random.below(80)), 0, random.below(80));
      if (block === undefined) refused++;
      else ok(block.listBytes <= 2_000 || block.tooLarge);
    }
  });
  ok(refused > 1_000);
});
