/**
 * `node interop/run.js [SUITE...]`: runs the suites, all of them by default, one after the other.
 * A suite that needs a program which is not here fails: who asked for it would otherwise take it for passed.
 */
import { spawnSync } from 'node:child_process';
import { root } from '../tools/run.js';
import { suites } from './suites.js';

const suiteMsMax = 10 * 60_000;

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !suites.some((suite) => suite.name === name));
if (unknown.length > 0) {
  console.error(`no suite ${unknown.join(', ')}; there are ${suites.map(({ name }) => name).join(', ')}`);
  process.exit(1);
}

let passed = 0;
const failed = [];
for (const suite of suites) {
  if (wanted.length > 0 && !wanted.includes(suite.name)) continue;
  const began = Date.now();
  console.log(`\n== ${suite.name}: ${suite.proves}`);
  const fault = run(suite);
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  console.log(`== ${suite.name} ${fault === undefined ? 'passed' : `FAILED (${fault})`} in ${seconds} s`);
  if (fault === undefined) passed++;
  else failed.push(suite.name);
}
if (failed.length > 0) console.log(`\nfailed: ${failed.join(', ')}`);
console.log(`\ninterop: ${passed} passed, ${failed.length} failed`);
process.exit(failed.length === 0 ? 0 : 1);

/** What went wrong, or undefined. */
function run({ script, needs }) {
  const missing = needs.filter((program) => !isThere(program));
  if (missing.length > 0) return `needs ${missing.join(', ')}`;
  const { status, signal } = spawnSync(process.execPath, [script], {
    cwd: root,
    stdio: 'inherit',
    timeout: suiteMsMax,
  });
  if (signal !== null) return `ended by ${signal} after ${suiteMsMax / 60_000} minutes at most`;
  return status === 0 ? undefined : `exit code ${status}`;
}

function isThere(program) {
  return spawnSync(program, ['version'], { stdio: 'ignore' }).error === undefined;
}
