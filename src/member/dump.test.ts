// Proves: a dump shows the state as it was when it began, whatever is put, compacted and recorded while it is made, in etcd's buckets; and
// a store that takes it in holds the same.
import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, concatBytes, noBytes, text, utf8 } from '../base/bytes.js';
import type { LeaseId, MemberId } from '../base/ids.js';
import type { Random } from '../base/random.js';
import { forSeeds } from '../base/seeds.js';
import { encodeLease, leaseKey } from '../lease/record.js';
import { MemoryValues } from '../mvcc/memory-values.js';
import { PlainIndex } from '../mvcc/plain-index.js';
import { Store } from '../mvcc/store.js';
import type { ValueStore } from '../mvcc/value-store.js';
import { emptyConfState } from '../raft/memory-storage.js';
import { BoltFile } from '../wire/bolt/bolt-file.js';
import { BoltFault } from '../wire/bolt/format.js';
import { DatabaseImport } from './database-import.js';
import { beginDump } from './dump.js';

const confState = { ...emptyConfState, voters: [5n as MemberId, 7n as MemberId] };
const hex = (bytes: Bytes) => Buffer.from(bytes).toString('hex');

function contents(values: ValueStore): string[] {
  const seen: string[] = [];
  values.scan(0, 0, Number.MAX_SAFE_INTEGER, (main, sub, tombstone, value) => {
    seen.push(`${main}/${sub} ${tombstone} ${hex(value)}`);
    return true;
  });
  for (const bucket of ['lease', 'cluster', 'meta']) {
    values.scanRecords(bucket, (key, value) => {
      if (!['consistent_index', 'term', 'confState', 'storageVersion'].includes(text(key)))
        seen.push(`${bucket} ${hex(key)} ${hex(value)}`);
    });
  }
  return seen;
}

function change(store: Store, random: Random): void {
  const txn = store.begin();
  for (let i = random.below(4); i >= 0; i--) {
    const key = utf8(`k${random.below(60)}`);
    if (random.oneIn(4)) txn.deleteRange(key, undefined);
    else txn.put(key, random.bytes(random.below(random.oneIn(20) ? 9000 : 200)), 0n as LeaseId);
  }
  txn.end();
  if (random.oneIn(5)) {
    const id = BigInt(1 + random.below(500)) as LeaseId;
    store.values.setRecord('lease', leaseKey(id), encodeLease(id, 10, 0));
  }
}

function compact(store: Store): void {
  store.compactor.schedule(store.revision, 0);
  while (!store.compactor.idle) store.compactor.step(store.compactor.nextStepAtMs);
}

function newStore(values: ValueStore): Store {
  return new Store({ index: new PlainIndex(), values, leases: { has: () => true, attach() {}, detach() {} } });
}

test('a dump is the state as it began, and is taken in as it is', () => {
  forSeeds(25, (random) => {
    const store = newStore(new MemoryValues());
    store.values.setRecord('cluster', utf8('clusterVersion'), utf8('3.7.0'));
    for (let i = random.pick([0, 3, 200, 1500]); i > 0; i--) change(store, random);
    if (random.oneIn(2)) compact(store);
    const at = { index: 1000, term: 3, confState, revision: store.revision };
    const before = contents(store.values);
    const dump = beginDump(store.values, at);
    const sliceBytes = random.pick([10, 1000, 50_000]);
    const disturb = () => {
      if (sliceBytes < 1000 && !random.oneIn(20)) return;
      change(store, random);
      if (random.oneIn(10)) compact(store);
    };
    while (!dump.plan(sliceBytes)) disturb();
    const pieces: Bytes[] = [];
    for (let piece = dump.next(8192); piece !== undefined; piece = dump.next(8192)) {
      pieces.push(piece);
      disturb();
    }
    const bytes = concatBytes(pieces);
    equal(bytes.length, dump.sizeBytes);
    dump.close();

    const values = new MemoryValues();
    const source = {
      sizeBytes: bytes.length,
      read: (offset: number, length: number) => bytes.subarray(offset, offset + length),
    };
    const taking = new DatabaseImport(new BoltFile(source), values);
    while (!taking.step(sliceBytes));
    deepEqual(contents(values), before);
    const meta = (key: string) => text(values.getRecord('meta', utf8(key)) ?? noBytes);
    equal(meta('confState'), '{"voters":[5,7],"auto_leave":false}');
    equal(meta('storageVersion'), '3.7.0');
    equal(hex(values.getRecord('meta', utf8('consistent_index')) ?? noBytes), '00000000000003e8');
    equal(hex(values.getRecord('auth', utf8('authRevision')) ?? noBytes), '0000000000000001');
  });
});

test("all of etcd's buckets are there", () => {
  const dump = beginDump(new MemoryValues(), { index: 1, term: 1, confState, revision: 1 });
  while (!dump.plan(1000));
  const bytes = dump.next(1 << 20) ?? noBytes;
  const names: string[] = [];
  const buckets = new BoltFile({
    sizeBytes: bytes.length,
    read: (at, length) => bytes.subarray(at, at + length),
  }).buckets();
  while (buckets.next()) names.push(text(buckets.key()));
  const wanted = 'alarm auth authRoles authUsers cluster key lease members members_removed meta';
  equal(names.join(' '), wanted);
});

test('a database whose keys are no revisions is a fault', () => {
  const values = new MemoryValues();
  values.append(2, 0, false, utf8('value'));
  const dump = beginDump(values, { index: 1, term: 1, confState, revision: 2 });
  while (!dump.plan(1000));
  const bytes = dump.next(1 << 20) ?? noBytes;
  const at = Buffer.from(bytes).indexOf(Buffer.from('00000000000000025f', 'hex'));
  bytes[at + 8] = 0x5e;
  const taking = new DatabaseImport(
    new BoltFile({ sizeBytes: bytes.length, read: (from, length) => bytes.subarray(from, from + length) }),
    new MemoryValues(),
  );
  throws(() => taking.step(1 << 20), BoltFault);
});
