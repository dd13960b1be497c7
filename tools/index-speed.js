/** `node tools/index-speed.js [KEYS] [random|text|rising]`: what the key index costs, keys of 32 bytes, microseconds an operation. */
import { PerformanceObserver, performance } from 'node:perf_hooks';
import { Random } from '../dist/base/random.js';
import { PagedKeyIndex } from '../dist/mvcc/index/paged-key-index.js';
import { KeyState } from '../dist/mvcc/key-index.js';

const count = Number(process.argv[2] ?? 1_000_000);
const kind = process.argv[3] ?? 'random';
const random = new Random(1);
let longestCollection = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) longestCollection = Math.max(longestCollection, entry.duration);
}).observe({ entryTypes: ['gc'] });

const makers = {
  random: () => random.bytes(32),
  text: () => Buffer.from(`/registry/pods/ns-${random.below(1000)}/${random.uint32()}`.padEnd(32, 'z')),
  rising: (at) => Buffer.from(`key-${String(at).padStart(28, '0')}`),
};
const bytes = Buffer.alloc(count * 32);
for (let i = 0; i < count; i++) bytes.set(makers[kind](i), i * 32);
const keyAt = (at) => bytes.subarray(at * 32, at * 32 + 32);

const index = new PagedKeyIndex();
const state = new KeyState();
let main = 1;

function time(name, times, body) {
  const start = performance.now();
  body();
  console.log(`${name.padEnd(24)} ${(((performance.now() - start) * 1e3) / times).toFixed(3)} us`);
}
const each = (body) => () => {
  for (let i = 0; i < count; i++) body(i);
};
const put = (at) => {
  index.put(keyAt(at), ++main, 0, 0n, state);
  index.setStoredBytes(100);
};
const compact = () => {
  let from;
  do from = index.compact(main, from, 1000, () => {});
  while (from !== undefined);
};
const perKey = () => `${((index.tree.pool.usedPages * 4096) / count).toFixed(1)} bytes a key without history`;

time('insert', count, each(put));
console.log(perKey());
time(
  'find',
  count,
  each(() => index.find(keyAt(random.below(count)), state)),
);
time('scan, a key', count, () => index.scan(new Uint8Array(0), undefined, 0, () => true));
time(
  'count of a range',
  count,
  each((at) => index.count(keyAt(at), keyAt(random.below(count)), 0)),
);
time(
  'update',
  count,
  each(() => put(random.below(count))),
);
time(
  'update again',
  count,
  each(() => put(random.below(count))),
);
console.log(perKey());
time('compact, a key', count, compact);
time(
  'delete',
  count,
  each((at) => index.tombstone(keyAt(at), ++main, 0)),
);
time('compact all, a key', count, compact);
setImmediate(() => console.log(`longest garbage collection ${longestCollection.toFixed(1)} ms`));
