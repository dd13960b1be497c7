/**
 * `node interop/crash/run.js [--rounds 30] [--seed 1] [--writers 64] [--kind quorate] [--keep]`
 *
 * The real server on one data directory, killed again and again in the midst of writes, and judged after each restart:
 *
 *     start -> many writers, compactions, hashes -> kill -9 at a random moment -> start -> check -> ...
 *
 * In every third round the writers come to rest first, and the log is given a torn tail while the server is down.
 * `kill -9` proves what the process owes: no acknowledgement before the write. It does not cut the power: what the kernel
 * has taken survives it, so that the sync itself is proven elsewhere (the simulator's disk).
 *
 * `--kind etcd` puts Go etcd to the same test, which shows that the test asks for no more than it may.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { binaries, buildGo } from '../../bench/generators.js';
import { freePort, startServer } from '../../bench/servers.js';
import { Random } from '../../dist/base/random.js';
import { getOnce } from '../../dist/client/load/get-once.js';
import { check } from './check.js';
import { Client } from './client.js';
import { Ledger } from './ledger.js';
import { tearTail } from './tear.js';
import { Writer } from './writer.js';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
    writers: { type: 'string', default: '64' },
    kind: { type: 'string', default: 'quorate' },
    keep: { type: 'boolean', default: false },
  },
});
const connections = 8;
const loadMsMax = 1200;

const random = new Random(Number(options.seed));
const writers = Array.from({ length: Number(options.writers) }, (_, i) => new Writer(i, random.fork()));
const ledger = new Ledger();
if (options.kind === 'etcd') buildGo();
const dataDir = mkdtempSync(join(tmpdir(), 'quorate-crash-'));
const port = await freePort();
const peerPort = await freePort();

let passed = 0;
let failed = 0;
let server = await start();
for (let round = 1; round <= Number(options.rounds); round++) {
  const story = [];
  const problems = await crash(server, round % 3 === 0, story);
  server = await start();
  const client = await Client.connect(port);
  problems.push(...(await check(client, writers, ledger)));
  client.close();
  story.push(`revision ${ledger.revision}`, problems.length === 0 ? 'ok' : 'FAILED');
  console.log(`round ${round}: ${story.join(', ')}`);
  for (const problem of problems.slice(0, 10)) console.log(`  ${problem}`);
  if (problems.length === 0) passed++;
  else failed++;
}
await server.stop();
if (failed === 0 && !options.keep) rmSync(dataDir, { recursive: true, force: true });
else console.log(`the data is in ${dataDir}; seed ${options.seed}`);
console.log(`crash: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

/** With few entries between snapshots in most rounds, so that snapshots and the release of old log files come often. */
function start() {
  return startServer(options.kind, {
    dir: dataDir,
    port,
    peerPort,
    binaries,
    flags: [`--snapshot-count=${random.pick([500, 500, 10_000])}`],
    ready: (at) => getOnce('127.0.0.1', at),
  });
}

/** Loads the server and kills it: in the midst of it all, or at rest and then with a torn tail. */
async function crash(running, torn, story) {
  const client = await Client.connect(port, connections);
  const before = acknowledged();
  ledger.stopped = false;
  const loads = [ledger.run(client, random.fork()), ...writers.map((writer) => writer.run(client, ledger))];
  const over = Promise.allSettled(loads);
  const loadMs = 50 + random.below(loadMsMax);
  const early = await Promise.race([running.gone, new Promise((resolve) => setTimeout(resolve, loadMs, 'running'))]);
  if (torn) {
    ledger.stopped = true;
    await over;
  }
  await running.stop('SIGKILL');
  ledger.stopped = true;
  const ends = await over;
  client.close();
  story.push(`${acknowledged() - before} writes acknowledged in ${loadMs} ms`);
  if (torn && tearTail(dataDir, random)) story.push('torn tail');
  const problems = ends.filter(({ status }) => status === 'rejected').map(({ reason }) => `refused: ${reason.message}`);
  if (early !== 'running') problems.push(`the server ended by itself with ${early}: ${running.output}`);
  return problems;
}

function acknowledged() {
  return writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
}
