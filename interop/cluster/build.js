/** Builds the Go programs of the suites of real clusters, and runs one of them in a folder of its own. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { follow } from '../problems.js';

const here = dirname(fileURLToPath(import.meta.url));
const script = join(here, '..', '..', 'bin', 'quorate.js');

/** None outlives this process. */
const running = new Set();
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    for (const child of running) child.kill(signal);
    process.exit(130);
  });
}

/** What went wrong in each program that failed. */
const wrongs = [];

/** Go's cache makes this quick when nothing has changed. Who judges the programs is tested first. */
export function buildSuite(name) {
  const work = mkdtempSync(join(tmpdir(), `quorate-${name}-`));
  go('test', './history');
  for (const part of ['etcd', name]) go('build', '-o', join(work, part), `./${part}`);
  return work;
}

function go(...args) {
  const { status } = spawnSync('go', args, { cwd: here, stdio: 'inherit' });
  if (status !== 0) throw new Error(`go ${args.join(' ')} ended with ${status}`);
}

/** Resolves to whether the program ended well; what the members said and stored is kept when it did not. `say` takes each line of its output. */
export async function play(work, name, dir, flags, say = console.log) {
  const child = spawn(
    join(work, name),
    [`-etcd=${join(work, 'etcd')}`, `-quorate=${script}`, `-dir=${join(work, dir)}`, ...flags],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  running.add(child);
  const { code, problems } = await follow(child, say);
  running.delete(child);
  if (code === 0) {
    rmSync(join(work, dir), { recursive: true, force: true });
    return true;
  }
  console.log(`  data and logs are in ${join(work, dir)}`);
  wrongs.push(`${dir}:`, ...problems);
  return false;
}

/** Ends this process: with 0 and nothing left behind when nothing failed. */
export function end(work, name, passed, failed) {
  if (failed === 0) rmSync(work, { recursive: true, force: true });
  else console.log(`\nwhat was wrong:\n${wrongs.join('\n')}\n`);
  console.log(`${name}: ${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}
