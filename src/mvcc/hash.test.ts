// Proves: HashKV answers what etcd's own store answers (interop/hashkv), for all revisions of histories with compactions,
// with compactions done and under way, after a restart, and from either index; slices change nothing.
import { deepEqual, equal } from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { LeaseId } from '../base/ids.js';
import { type ErrorName, errors } from '../wire/errors.js';
import type { KvHash } from './hash-book.js';
import { HashAllJob, HashKvJob } from './hash-job.js';
import { PagedKeyIndex } from './index/paged-key-index.js';
import { StoreLoader } from './loader.js';
import { MemoryValues } from './memory-values.js';
import { PlainIndex } from './plain-index.js';
import { Store } from './store.js';

interface Step {
  txn?: { key: string; value?: string; lease?: number; delete?: boolean; end?: string }[];
  compact?: number;
  hash?: number;
  answer?: KvHash & { error?: string };
}

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const histories: Step[][] = JSON.parse(readFileSync(join(root, 'interop/hashkv/vectors.json'), 'utf8'));
const leases = { has: () => true, attach: () => {}, detach: () => {} };
const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text));
const newIndex = { plain: () => new PlainIndex(), paged: () => new PagedKeyIndex() };

function apply(store: Store, txn: NonNullable<Step['txn']>): void {
  const writing = store.begin();
  for (const { key, value = '', lease = 0, delete: gone, end } of txn) {
    if (!gone) writing.put(bytesOf(key), bytesOf(value), BigInt(lease) as LeaseId);
    else if (end === undefined) writing.deleteKey(bytesOf(key));
    else writing.deleteRange(bytesOf(key), end === '' ? undefined : bytesOf(end));
  }
  writing.end();
}

function hash(store: Store, revision: number, sliceBytes: number): KvHash | ErrorName | undefined {
  const job = new HashKvJob(store);
  const error = job.begin(revision);
  if (error !== undefined) return error;
  while (!job.step(sliceBytes));
  equal(store.pins.size, 0);
  if (job.result === undefined) return undefined;
  const { hash, compactRevision } = job.result;
  return { hash, compactRevision, revision: job.result.revision };
}

const byText = new Map<string, string>(Object.entries(errors).map(([name, { text }]) => [text, name]));
const wantedError = ({ answer }: Step) => answer?.error && byText.get(`etcdserver: ${answer.error}`);
const wanted = (step: Step) => wantedError(step) ?? step.answer;

for (const [kind, make] of Object.entries(newIndex)) {
  test(`the hashes of etcd, ${kind} index`, () => {
    for (const [number, steps] of histories.entries()) {
      const values = new MemoryValues();
      const store = new Store({ index: make(), values, leases }, { compactionBatchLimit: 4, compactionSleepMs: 10 });
      for (const [place, step] of steps.entries()) {
        const at = `history ${number}, step ${place}: ${JSON.stringify(step)}`;
        if (step.txn !== undefined) apply(store, step.txn);
        if (step.compact !== undefined) {
          equal(store.compactor.schedule(step.compact), wantedError(step), at);
          for (let now = 0; !store.compactor.idle; now += 10) store.compactor.step(now);
        }
        if (step.hash !== undefined) {
          for (const sliceBytes of [1, 5000, 1e9]) deepEqual(hash(store, step.hash, sliceBytes), wanted(step), at);
        }
      }
      // What was remembered is gone with a restart; the rest is the same.
      const remembered = new Set(store.hashes.all.map((each) => each.revision));
      const again = new Store({ index: make(), values, leases });
      while (!new StoreLoader(again).step(1e9));
      for (const step of steps.slice(-10)) {
        if (step.hash === undefined || remembered.has(step.hash)) continue;
        deepEqual(hash(again, step.hash, 1e9), wanted(step));
      }
    }
  });
}

test('a hash is the same whether or not a compaction has got through', () => {
  for (const steps of histories) {
    const store = new Store(
      { index: new PlainIndex(), values: new MemoryValues(), leases },
      { compactionBatchLimit: 1, compactionSleepMs: 0 },
    );
    for (const { txn } of steps) if (txn !== undefined) apply(store, txn);
    // With no key alive it does make a difference, in etcd too.
    apply(store, [{ key: 'z', value: 'alive' }]);
    const target = Math.floor(store.revision / 2);
    store.compactor.schedule(target);
    const before = hash(store, 0, 1e9);
    for (let now = 0; !store.compactor.idle; now++) {
      store.compactor.step(now);
      deepEqual(hash(store, 0, 1e9), before);
    }
  }
});

test('the hash of everything sees records and values, but not what is a member’s own', () => {
  const values = new MemoryValues();
  const store = new Store({ index: new PlainIndex(), values, leases });
  const all = () => {
    const job = new HashAllJob(store);
    while (!job.step(1));
    return job.hash;
  };
  const empty = all();
  values.setRecord('meta', bytesOf('term'), bytesOf('1'));
  equal(all(), empty);
  values.setRecord('meta', bytesOf('confState'), bytesOf('{}'));
  const record = all();
  equal(record === empty, false);
  apply(store, [{ key: 'a', value: 'b' }]);
  equal(all() === record, false);
});
