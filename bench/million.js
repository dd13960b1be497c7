/**
 * A million keys of 1 KB in each server: what they cost to hold, to come back to, and to read in one answer while puts go on.
 *
 *     fill -> restart -> puts at a steady pace, undisturbed -> one range -> the same puts, while one client ranges over all keys
 *
 * Latencies of paced puts count from when each was due, so a server that stalls is charged for all that stood in line.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generate, startGenerator } from './generators.js';
import { rowOf, withServer } from './measure.js';

const dist = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist');
const putsPerSecond = 1000;
const scans = 3;
/** Both generators are up and connected by then: what their own start takes of the cores is nobody's fault. */
const settleSeconds = 3;
const samplePauseMs = 10;

/** Wishes beyond a multiple of Go etcd's figure are limits for Quorate's own. */
const figures = {
  fillPerSecond: { name: 'fill, per second' },
  filledMiB: { name: 'resident after fill' },
  restartMs: { name: 'restart to get, ms' },
  restartedMiB: { name: 'resident restarted' },
  scanMs: { name: 'range of all, ms', wish: { below: 5000 } },
  putP99Ms: { name: 'put p99 ms, alone' },
  putP99DuringMs: { name: 'put p99 ms, during' },
  putP99Ratio: { name: 'during / alone', wish: { below: 2 } },
  VmRSS: { name: 'growth VmRSS, MiB', wish: { below: 100 } },
  RssAnon: { name: 'growth RssAnon, MiB', wish: { below: 100 } },
  RssFile: { name: 'growth RssFile, MiB', wish: { below: 100 } },
};

export async function measureMillion({ quick }) {
  const keys = quick ? 100_000 : 1_000_000;
  const found = {};
  for (const kind of ['etcd', 'quorate']) {
    console.log(`${keys} keys of 1 KB: ${kind}`);
    try {
      found[kind] = await withServer(kind, (server) => hold(server, { keys, 'value-bytes': 1024 }));
    } catch (error) {
      found[kind] = { failure: `${kind}: ${error.message}` };
    }
  }
  const failure = found.etcd.failure ?? found.quorate.failure;
  const work = `${keys.toLocaleString('en')} keys of 1 KB`;
  return Object.entries(figures).map(([figure, { name, wish }]) => {
    const [etcd, quorate] = [found.etcd[figure], found.quorate[figure]];
    return rowOf({ work, generator: 'own', figure: name, etcd, quorate, wish, ...(failure && { failure }) });
  });
}

async function hold(server, load) {
  const filled = await generate('own', server, {
    ...load,
    work: 'fill',
    warmup: 0,
    clients: 200,
    connections: 20,
    total: load.keys,
  });
  const { getOnce } = await import(join(dist, 'client', 'load', 'get-once.js'));
  await server.stop();
  const began = performance.now();
  await server.start((port) => getOnce('127.0.0.1', port));
  const restartMs = performance.now() - began;
  return {
    fillPerSecond: filled.rate,
    filledMiB: filled.serverRssMiB,
    restartMs,
    restartedMiB: memoryOf(server).VmRSS,
    ...(await scanUnderPuts(server, load)),
  };
}

async function scanUnderPuts(server, load) {
  const puts = { ...load, work: 'put', pace: putsPerSecond, connections: 10 };
  const scanned = { ...load, work: 'scan', clients: 1, connections: 1, warmup: settleSeconds };
  const alone = await generate('own', server, { ...puts, seconds: 5, warmup: settleSeconds });
  const before = memoryOf(server);
  const peak = { ...before };
  const sampler = setInterval(() => raise(peak, memoryOf(server)), samplePauseMs);
  try {
    // Once uncounted, for puts alone ran code that was warm, too.
    await generate('own', server, { ...scanned, warmup: 0, total: 1 });
    const disturbed = startGenerator('own', server, { ...puts, seconds: 600, warmup: settleSeconds });
    const scan = await generate('own', server, { ...scanned, total: scans });
    disturbed.stop();
    return figuresOf(alone, scan, await disturbed.result, before, peak);
  } finally {
    clearInterval(sampler);
  }
}

function figuresOf(alone, scan, during, before, peak) {
  return {
    scanMs: (scan.seconds * 1000) / scan.operations,
    putP99Ms: alone.p99Ms,
    putP99DuringMs: during.p99Ms,
    putP99Ratio: during.p99Ms / alone.p99Ms,
    VmRSS: peak.VmRSS - before.VmRSS,
    RssAnon: peak.RssAnon - before.RssAnon,
    RssFile: peak.RssFile - before.RssFile,
  };
}

/** MiB by kind: `RssFile` are pages of mapped files, which the kernel takes back when it needs them. */
function memoryOf({ pid }) {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const of = (name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) / 1024;
  return { VmRSS: of('VmRSS'), RssAnon: of('RssAnon'), RssFile: of('RssFile') };
}

function raise(peak, memory) {
  for (const [name, value] of Object.entries(memory)) peak[name] = Math.max(peak[name], value);
}
