// Proves: the paged index agrees with plain lists of revisions, for any order of puts, deletes, reads and sliced compactions.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, compareBytes, utf8 } from '../../base/bytes.js';
import { type LeaseId, noLease } from '../../base/ids.js';
import type { Random } from '../../base/random.js';
import { forSeeds } from '../../base/seeds.js';
import { KeyState } from '../key-index.js';
import { checkIndex } from './check-index.js';
import { loadCheckpoint, writeCheckpoint } from './checkpoint.js';
import { PagedKeyIndex } from './paged-key-index.js';

const small = { chunkPagesLog2: 4, chunkRecordsLog2: 4 };

interface Revision {
  readonly main: number;
  readonly sub: number;
  readonly tombstone: boolean;
  readonly create: number;
  readonly version: number;
  readonly lease: LeaseId;
  readonly storedBytes: number;
}

const hex = (bytes: Bytes) => Buffer.from(bytes).toString('hex');
const unhex = (key: string) => new Uint8Array(Buffer.from(key, 'hex'));

/** The oracle: every revision of every key in a list. Hex text sorts as its bytes do. */
class PlainIndex {
  readonly lists = new Map<string, Revision[]>();

  at(key: string, revision: number): Revision | undefined {
    const list = this.lists.get(key) ?? [];
    const found = revision === 0 ? list.at(-1) : list.findLast(({ main }) => main <= revision);
    return found?.tombstone ? undefined : found;
  }

  add(key: string, revision: Revision): void {
    const list = this.lists.get(key);
    if (list === undefined) this.lists.set(key, [revision]);
    else list.push(revision);
  }

  put(key: Bytes, main: number, sub: number, lease: LeaseId, storedBytes: number): void {
    const before = this.at(hex(key), 0);
    const create = before?.create ?? main;
    const version = (before?.version ?? 0) + 1;
    this.add(hex(key), { main, sub, tombstone: false, create, version, lease, storedBytes });
  }

  tombstone(key: Bytes, main: number, sub: number): boolean {
    if (this.at(hex(key), 0) === undefined) return false;
    this.add(hex(key), { main, sub, tombstone: true, create: 0, version: 0, lease: noLease, storedBytes: 0 });
    return true;
  }

  range(key: Bytes, end: Bytes | undefined, revision: number): string[] {
    return [...this.lists.keys()]
      .filter((name) => name >= hex(key) && (end === undefined || name < hex(end)))
      .sort()
      .flatMap((name) => {
        const found = this.at(name, revision);
        return found === undefined ? [] : [shown(name, found)];
      });
  }

  /** As etcd: of each key the newest revision <= `revision` stays, but for a tombstone that is older. */
  compact(revision: number): string[] {
    const dropped: string[] = [];
    for (const [key, list] of this.lists) {
      const newest = list.findLastIndex(({ main }) => main <= revision);
      const kept = list[newest];
      const keepFrom = kept?.tombstone && kept.main < revision ? newest + 1 : Math.max(newest, 0);
      for (const { main, sub, tombstone } of list.splice(0, keepFrom)) dropped.push(`${main}/${sub}/${tombstone}`);
      if (list.length === 0) this.lists.delete(key);
    }
    return dropped.sort();
  }
}

const shown = (key: string, { main, sub, create, version, lease, storedBytes }: Omit<Revision, 'tombstone'>) =>
  `${key} ${main}/${sub} create ${create} version ${version} lease ${lease} bytes ${storedBytes}`;

function ranged(index: PagedKeyIndex, key: Bytes, end: Bytes | undefined, revision: number): string[] {
  const seen: string[] = [];
  index.scan(key, end, revision, (name, state) => {
    seen.push(shown(hex(name), state));
    return true;
  });
  return seen;
}

/** Kinds of keys that go to different corners of the pages. */
const keyMakers: readonly ((random: Random) => Bytes)[] = [
  (random) => Uint8Array.of(random.below(8)),
  (random) => random.bytes(1 + random.below(3)).map((byte) => (byte & 1 ? 0xff : 0)),
  (random) => utf8(`/registry/${random.pick(['pods', 'events'])}/ns-${random.below(4)}/${random.below(400)}`),
  (random) => new Uint8Array(random.below(40) + 1).fill(random.below(2)),
  (random) => longKey(random, 900 + random.below(130)),
  (random) => longKey(random, random.pick([960, 961, 4092, 4093, 9000])),
  (random) => utf8(String(random.below(2000))),
];

function longKey(random: Random, length: number): Bytes {
  const key = new Uint8Array(length).fill(97);
  if (random.oneIn(2)) key[random.pick([0, length - 1, length >>> 1, 955, 956])] = 98 + random.below(2);
  return key;
}

/** One index and its oracle, driven at random. */
class Twin {
  readonly index = new PagedKeyIndex(small);
  readonly plain = new PlainIndex();
  readonly state = new KeyState();
  main = 1;
  compacted = 0;

  constructor(
    readonly random: Random,
    readonly makeKey: (random: Random) => Bytes,
  ) {}

  write(): void {
    this.main += this.random.oneIn(50) ? 5_000_000_000 : 1;
    const changed = new Set<string>();
    for (let sub = 0; sub < 3; sub += 1 + this.random.below(3)) {
      const key = this.makeKey(this.random);
      if (changed.has(hex(key))) continue; // etcd refuses a second change of a key in one transaction.
      changed.add(hex(key));
      if (this.random.oneIn(3)) this.#delete(key, sub);
      else this.#put(key, sub);
    }
  }

  #delete(key: Bytes, sub: number): void {
    equal(this.index.tombstone(key, this.main, sub), this.plain.tombstone(key, this.main, sub));
  }

  #put(key: Bytes, sub: number): void {
    const lease = this.random.pick([noLease, noLease, 7n as LeaseId, -(2n ** 63n) as LeaseId]);
    const storedBytes = this.random.pick([10, 1000, 3_000_000_000]);
    const leaseBefore = this.plain.at(hex(key), 0)?.lease ?? noLease;
    equal(this.index.put(key, this.main, sub, lease, this.state), leaseBefore);
    this.index.setStoredBytes(storedBytes);
    this.plain.put(key, this.main, sub, lease, storedBytes);
    const { create, version } = this.plain.at(hex(key), 0) as Revision;
    deepEqual([this.state.create, this.state.version, this.state.main], [create, version, this.main]);
  }

  read(): void {
    const revision = this.random.oneIn(2) ? 0 : this.compacted + this.random.below(this.main - this.compacted + 2);
    const key = this.makeKey(this.random);
    const found = this.index.findAt(key, revision, this.state);
    const expected = this.plain.at(hex(key), revision);
    equal(found ? shown(hex(key), this.state) : undefined, expected && shown(hex(key), expected));
    const end = this.random.oneIn(3) ? undefined : this.makeKey(this.random);
    const range = this.plain.range(key, end, revision);
    deepEqual(ranged(this.index, key, end, revision), range);
    equal(this.index.count(key, end, revision), range.length);
  }

  /** Compacts in slices, writing and reading in between. */
  compact(): void {
    const revision = this.compacted + this.random.below(this.main - this.compacted) + 1;
    const expected = this.plain.compact(revision);
    this.compacted = revision;
    const dropped: string[] = [];
    const slice = 1 + this.random.below(30);
    let from: Bytes | undefined;
    do {
      from = this.index.compact(revision, from, slice, (main, sub, tombstone) =>
        dropped.push(`${main}/${sub}/${tombstone}`),
      );
      if (this.random.oneIn(3)) this.write();
      if (this.random.oneIn(3)) this.read();
    } while (from !== undefined);
    deepEqual(dropped.sort(), expected);
  }

  checkAll(): void {
    checkIndex(this.index);
    const all = Uint8Array.of();
    for (const revision of [0, this.compacted, (this.compacted + this.main) >>> 1]) {
      if (revision < this.compacted) continue;
      deepEqual(ranged(this.index, all, undefined, revision), this.plain.range(all, undefined, revision));
    }
    const kept: string[] = [];
    this.index.keep(this.compacted, (main, sub) => kept.push(`${main}/${sub}`));
    const alive = [...this.plain.lists.keys()].sort().flatMap((key) => this.plain.at(key, this.compacted) ?? []);
    deepEqual(kept, this.compacted === 0 ? kept : alive.map(({ main, sub }) => `${main}/${sub}`));
  }

  /** What is on the disk, loaded into another index: it must not differ in any read. */
  restored(): PagedKeyIndex {
    const rows = [...this.plain.lists].flatMap(([key, list]) => list.map((revision) => ({ key, ...revision })));
    rows.sort((a, b) => a.main - b.main || a.sub - b.sub);
    const other = new PagedKeyIndex(small);
    for (const { key, tombstone, ...revision } of rows) {
      other.restore(unhex(key), Object.assign(new KeyState(), revision), tombstone);
    }
    return other;
  }
}

test('random histories equal plain lists', () => {
  forSeeds(300, (random) => {
    const twin = new Twin(random, random.pick(keyMakers));
    const steps = random.pick([5, 40, 200]);
    for (let step = 0; step < steps; step++) {
      if (random.oneIn(40)) twin.compact();
      else if (random.oneIn(20)) twin.read();
      else twin.write();
    }
    twin.checkAll();
    if (random.oneIn(2)) twin.compact();
    checkIndex(twin.index);
    const other = twin.restored();
    checkIndex(other);
    for (const revision of [0, twin.compacted, twin.compacted + 3])
      deepEqual(ranged(other, utf8(''), undefined, revision), ranged(twin.index, utf8(''), undefined, revision));
  });
});

test('all keys deleted and compacted leave one empty leaf and no record', () => {
  forSeeds(40, (random) => {
    const index = new PagedKeyIndex(small);
    const state = new KeyState();
    const makeKey = random.pick(keyMakers);
    const keys = new Map<string, Bytes>();
    let main = 1;
    for (let i = 0; i < 1500; i++) {
      const key = makeKey(random);
      keys.set(hex(key), key);
      index.put(key, ++main, 0, noLease, state);
    }
    checkIndex(index);
    for (const key of random.shuffle([...keys.values()])) equal(index.tombstone(key, ++main, 0), true);
    equal(index.liveKeys, 0);
    let from: Bytes | undefined;
    do from = index.compact(main + 1, from, 1 + random.below(100), () => {});
    while (from !== undefined);
    checkIndex(index);
    equal(index.history.used, 0);
    equal(index.tree.pool.usedPages, 2); // The leaf, and the page for sweeping.
  });
});

test('keys in rising order fill their pages, and a key of 1 MiB is as good as any', () => {
  const index = new PagedKeyIndex();
  const state = new KeyState();
  const count = 20_000;
  for (let i = 0; i < count; i++) index.put(utf8(`key-${String(i).padStart(28, '0')}`), i + 2, 0, noLease, state);
  equal(index.liveKeys, count);
  equal(index.tree.pool.usedPages * 4096 < count * 80, true);
  const huge = new Uint8Array(1_300_000).fill(120);
  index.put(huge, count + 2, 0, noLease, state);
  huge[huge.length - 1] = 121;
  index.put(huge, count + 3, 0, noLease, state);
  equal(index.find(huge, state) && state.main, count + 3);
  const lengths: number[] = [];
  index.scan(utf8('x'), undefined, 0, (key) => {
    lengths.push(key.length);
    return compareBytes(key, huge) < 0;
  });
  deepEqual(lengths, [1_300_000, 1_300_000]);
  checkIndex(index);
});

test('one key with many revisions is let go of in slices', () => {
  const index = new PagedKeyIndex(small);
  const state = new KeyState();
  const key = utf8('counter');
  for (let main = 2; main < 1002; main++) index.put(key, main, 0, noLease, state);
  let slices = 0;
  let drops = 0;
  let from: Bytes | undefined;
  do {
    const before = drops;
    from = index.compact(1000, from, 10, () => drops++);
    equal(drops - before <= 10, true);
    slices++;
  } while (from !== undefined);
  equal(drops, 998);
  equal(slices > 90, true);
  equal(index.findAt(key, 1000, state) && state.version, 999);
  checkIndex(index);
});

test('a tombstone at the compact revision stays until the next compaction, also when it is all that was restored', () => {
  const state = new KeyState();
  for (const restored of [false, true]) {
    const index = new PagedKeyIndex(small);
    const key = utf8('a');
    const dropped: string[] = [];
    const note = (main: number, _sub: number, tombstone: boolean) => dropped.push(`${main} ${tombstone}`);
    if (restored) index.restore(key, Object.assign(new KeyState(), { main: 3 }), true);
    else {
      index.put(key, 2, 0, noLease, state);
      index.tombstone(key, 3, 0);
    }
    equal(index.compact(3, undefined, 10, note), undefined);
    deepEqual(dropped, restored ? [] : ['2 false']);
    equal(index.find(key, state), false);
    equal(index.compact(4, undefined, 10, note), undefined);
    deepEqual(dropped.at(-1), '3 true');
    equal(index.tree.leaf.count, 0);
  }
});

/** A file in memory: hands out its bytes in order. */
function reader(file: Bytes): (bytes: Bytes) => boolean {
  let at = 0;
  return (bytes) => {
    if (at + bytes.length > file.length) return false;
    bytes.set(file.subarray(at, at + bytes.length));
    at += bytes.length;
    return true;
  };
}

test('a checkpoint brings back the index, also one in the middle of a compaction, and a damaged one is refused', () => {
  forSeeds(25, (random) => {
    const twin = new Twin(random, random.pick(keyMakers));
    for (let step = 0; step < 100; step++) {
      if (random.oneIn(30)) twin.compact();
      else twin.write();
    }
    if (random.oneIn(2)) {
      twin.compacted = twin.main;
      twin.plain.compact(twin.main);
      twin.index.compact(twin.main, undefined, 5, () => {});
    }
    const file = Buffer.concat([...writeCheckpoint(twin.index, { revision: twin.main, compactRevision: 7 })]);
    const loaded = loadCheckpoint(reader(file), random.oneIn(5) ? undefined : small);
    if (loaded === undefined) throw new Error('the checkpoint was refused');
    deepEqual([loaded.revision, loaded.compactRevision], [twin.main, 7]);
    checkIndex(loaded.index);
    const other = Object.assign(new Twin(random, twin.makeKey), { ...twin, index: loaded.index });
    for (let step = 0; step < 40; step++) other.write();
    checkIndex(other.index);
    deepEqual(ranged(other.index, utf8(''), undefined, 0), other.plain.range(utf8(''), undefined, 0));

    const at = random.below(file.length);
    file[at] = (file[at] as number) ^ (1 + random.below(255));
    equal(loadCheckpoint(reader(file), small), undefined);
    equal(loadCheckpoint(reader(file.subarray(0, at)), small), undefined);
  });
});
