// Proves: the kept index leads to the same store as reading all values, also when the values have grown since; after a compaction, for
// damaged bytes or another directory's file it is not used.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { text, utf8 } from '../base/bytes.js';
import { noLease } from '../base/ids.js';
import { Random } from '../base/random.js';
import { PagedKeyIndex } from '../mvcc/index/paged-key-index.js';
import { StoreLoader } from '../mvcc/loader.js';
import { Store } from '../mvcc/store.js';
import { loadIndex, saveIndex } from './index-checkpoint.js';
import { openStoredValues, type StoredValues } from './values/stored-values.js';

const noLeases = { has: () => false, attach() {}, detach() {} };
const keys = 11_000;

function open(folder: string): StoredValues {
  return openStoredValues(join(folder, 'values'), {
    onFatal: (cause) => {
      throw cause;
    },
  });
}

function load(values: StoredValues, kept: ReturnType<typeof loadIndex>): Store {
  const store = new Store({ index: kept?.index ?? new PagedKeyIndex(), values, leases: noLeases });
  const loader = new StoreLoader(store, kept?.revision);
  while (!loader.step(Number.POSITIVE_INFINITY));
  return store;
}

function change(store: Store, random: Random, count: number): void {
  for (let i = 0; i < count; i++) {
    const txn = store.begin();
    const key = utf8(`key/${random.below(keys + 500)}`);
    if (random.oneIn(20)) txn.deleteKey(key);
    else txn.put(key, random.bytes(random.below(40)), noLease);
    txn.end();
  }
}

function contentOf(store: Store, revision: number): string[] {
  const rows: string[] = [];
  store.index.scan(new Uint8Array(0), undefined, revision, (key, { main, sub, create, version, storedBytes }) => {
    rows.push(`${text(key)} ${main}.${sub} ${create} ${version} ${storedBytes}`);
    return true;
  });
  return rows;
}

const commit = (values: StoredValues) => new Promise<void>((resolve) => values.commit(resolve));

test('a start with the kept index is a start without it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-index-'));
  const random = new Random(1);
  try {
    let values = open(folder);
    let store = load(values, undefined);
    for (let i = 0; i < keys; i++) {
      const txn = store.begin();
      txn.put(utf8(`key/${i}`), utf8('first'), noLease);
      txn.end();
    }
    await commit(values);
    saveIndex(folder, store);
    await commit(values);
    equal(loadIndex(folder, values)?.index.liveKeys, keys, 'also where no key has a history');
    change(store, random, 5000);
    const atStop = store.revision;
    await commit(values);
    saveIndex(folder, store);
    await commit(values);
    await values.close();

    values = open(folder);
    store = load(values, loadIndex(folder, values));
    equal(store.revision, atStop);
    const fresh = load(values, undefined);
    for (const revision of [0, atStop - 3000, keys]) deepEqual(contentOf(store, revision), contentOf(fresh, revision));

    // The next run ends without keeping its index: the old one still leads to what was written since.
    change(store, random, 2000);
    await commit(values);
    await values.close();
    values = open(folder);
    const kept = loadIndex(folder, values);
    equal(kept?.revision, atStop);
    store = load(values, kept);
    equal(store.revision, load(values, undefined).revision);
    deepEqual(contentOf(store, 0), contentOf(load(values, undefined), 0));

    equal(store.compactor.schedule(atStop), undefined);
    while (!store.compactor.idle) store.compactor.step(store.compactor.nextStepAtMs);
    equal(loadIndex(folder, values), undefined, 'history was compacted since');
    await commit(values);
    saveIndex(folder, store);
    await commit(values);
    ok(loadIndex(folder, values));

    const path = join(folder, 'index');
    const bytes = readFileSync(path);
    bytes.writeUInt8(bytes.readUInt8(5000) ^ 1, 5000);
    writeFileSync(path, bytes);
    equal(loadIndex(folder, values), undefined, 'a bit is wrong');
    await values.close();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
