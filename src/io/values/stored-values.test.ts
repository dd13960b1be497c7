// Proves: values on disk and values in memory answer alike, and a start finds exactly what the last ended commit covered.
import { deepEqual, equal, rejects, throws } from 'node:assert/strict';
import { closeSync, ftruncateSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, test } from 'node:test';
import { type Bytes, utf8 } from '../../base/bytes.js';
import { Random } from '../../base/random.js';
import { MemoryValues } from '../../mvcc/memory-values.js';
import type { ValueStore, ValuesView } from '../../mvcc/value-store.js';
import { CorruptValues } from './block-cache.js';
import { replaceValues, settleReplacement } from './replacement.js';
import { openStoredValues, type StoredValues } from './stored-values.js';

const folders: string[] = [];
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-values-'));
  folders.push(folder);
  return folder;
}
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

const small = { segmentBytes: 30_000, cacheBytes: 1 };
const onFatal = (error: unknown) => {
  throw error;
};
const openSmall = (folder: string) => openStoredValues(folder, { onFatal, ...small });

const hex = (bytes: Bytes | undefined) => (bytes === undefined ? 'none' : Buffer.from(bytes).toString('hex'));
const committed = (store: StoredValues) => new Promise<void>((resolve) => store.commit(resolve));
const defragmented = (store: StoredValues) => new Promise<void>((resolve) => store.defragment(resolve));

function contents(store: ValueStore, main = 0, sub = 0, endMain = Number.MAX_SAFE_INTEGER): string[] {
  const seen: string[] = [];
  store.scan(main, sub, endMain, (atMain, atSub, tombstone, value) => {
    seen.push(`${atMain}/${atSub} ${tombstone} ${hex(value)}`);
    return true;
  });
  for (const bucket of ['meta', 'lease']) {
    store.scanRecords(bucket, (key, value) => seen.push(`${bucket} ${hex(key)} ${hex(value)}`));
  }
  return seen;
}

/** The same writes to both stores. */
class Pair {
  main = 1;
  rows: { main: number; sub: number; tombstone: boolean }[] = [];

  constructor(
    readonly random: Random,
    readonly plain: MemoryValues,
    public stored: StoredValues,
  ) {}

  append(): void {
    this.main += this.random.oneIn(100) ? 6_000_000_000 : 1;
    const last = this.random.oneIn(4) ? this.random.below(4) : 0;
    for (let sub = 0; sub <= last; sub++) {
      const length = this.random.oneIn(60) ? 5000 + this.random.below(20_000) : this.random.below(300);
      const value = this.random.bytes(length);
      const row = { main: this.main, sub, tombstone: this.random.oneIn(5) };
      this.rows.push(row);
      for (const store of [this.plain, this.stored]) store.append(row.main, sub, row.tombstone, value);
    }
  }

  drop(): void {
    const [row] = this.rows.splice(this.random.below(this.rows.length), 1);
    if (row === undefined) return;
    for (const store of [this.plain, this.stored]) store.drop(row.main, row.sub, row.tombstone);
    equal(this.stored.get(row.main, row.sub), undefined);
  }

  record(): void {
    const bucket = this.random.pick(['meta', 'lease']);
    const key = this.random.oneIn(10)
      ? new Uint8Array(1500).fill(this.random.below(3))
      : Uint8Array.of(this.random.below(9), 0);
    const value = this.random.oneIn(3) ? undefined : this.random.bytes(this.random.below(40));
    for (const store of [this.plain, this.stored]) {
      if (value === undefined) store.deleteRecord(bucket, key);
      else store.setRecord(bucket, key, value);
    }
    equal(hex(this.stored.getRecord(bucket, key)), hex(value));
  }

  compare(): void {
    const row = this.random.pick(this.rows);
    if (row !== undefined) equal(hex(this.stored.get(row.main, row.sub)), hex(this.plain.get(row.main, row.sub)));
    equal(this.stored.get(this.main, 77), undefined);
    const from = row?.main ?? 0;
    const end = from + 1 + this.random.below(500);
    const sub = this.random.below(3);
    deepEqual(contents(this.stored, from, sub, end), contents(this.plain, from, sub, end));
  }
}

test('both stores answer alike, and what was committed is there after a restart', async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const folder = newFolder();
    const pair = new Pair(new Random(seed), new MemoryValues(), openSmall(folder));
    const { random } = pair;
    for (let restart = 0; restart < 3; restart++) {
      for (let step = 0; step < 300; step++) {
        const choice = random.below(20);
        if (choice < 12) pair.append();
        else if (choice < 15) pair.drop();
        else if (choice < 17) pair.record();
        else if (choice < 18) pair.compare();
        else if (random.oneIn(20)) void defragmented(pair.stored);
        else if (choice < 19) void committed(pair.stored);
        else await committed(pair.stored);
      }
      await committed(pair.stored);
      const before = contents(pair.plain);
      deepEqual(contents(pair.stored), before, `seed ${seed}`);
      pair.stored.append(pair.main + 1, 0, false, utf8('never committed'));
      pair.stored.setRecord('meta', utf8('never'), utf8('committed'));
      await pair.stored.close();
      pair.stored = openSmall(folder);
      deepEqual(contents(pair.stored), before, `seed ${seed}, after a restart`);
    }
    await pair.stored.close();
  }
});

test('defragmenting gives back the room of what was dropped, and nothing else', async () => {
  for (let seed = 1; seed <= 6; seed++) {
    const folder = newFolder();
    const pair = new Pair(new Random(seed), new MemoryValues(), openSmall(folder));
    for (let step = 0; step < 800; step++) pair.append();
    await committed(pair.stored);
    const share = pair.random.pick([1, 2, 100]);
    const keep = pair.rows.length / share;
    while (pair.rows.length >= keep) pair.drop();
    const sizeBefore = pair.stored.sizeBytes();
    const ended = defragmented(pair.stored);
    for (let step = 0; step < 20; step++) {
      pair.append();
      pair.drop();
      if (pair.random.oneIn(3)) await committed(pair.stored);
    }
    await ended;
    if (share === 100) equal(pair.stored.sizeBytes() < sizeBefore / 2, true);
    deepEqual(contents(pair.stored), contents(pair.plain));
    await committed(pair.stored);
    await pair.stored.close();
    const again = openSmall(folder);
    deepEqual(contents(again), contents(pair.plain), `seed ${seed}, after a restart`);
    await again.close();
  }
});

function viewed(view: ValuesView): string[] {
  const seen: string[] = [];
  let [main, sub, more] = [0, 0, true];
  while (more) {
    more = false;
    let budget = 100;
    view.scan(main, sub, Number.MAX_SAFE_INTEGER, (atMain, atSub, tombstone, value) => {
      if (budget-- === 0) {
        [main, sub, more] = [atMain, atSub, true];
        return false;
      }
      seen.push(`${atMain}/${atSub} ${tombstone} ${hex(value)}`);
      return true;
    });
  }
  for (const bucket of ['meta', 'lease']) {
    const found: string[] = [];
    let from: Bytes | undefined = new Uint8Array(0);
    while (from !== undefined) {
      const start: Bytes = from;
      from = undefined;
      let budget = 3;
      view.scanRecords(bucket, start, (key, value) => {
        if (budget-- === 0) from = key.slice();
        else found.push(`${bucket} ${hex(key)} ${hex(value)}`);
        return from === undefined;
      });
    }
    // Long keys that begin alike come in any order.
    seen.push(...found.sort());
  }
  return seen;
}

test('a view shows what was there, through drops, commits, rewriting and another store in its place', async () => {
  for (let seed = 1; seed <= 8; seed++) {
    const folder = join(newFolder(), 'values');
    const pair = new Pair(new Random(seed), new MemoryValues(), openSmall(folder));
    const { random } = pair;
    const views: { readonly views: readonly ValuesView[]; readonly shown: string[] }[] = [];
    for (let step = 0; step < 600; step++) {
      const choice = random.below(20);
      if (choice < 10) pair.append();
      else if (choice < 15) pair.drop();
      else if (choice < 17) pair.record();
      else if (choice < 18) await committed(pair.stored);
      else if (random.oneIn(10)) void defragmented(pair.stored);
      if (step % 60 === 0) views.push({ views: [pair.stored.view(), pair.plain.view()], shown: contents(pair.plain) });
      if (random.oneIn(100)) for (const view of views.splice(0, 1)[0]?.views ?? []) view.close();
    }
    await replaceValues(pair.stored, folder, { onFatal, ...small }, async (next) => {
      next.append(7, 1, true, utf8('a'));
      next.setRecord('meta', utf8('b'), utf8('c'));
      await new Promise<void>((resolve) => next.commit(resolve));
    });
    for (const { views: both, shown } of views) for (const view of both) deepEqual(viewed(view), shown, `seed ${seed}`);
    const replaced = ['7/1 true 61', 'meta 62 63'];
    deepEqual(contents(pair.stored), replaced);
    for (const { views: both } of views) for (const view of both) view.close();
    deepEqual(contents(pair.stored), replaced);
    pair.stored.append(8, 0, false, utf8('d'));
    await committed(pair.stored);
    await pair.stored.close();
    settleReplacement(folder);
    const again = openSmall(folder);
    deepEqual(contents(again), ['7/1 true 61', '8/0 false 64', 'meta 62 63']);
    await again.close();
    deepEqual(readdirSync(dirname(folder)), ['values']);
  }
});

test('a replacement cut short by a crash leaves the old store or the new one', async () => {
  const make = async (folder: string, value: string) => {
    const store = openSmall(folder);
    store.append(2, 0, false, utf8(value));
    await committed(store);
    await store.close();
  };
  const cases: readonly (readonly [readonly string[], string])[] = [
    [['values', 'values.next'], 'values'],
    [['values.old', 'values.next'], 'values.next'],
    [['values', 'values.old'], 'values'],
  ];
  for (const [there, kept] of cases) {
    const parent = newFolder();
    for (const name of there) await make(join(parent, name), name);
    settleReplacement(join(parent, 'values'));
    const store = openSmall(join(parent, 'values'));
    deepEqual(contents(store), [`2/0 false ${hex(utf8(kept))}`]);
    await store.close();
    deepEqual(readdirSync(parent), ['values']);
  }
});

test('a copy of a value outlives the reads that follow, however large the values are', async () => {
  const stored = openSmall(newFolder());
  const values = Array.from({ length: 6 }, (_, i) => new Uint8Array(5000 * (i % 3) + 100).fill(i));
  for (const [i, value] of values.entries()) stored.append(i + 1, 0, false, value);
  await committed(stored);
  const got = values.map((_, i) => stored.get(i + 1, 0)?.slice());
  const scanned: Bytes[] = [];
  stored.scan(1, 0, values.length + 1, (_main, _sub, _tombstone, value) => scanned.push(value.slice()) > 0);
  deepEqual([got.map(hex), scanned.map(hex)], [values.map(hex), values.map(hex)]);
  await stored.close();
});

test('records are readable while their commit is under way', async () => {
  const store = openSmall(newFolder());
  store.setRecord('meta', utf8('a'), utf8('1'));
  store.commit(() => {});
  store.setRecord('meta', utf8('a'), utf8('2'));
  const second = committed(store);
  store.deleteRecord('meta', utf8('a'));
  equal(store.getRecord('meta', utf8('a')), undefined);
  await second;
  equal(store.getRecord('meta', utf8('a')), undefined);
  await store.close();
});

test('damage is never served: not when it is read, not at the start', async () => {
  const folder = newFolder();
  const store = openSmall(folder);
  for (let main = 2; main < 60; main++) store.append(main, 0, false, new Uint8Array(200));
  await committed(store);
  await store.close();
  const path = join(folder, readdirSync(folder).find((name) => name.endsWith('.values')) ?? '');
  const file = openSync(path, 'r+');
  writeSync(file, Uint8Array.of(1), 0, 1, 100);
  const damaged = openSmall(folder);
  throws(() => damaged.get(2, 0), CorruptValues);
  equal(damaged.get(50, 0)?.length, 200);
  await damaged.close();
  ftruncateSync(file, statSync(path).size - 1);
  closeSync(file);
  await rejects(async () => openSmall(folder), CorruptValues);
});

test('what a crash left behind the last commit is cut off', async () => {
  const folder = newFolder();
  const store = openSmall(folder);
  store.append(2, 0, false, utf8('kept'));
  await committed(store);
  await store.close();
  const name = readdirSync(folder).find((each) => each.endsWith('.values')) ?? '';
  const file = openSync(join(folder, name), 'r+');
  const { size } = statSync(join(folder, name));
  writeSync(file, new Uint8Array(1000).fill(255), 0, 1000, size);
  closeSync(file);
  closeSync(openSync(join(folder, '00000000000000ff.values'), 'w'));
  const again = openSmall(folder);
  equal(statSync(join(folder, name)).size, size);
  equal(readdirSync(folder).includes('00000000000000ff.values'), false);
  deepEqual(contents(again), [`2/0 false ${hex(utf8('kept'))}`]);
  await again.close();
});
