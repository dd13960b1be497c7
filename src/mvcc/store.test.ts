// Proves: for random histories of puts, deletions, transactions, compactions and restarts, every range at every revision
// with every option answers what a plain list of all that happened answers, in one piece or in slices.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { Bytes } from '../base/bytes.js';
import { type LeaseId, noLease } from '../base/ids.js';
import { Random } from '../base/random.js';
import { forSeeds } from '../base/seeds.js';
import { KeyValue } from '../wire/messages/key-value.js';
import { RangeRequest } from '../wire/messages/kv-requests.js';
import { Reader } from '../wire/proto/reader.js';
import { waitMsMax } from './compaction.js';
import { PagedKeyIndex } from './index/paged-key-index.js';
import { KeyState } from './key-index.js';
import type { LeaseAttachments } from './lease-attachments.js';
import { StoreLoader } from './loader.js';
import { MemoryValues } from './memory-values.js';
import { type Fact, type NaiveAnswer, type NaiveRange, NaiveStore } from './naive-store.js';
import { PlainIndex } from './plain-index.js';
import { RangeCursor } from './range-cursor.js';
import { Store } from './store.js';

/** Which key hangs on which lease, as text. */
class PlainLeases implements LeaseAttachments {
  readonly attached = new Map<string, LeaseId>();

  has(): boolean {
    return true;
  }

  attach(lease: LeaseId, key: Bytes): void {
    this.attached.set(textOf(key), lease);
  }

  detach(key: Bytes): void {
    this.attached.delete(textOf(key));
  }
}

const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));
const textOf = (bytes: Bytes) => Buffer.from(bytes).toString('latin1');

const keys = ['a', 'aa', 'ab', 'b', 'b\0', 'ba', 'c', 'd'];
const ends = [undefined, undefined, '', 'b', 'c', 'a', 'zz'];

function requestOf(asked: NaiveRange): RangeRequest {
  const request = new RangeRequest();
  const key = bytesOf(asked.key);
  const end = asked.end === undefined ? new Uint8Array(0) : asked.end === '' ? new Uint8Array(1) : bytesOf(asked.end);
  request.bytes = Uint8Array.from([...key, ...end]);
  request.keyEnd = request.rangeEndStart = key.length;
  request.rangeEndEnd = key.length + end.length;
  request.revision = asked.revision;
  request.limit = asked.limit;
  request.sortOrder = asked.order;
  request.sortTarget = asked.target;
  request.keysOnly = asked.keysOnly;
  request.countOnly = asked.countOnly;
  request.minModRevision = asked.minMod;
  request.maxModRevision = asked.maxMod;
  request.minCreateRevision = asked.minCreate;
  request.maxCreateRevision = asked.maxCreate;
  return request;
}

function drawRange(random: Random, newest: number): NaiveRange {
  const filter = () => (random.oneIn(8) ? random.below(newest + 1) : 0);
  return {
    key: random.pick(keys),
    end: random.pick(ends),
    revision: random.oneIn(2) ? 0 : random.below(newest + 3) - 1,
    limit: random.oneIn(2) ? 0 : random.below(6) - 1,
    order: random.oneIn(2) ? 0 : random.below(3),
    target: random.oneIn(2) ? 0 : random.below(5),
    keysOnly: random.oneIn(3),
    countOnly: random.oneIn(6),
    minMod: filter(),
    maxMod: filter(),
    minCreate: filter(),
    maxCreate: filter(),
  };
}

const view = (kv: Fact) => `${kv.key}=${kv.value} ${kv.create}/${kv.main}/${kv.version} ${kv.lease}`;

/** An answer's body, read back. */
function parse(body: Bytes): { kvs: string[]; more: boolean; count: number } {
  const answer = { kvs: [] as string[], more: false, count: 0 };
  const kv = new KeyValue();
  const reader = new Reader();
  reader.open(body, 0, body.length);
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x12) {
      const end = reader.bytesField();
      equal(kv.decode(body, reader.fieldStart, end), 0);
      const { createRevision: create, modRevision: main, version, lease } = kv;
      answer.kvs.push(view({ key: textOf(kv.key), value: textOf(kv.value), create, main, version, lease, sub: 0 }));
    } else if (tag === 0x18) answer.more = reader.bool();
    else if (tag === 0x20) answer.count = reader.int64();
    else throw new Error(`field ${tag}`);
  }
  equal(reader.failure, 0);
  return answer;
}

/** Reads a range in one go, or in slices of random size, with `between` run between the slices. */
function read(random: Random, store: Store, asked: NaiveRange, between?: () => void) {
  const cursor = new RangeCursor(store);
  const request = requestOf(asked);
  const error = cursor.open(request);
  if (error !== undefined) return error;
  while (!cursor.plan(between === undefined ? undefined : random.below(3))) between?.();
  request.bytes.fill(0); // The transport takes its buffer back.
  const body = new Uint8Array(cursor.bodyBytes);
  let at = 0;
  while (!cursor.done) {
    const room = between === undefined ? body.length : Math.min(body.length, at + random.below(20));
    at = cursor.fill(body, at, room);
    cursor.hold();
    between?.();
  }
  equal(at, body.length, 'the length is as planned');
  equal(store.pins.size, 0);
  return parse(body);
}

function compare(answer: ReturnType<typeof read>, wanted: NaiveAnswer, asked: NaiveRange): void {
  if (typeof wanted === 'string' || typeof answer === 'string') {
    equal(answer, wanted);
    return;
  }
  deepEqual(answer, { ...wanted, kvs: wanted.kvs.map(view) }, JSON.stringify(asked));
}

function runCompactions(store: Store): void {
  for (let now = 0; !store.compactor.idle; now += 10) store.compactor.step(now);
}

class Pair {
  readonly values = new MemoryValues();
  readonly naive = new NaiveStore();
  leases = new PlainLeases();
  store: Store;

  constructor(readonly random: Random) {
    this.store = this.#make();
  }

  #make(): Store {
    return new Store(
      {
        index: this.random.oneIn(2) ? new PlainIndex() : new PagedKeyIndex(),
        values: this.values,
        leases: this.leases,
      },
      { compactionBatchLimit: 3, compactionSleepMs: 10 },
    );
  }

  /** A restart, or the arrival of a snapshot that happens to hold the same. */
  restart(): void {
    if (this.random.oneIn(2)) this.store.reset(new PagedKeyIndex());
    else {
      this.leases = new PlainLeases();
      this.store = this.#make();
    }
    const loader = new StoreLoader(this.store);
    while (!loader.step(1 + this.random.below(5)));
    // A compaction to 0 that did not get to its end is forgotten, as etcd forgets it.
    if (this.naive.compacted === 0) this.naive.compacted = this.store.compactedRevision;
  }

  write(): void {
    const { random, naive, store } = this;
    const txn = store.begin();
    const put = new Set<string>();
    for (let changes = random.below(4); changes > 0; changes--) {
      const key = random.pick(keys);
      if (random.oneIn(3)) {
        const end = random.pick(ends);
        // A transaction puts a key once at most, and changes it no more after that.
        if (naive.keysOf(key, end, naive.inner).some((fact) => put.has(fact.key))) continue;
        const deleted =
          end === undefined
            ? txn.deleteKey(bytesOf(key))
            : txn.deleteRange(bytesOf(key), end === '' ? undefined : bytesOf(end));
        equal(deleted, naive.delete(key, end));
      } else {
        const value = textOf(random.bytes(random.below(12)));
        const lease = random.oneIn(2) ? 0n : BigInt(random.below(3)) - 1n;
        if (put.has(key)) continue;
        put.add(key);
        txn.put(bytesOf(key), bytesOf(value), lease as LeaseId);
        naive.put(key, value, lease);
      }
      equal(txn.revision, naive.inner);
    }
    naive.end();
    equal(txn.end(), naive.revision);
  }

  compact(): void {
    const revision = this.random.below(this.naive.revision + 2);
    equal(this.store.compactor.schedule(revision), this.naive.compact(revision));
  }

  /** All that is stored, compared: what compactions drop, what they keep, and what hangs on leases. */
  compareAll(): void {
    const { store, naive } = this;
    equal(store.revision, naive.revision);
    equal(store.compactedRevision, naive.compacted);
    const stored: string[] = [];
    this.values.scan(
      0,
      0,
      Number.POSITIVE_INFINITY,
      (main, sub, tombstone) => stored.push(`${main}/${sub}/${tombstone}`) > 0,
    );
    deepEqual(
      stored,
      naive.facts.map((fact) => `${fact.main}/${fact.sub}/${fact.value === undefined}`),
    );
    const leased = naive.keysOf('', '', naive.revision).filter((fact) => fact.lease !== 0n);
    deepEqual(
      new Map([...this.leases.attached].sort()),
      new Map(leased.map((fact) => [fact.key, fact.lease as LeaseId])),
    );
    const state = new KeyState();
    for (const key of keys) {
      for (let revision = Math.max(naive.compacted, 1); revision <= naive.revision; revision++) {
        const fact = naive.at(key, revision);
        equal(store.index.findAt(bytesOf(key), revision, state), fact !== undefined);
        const value = store.valueAt(bytesOf(key), revision);
        equal(value?.length, fact && state.storedBytes);
      }
    }
  }
}

test('random histories', () => {
  forSeeds(60, (random) => {
    const pair = new Pair(random);
    for (let turn = 0; turn < 40; turn++) {
      pair.write();
      if (random.oneIn(8)) pair.compact();
      if (random.oneIn(12)) pair.store.compactor.step(turn * 1000);
      if (random.oneIn(15)) pair.restart();
      for (let reads = 0; reads < 6; reads++) {
        const asked = drawRange(random, pair.naive.revision);
        compare(read(random, pair.store, asked), pair.naive.range(asked), asked);
      }
    }
    runCompactions(pair.store);
    pair.compareAll();
    pair.restart();
    pair.compareAll();
  });
});

test('a range in slices answers as of its revision, whatever is written and compacted meanwhile', () => {
  forSeeds(80, (random) => {
    const pair = new Pair(random);
    for (let turn = 0; turn < 12; turn++) pair.write();
    for (let reads = 0; reads < 10; reads++) {
      const asked = drawRange(random, pair.naive.revision);
      const wanted = pair.naive.range(asked);
      let now = 0;
      const between = () => {
        pair.write();
        if (random.oneIn(10)) pair.compact();
        pair.store.compactor.step(now++);
      };
      compare(read(random, pair.store, asked, between), wanted, asked);
    }
    runCompactions(pair.store);
    pair.compareAll();
  });
});

test('a range of many windows', () => {
  const pair = new Pair(new Random(1));
  const txn = pair.store.begin();
  for (let i = 0; i < 2500; i++) {
    const key = `k${String(i).padStart(5, '0')}`;
    txn.put(bytesOf(key), bytesOf(`v${i}`), noLease);
    pair.naive.put(key, `v${i}`, noLease);
  }
  txn.end();
  pair.naive.end();
  const all = { revision: 0, order: 0, target: 0, countOnly: false, minMod: 0, maxMod: 0, minCreate: 0, maxCreate: 0 };
  for (const keysOnly of [false, true]) {
    for (const limit of [0, 1023, 1024, 1025, 2048, 2499, 2500]) {
      const asked = { ...all, key: 'a', end: '', keysOnly, limit };
      compare(read(pair.random, pair.store, asked), pair.naive.range(asked), asked);
    }
  }
});

test('a reader that takes too long loses its revision to a compaction', () => {
  const pair = new Pair(new Random(3));
  const txn = pair.store.begin();
  for (const key of keys) txn.put(bytesOf(key), bytesOf('v'), noLease);
  txn.end();
  const cursor = new RangeCursor(pair.store);
  const plain = { revision: 0, limit: 0, order: 0, target: 0, keysOnly: false, countOnly: false, minMod: 0, maxMod: 0 };
  cursor.open(requestOf({ ...plain, key: 'a', end: '', minCreate: 0, maxCreate: 0 }));
  equal(cursor.plan(2), false);
  const overwrite = pair.store.begin();
  overwrite.put(bytesOf('a'), bytesOf('w'), noLease);
  equal(overwrite.end(), 3);
  let compacted = false;
  equal(pair.store.compactor.schedule(3), undefined);
  pair.store.compactor.whenDone({ compacted: () => (compacted = true) });
  for (let now = 0; now < waitMsMax; now += 1000) pair.store.compactor.step(now);
  deepEqual([cursor.lost, compacted], [false, false]);
  for (let now = waitMsMax; !compacted; now += 10) pair.store.compactor.step(now);
  equal(cursor.lost, true);
  equal(cursor.plan(), false);
  equal(pair.store.pins.size, 0);
});
