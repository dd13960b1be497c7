// Proves: a file written in one stream reads back as what was put into it, whatever the sizes; and no byte of a file, changed or cut, makes
// the reader hang, read outside, or answer other entries without a word.
import { deepEqual, equal, ok, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, compareBytes, concatBytes, text, utf8 } from '../../base/bytes.js';
import type { Random } from '../../base/random.js';
import { forSeeds } from '../../base/seeds.js';
import { BoltFile, type BoltSource } from './bolt-file.js';
import { BoltPlan, BoltWriter } from './bolt-writer.js';
import { BoltFault } from './format.js';

type Entry = readonly [Bytes, Bytes];
type Content = readonly (readonly [string, readonly Entry[]])[];

/** What a read answered is spoilt by the next one, as a source may. */
function sourceOf(bytes: Bytes): BoltSource {
  let before = new Uint8Array(0);
  return {
    sizeBytes: bytes.length,
    read(offset, length) {
      ok(offset >= 0 && offset + length <= bytes.length, 'reads stay within the file');
      before.fill(0xee);
      before = bytes.slice(offset, offset + length);
      return before;
    },
  };
}

function write(content: Content, pieceBytes?: number): Bytes {
  const plan = new BoltPlan();
  for (const [name, entries] of content) {
    plan.begin(utf8(name));
    for (const [key, value] of entries) plan.count(key.length, value.length);
  }
  const layout = plan.end();
  const writer = new BoltWriter(layout, pieceBytes);
  const pieces: Bytes[] = [];
  const takeAll = () => {
    for (let piece = writer.take(); piece !== undefined; piece = writer.take()) pieces.push(piece);
  };
  for (const [name, entries] of content) {
    writer.begin(utf8(name));
    for (const [key, value] of entries) {
      writer.add(key, value);
      takeAll();
    }
  }
  writer.end();
  takeAll();
  const file = concatBytes(pieces);
  equal(file.length, layout.sizeBytes);
  return file;
}

function read(file: Bytes): Content {
  const buckets = new BoltFile(sourceOf(file)).buckets();
  const content: [string, Entry[]][] = [];
  while (buckets.next()) {
    const entries: Entry[] = [];
    const cursor = buckets.open();
    while (cursor.next()) entries.push([cursor.key().slice(), cursor.value().slice()]);
    content.push([text(buckets.key()), entries]);
  }
  return content;
}

function someEntries(random: Random): Entry[] {
  const count = random.pick([0, 1, 2, 3, 10, 300, 2000]);
  const valueBytesMax = random.pick([0, 10, 200, 1000, count > 300 ? 900 : 20_000]);
  const keyBytesMax = random.pick([4, 20, 300]);
  const keys = new Map<string, Bytes>();
  for (let i = 0; i < count; i++) {
    const key = random.bytes(1 + random.below(keyBytesMax));
    keys.set(key.join(), key);
  }
  const sorted = [...keys.values()].sort(compareBytes);
  return sorted.map((key) => [key, random.bytes(random.below(valueBytesMax + 1))]);
}

test('what is written is read, in order', () => {
  forSeeds(60, (random) => {
    const names = Array.from(
      { length: random.pick([0, 1, 5, 10, 60]) },
      (_, i) => `bucket${String(i).padStart(3, '0')}`,
    );
    const content = names.map((name) => [name, names.length > 10 ? [] : someEntries(random)] as const);
    const file = write(content, random.pick([4096, 65536, undefined]));
    deepEqual(read(file), content);
  });
});

test('a bucket is found by its name', () => {
  const file = new BoltFile(
    sourceOf(
      write([
        ['auth', []],
        ['key', [[utf8('a'), utf8('1')]]],
      ]),
    ),
  );
  equal(file.bucket(utf8('keys')), undefined);
  equal(file.bucket(utf8('alarm')), undefined);
  equal(file.bucket(utf8('auth'))?.next(), false);
  const cursor = file.bucket(utf8('key'));
  equal(cursor?.next(), true);
  equal(text(cursor?.value() ?? utf8('')), '1');
});

test('the other meta serves when one is damaged, and none is refused', () => {
  const content: Content = [['key', [[utf8('a'), utf8('1')]]]];
  for (const page of [0, 1]) {
    const file = write(content);
    file[page * 4096 + 40] = 0xff;
    deepEqual(read(file), content);
  }
  const file = write(content);
  file[40] = file[4096 + 40] = 0xff;
  throws(() => read(file), /checksum error/);
  file[16] = file[4096 + 16] = 0;
  throws(() => read(file), /invalid database/);
  throws(() => read(new Uint8Array(100)), /invalid database/);
});

test('a file cut short is refused', () => {
  const file = write([['key', [[utf8('a'), new Uint8Array(5000)]]]]);
  throws(() => read(file.subarray(0, file.length - 4096)), /the file ends at/);
});

test('damage is a fault with its page, or a value that differs: never a hang, never a read outside', () => {
  forSeeds(300, (random) => {
    const content = [['key', someEntries(random)] as const, ['lease', someEntries(random)] as const];
    const file = write(content);
    for (let i = random.below(4); i >= 0; i--) {
      const page = random.below(file.length / 4096);
      // Mostly into headers and elements, where a page says how it is to be read.
      const at = page * 4096 + random.below(random.pick([16, 64, 4096]));
      file[at] = random.pick([0, 1, 0xff, random.below(256)]);
    }
    try {
      const found = read(file);
      for (const [, entries] of found) ok(entries.length <= 4000, 'no entry comes twice');
    } catch (fault) {
      ok(fault instanceof BoltFault, String(fault));
    }
  });
});

test('a loop of pages is a fault', () => {
  const entries = Array.from({ length: 3000 }, (_, i): Entry => [utf8(String(i).padStart(6, '0')), new Uint8Array(40)]);
  const file = write([['key', entries]]);
  const view = new DataView(file.buffer, file.byteOffset);
  for (let page = 2; page < file.length / 4096; page++) {
    if (view.getUint16(page * 4096 + 8, true) !== 1) continue;
    const looped = file.slice();
    new DataView(looped.buffer).setBigUint64(page * 4096 + 24, BigInt(page), true);
    throws(() => read(looped), /page \d+: /);
  }
});
