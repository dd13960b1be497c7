/**
 * What the watch hub costs: `node --expose-gc bench/micro/watch-hub.js`, after `npm run build`.
 * A put that nobody watches, with more and more watchers of other keys; one event for many watchers; memory of a watcher.
 */

import { MemoryValues } from '../../dist/mvcc/memory-values.js';
import { WatchHub } from '../../dist/mvcc/watch/hub.js';
import { endOfKey } from '../../dist/mvcc/watch/ranges.js';
import { KeyValue } from '../../dist/wire/messages/key-value.js';

const encode = (text) => new TextEncoder().encode(text);
const values = new MemoryValues();
const history = { revision: 1, compactedRevision: -1, values, valueAt: () => undefined };

function encodedPut(key, main) {
  const kv = new KeyValue();
  kv.setKey(key, 0, key.length);
  const value = new Uint8Array(256);
  kv.setValue(value, 0, 256);
  kv.createRevision = kv.modRevision = main;
  kv.version = 1;
  return kv.encode();
}

class CountingSink {
  writable = true;
  bytes = 0;
  events(_watcher, batch) {
    this.bytes += batch.end - batch.start;
  }
  compacted() {}
}

function wanted(key, end) {
  return { id: 0, key, end, startRevision: 0, variant: 0, progressNotify: false, fragment: false };
}

const prefixEnd = (key) => {
  const end = key.slice();
  end[end.length - 1]++;
  return end;
};

function nsPer(count, body) {
  body(Math.ceil(count / 10));
  let best = Infinity;
  for (let run = 0; run < 5; run++) {
    const start = process.hrtime.bigint();
    body(count);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / count);
  }
  return best.toFixed(0);
}

function fill(hub, stream, count, kind) {
  for (let i = 0; i < count; i++) {
    const key = encode(`/registry/pods/namespace-${i % 977}/pod-${i}${kind === 'prefix' ? '/' : ''}`);
    if (kind === 'key') hub.watch(stream, wanted(key, endOfKey(key)));
    else if (kind === 'prefix') hub.watch(stream, wanted(key, prefixEnd(key)));
    else hub.watch(stream, wanted(key, encode(`/registry/pods/namespace-${i % 977}/pod-${i}~`)));
  }
}

for (const kind of ['key', 'prefix', 'range']) {
  for (const count of [0, 1000, 100_000]) {
    const hub = new WatchHub(history);
    global.gc?.();
    const before = process.memoryUsage();
    const stream = hub.open(new CountingSink());
    fill(hub, stream, count, kind);
    global.gc?.();
    const after = process.memoryUsage();
    const bytes = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
    const keys = Array.from({ length: 1000 }, (_, i) => encode(`/registry/services/namespace-${i % 97}/svc-${i}`));
    const value = encodedPut(keys[0], 2);
    const ns = nsPer(500_000, (n) => {
      for (let i = 0; i < n; i++) {
        hub.changed(2, 0, false, keys[i % 1000], value);
        hub.committed(2);
      }
    });
    console.log(
      `${kind}: put beside ${count} watchers: ${ns} ns; ${count ? Math.round(bytes / count) : 0} bytes a watcher`,
    );
  }
}

for (const count of [1, 10, 1000]) {
  const hub = new WatchHub(history);
  const sinks = Array.from({ length: 10 }, () => new CountingSink());
  const streams = sinks.map((sink) => hub.open(sink));
  const key = encode('/registry/services/namespace/svc');
  for (let i = 0; i < count; i++) hub.watch(streams[i % 10], wanted(key, endOfKey(key)));
  const value = encodedPut(key, 2);
  history.revision = 1;
  const ns = nsPer(Math.ceil(300_000 / count), (n) => {
    for (let i = 0; i < n; i++) {
      history.revision++;
      hub.changed(history.revision, 0, false, key, value);
      hub.committed(history.revision);
    }
  });
  console.log(`one event for ${count} watchers: ${ns} ns, ${(ns / count).toFixed(0)} ns each (hub alone)`);
}

{
  const hub = new WatchHub(history);
  const sink = new CountingSink();
  const stream = hub.open(sink);
  const total = 200_000;
  for (let i = 0; i < total; i++) values.append(i + 2, 0, false, encodedPut(encode(`k${i % 1000}`), i + 2));
  history.revision = total + 1;
  for (const watchers of [1, 512]) {
    for (let i = 0; i < watchers; i++) {
      const key = encode(watchers === 1 ? 'k' : `k${i}`);
      hub.watch(stream, { ...wanted(key, watchers === 1 ? undefined : endOfKey(key)), startRevision: 1 });
    }
    const start = process.hrtime.bigint();
    let longest = 0;
    let slices = 0;
    for (let more = true; more; slices++) {
      const sliceStart = process.hrtime.bigint();
      more = hub.catchUp();
      longest = Math.max(longest, Number(process.hrtime.bigint() - sliceStart));
    }
    const ns = Number(process.hrtime.bigint() - start);
    console.log(
      `catching up with ${total} revisions, ${watchers} watchers: ${(ns / total).toFixed(0)} ns a revision, ` +
        `${slices} slices, longest ${(longest / 1e6).toFixed(1)} ms`,
    );
  }
}
