// Proves: on a real disk, what was reported durable is read back, across segments, torn ends, restarts and purges.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { ClusterId, MemberId } from '../base/ids.js';
import type { WalBatch } from '../wire/wal/batch.js';
import { metadataBytes } from '../wire/wal/records.js';
import { logExists, startWal, type WalOptions } from './wal.js';

const home = mkdtempSync(join(tmpdir(), 'quorate-wal-'));
after(() => rmSync(home, { recursive: true }));

const metadata = () => metadataBytes({ memberId: 7n as MemberId, clusterId: 9n as ClusterId });
const log = { warn: () => {}, info: () => {} };

function start(directory: string, more: Partial<WalOptions> = {}) {
  const reported = { batches: 0, waiting: () => {} };
  const persisted = (batches: number) => {
    reported.batches += batches;
    reported.waiting();
  };
  const options = { directory, metadata, log, persisted, unsafeNoFsync: false, walsMax: 5, ...more };
  const started = startWal(options);
  if (!started.ok) throw new Error(started.refusal.text);
  const reach = (batches: number) =>
    new Promise<void>((resolve) => {
      reported.waiting = () => reported.batches >= batches && resolve();
      reported.waiting();
    });
  return { ...started, reach };
}

function batch(index: number, data = Buffer.from(`entry ${index}`)): WalBatch {
  const entries = [{ type: 0 as const, term: 2, index, data }];
  return {
    entries,
    hardState: { term: 2, vote: 7n as MemberId, commit: index - 1 },
    snapshot: undefined,
    mustSync: true,
  };
}

test('what was reported is there after a restart', async () => {
  const directory = join(home, 'a', 'wal');
  equal(logExists(directory), false);
  const first = start(directory);
  for (let index = 1; index <= 200; index++) {
    first.writer.append(batch(index));
    if (index % 7 === 0) await first.reach(index);
  }
  await first.reach(200);
  await new Promise<void>((resolve) => first.stop(resolve));
  ok(logExists(directory));
  equal(statSync(join(directory, '0000000000000000-0000000000000000.wal')).mode & 0o777, 0o600);
  equal(statSync(directory).mode & 0o777, 0o700);

  const second = start(directory);
  equal(second.wal.entries.length, 200);
  deepEqual(second.wal.hardState, { term: 2, vote: 7n, commit: 199 });
  equal(Buffer.from(second.wal.entries[99]?.data ?? []).toString(), 'entry 100');
  second.writer.append(batch(150));
  await second.reach(1);
  await new Promise<void>((resolve) => second.stop(resolve));
  const third = start(directory);
  equal(third.wal.entries.length, 150, 'a later entry takes the place of those behind it');
  await new Promise<void>((resolve) => third.stop(resolve));
});

test('segments are cut at 64 MB, made ready ahead, released and purged', async () => {
  const directory = join(home, 'b', 'wal');
  const first = start(directory, { unsafeNoFsync: true });
  const data = Buffer.alloc(1 << 20, 'x');
  for (let index = 1; index <= 140; index++) {
    first.writer.append(batch(index, data));
    await first.reach(index);
  }
  const names = () => readdirSync(directory).filter((name) => name.endsWith('.wal'));
  deepEqual(names(), [
    '0000000000000000-0000000000000000.wal',
    '0000000000000001-000000000000003f.wal',
    '0000000000000002-000000000000007d.wal',
  ]);
  for (const name of names().slice(0, 2)) ok(statSync(join(directory, name)).size >= 64_000_000);
  equal(statSync(join(directory, names()[2] as string)).size, 64_000_000);
  const removed: string[] = [];
  const purge = (keep: number) =>
    new Promise<void>((resolve) => {
      first.writer.purge(keep, (name) => removed.push(name));
      setImmediate(() => setImmediate(resolve));
    });
  await purge(1);
  deepEqual(removed, [], 'nothing was released');
  first.writer.release(0x7d);
  await purge(2);
  while (removed.length < 1) await purge(2);
  deepEqual(removed, ['0000000000000000-0000000000000000.wal']);
  await new Promise<void>((resolve) => first.stop(resolve));
  const before = performance.now();
  // Its snapshot record went with the first segment.
  equal(startWal({ directory, metadata, log, persisted: () => {}, unsafeNoFsync: true, walsMax: 5 }).ok, false);
  ok(performance.now() - before < 1500, 'two segments are read at once');
});

test('a torn end is cut off and kept, other damage is refused and left alone', async () => {
  const directory = join(home, 'c', 'wal');
  const first = start(directory);
  for (let index = 1; index <= 20; index++) first.writer.append(batch(index));
  await first.reach(20);
  await new Promise<void>((resolve) => first.stop(resolve));
  const path = join(directory, '0000000000000000-0000000000000000.wal');
  const sound = readFileSync(path);
  const end = sound.findLastIndex((byte) => byte !== 0) + 1;

  truncateSync(path, end - 5);
  const second = start(directory);
  ok(second.wal.repaired);
  equal(second.wal.entries.length, 20);
  equal(statSync(`${path}.broken`).size, end - 5);
  await new Promise<void>((resolve) => second.stop(resolve));

  const flipped = Buffer.from(sound);
  flipped[300] = (flipped[300] as number) ^ 4;
  writeFileSync(path, flipped);
  const refused = startWal({ directory, metadata, log, persisted: () => {}, unsafeNoFsync: false, walsMax: 5 });
  ok(!refused.ok);
  ok(
    /crc mismatch: expected: [0-9a-f]+ computed: [0-9a-f]+: in file '0{16}-0{16}.wal' at position: \d+; /.test(
      refused.refusal.text,
    ),
  );
  deepEqual(readFileSync(path), flipped);
});
