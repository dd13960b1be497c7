/**
 * `node bench/micro/wal.js [DIR]`: what the log costs. CPU a batch and an entry, and how long a batch takes to be durable,
 * by entries a batch; then reading a full segment.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32c } from '../../dist/base/crc32c.js';
import { checksum } from '../../dist/io/checksum.js';
import { NodeDisk } from '../../dist/io/disk.js';
import { Writer } from '../../dist/wire/proto/writer.js';
import { WalEncoder } from '../../dist/wire/wal/encoder.js';
import { createWal, openWal } from '../../dist/wire/wal/open.js';
import { metadataBytes } from '../../dist/wire/wal/records.js';
import { WalWriter } from '../../dist/wire/wal/writer.js';

const home = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'quorate-wal-bench-'));
const data = new Uint8Array(288).fill(120);
const metadata = metadataBytes({ memberId: 1n, clusterId: 2n });

function batchOf(first, size) {
  const entries = Array.from({ length: size }, (_, i) => ({ type: 0, term: 3, index: first + i, data }));
  return { entries, hardState: { term: 3, vote: 1n, commit: first - 1 }, snapshot: undefined, mustSync: true };
}

const at = (sorted, part) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];

/** `offered`: batches that are appended while one is written. */
async function measure(name, size, count, { offered = 1, sum = checksum } = {}) {
  const directory = join(home, `wal-${Math.random()}`);
  const disk = new NodeDisk();
  const wal = createWal({ disk, directory, checksum: sum }, metadata);
  const began = [];
  const took = [];
  let next = 0;
  let wake;
  const persisted = (batches) => {
    const now = performance.now();
    for (let i = 0; i < batches; i++) took.push((now - began[took.length]) * 1000);
    wake();
  };
  const failed = (failure) => {
    throw failure;
  };
  const writer = new WalWriter(wal.tail, { disk, checksum: sum, persisted, failed });
  const batches = Array.from({ length: 64 }, (_, i) => batchOf(1 + i * size, size));
  const cpu = process.cpuUsage();
  const start = performance.now();
  let laidOutUs = 0;
  await new Promise((resolve) => {
    wake = () => {
      if (took.length === count) return resolve();
      while (next < count && next - took.length < offered) {
        const before = performance.now();
        began.push(before);
        writer.append(batches[next++ % 64]);
        laidOutUs += (performance.now() - before) * 1000;
      }
    };
    wake();
  });
  const elapsedMs = performance.now() - start;
  const used = process.cpuUsage(cpu);
  const cpuUs = used.user + used.system;
  took.sort((a, b) => a - b);
  console.log(
    `${name.padEnd(30)} ${String(size).padStart(4)} entries: p50 ${at(took, 0.5).toFixed(0)} us, p99 ${at(took, 0.99).toFixed(0)} us; ` +
      `CPU ${(cpuUs / count).toFixed(0)} us a batch, ${(cpuUs / count / size).toFixed(2)} us an entry` +
      `, of it ${(laidOutUs / count).toFixed(1)} us in append; ` +
      `${((count * size) / elapsedMs).toFixed(0)}k entries/s`,
  );
  await new Promise((resolve) => writer.close(resolve));
  rmSync(directory, { recursive: true });
}

function encodeOnly(size, sum, name) {
  const writer = new Writer(1 << 20);
  const encoder = new WalEncoder(sum, 0);
  const entries = batchOf(1_000_000, size).entries;
  const times = Math.ceil(200_000 / size);
  for (let round = 0; round < 3; round++) {
    const start = performance.now();
    for (let i = 0; i < times; i++) {
      writer.reset();
      for (const entry of entries) encoder.entry(writer, entry);
    }
    const ns = ((performance.now() - start) * 1e6) / times / size;
    if (round === 2) console.log(`lay out and sum, ${name}, batches of ${size}: ${ns.toFixed(0)} ns an entry`);
  }
}

encodeOnly(1, crc32c, 'core');
encodeOnly(100, crc32c, 'core');
encodeOnly(100, checksum, 'io');
await measure('warm-up', 10, 500);
for (const size of [1, 10, 100, 1000]) await measure('one batch at a time', size, size > 100 ? 300 : 2000);
for (const size of [1, 10]) await measure('eight batches waiting', size, 6000, { offered: 8 });
await measure('sustained', 100, 8000, { offered: 4 });

{
  const directory = join(home, 'full');
  const disk = new NodeDisk({ unsafeNoFsync: true });
  const wal = createWal({ disk, directory, checksum }, metadata);
  const writer = new WalWriter(wal.tail, { disk, checksum, persisted: () => {}, failed: () => {} });
  for (let i = 0; i < 190; i++) writer.append(batchOf(1 + i * 1000, 1000));
  await new Promise((resolve) => writer.close(resolve));
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    const opening = openWal({ disk, directory, checksum });
    const ms = performance.now() - start;
    const { rss } = process.memoryUsage();
    console.log(
      `read ${opening.ok ? opening.wal.entries.length : 0} entries, ${opening.ok ? opening.wal.tail.offset : 0} bytes: ` +
        `${ms.toFixed(0)} ms; rss ${(rss / 1e6).toFixed(0)} MB`,
    );
  }
}
rmSync(home, { recursive: true });
