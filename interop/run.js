/**
 * `node interop/run.js [SUITE...]`: runs the suites, all of them by default, one after the other.
 * A suite that needs a program which is not here fails: who asked for it would otherwise take it for passed.
 */
import { spawn, spawnSync } from 'node:child_process';
import { root } from '../tools/run.js';
import { follow } from './problems.js';
import { suites } from './suites.js';

const suiteMsMax = 10 * 60_000;
/** Of the problems that are said again at the end: all lines together, and one. */
const recapLines = 16;
const recapLineMax = 300;

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
  const { fault, problems } = await run(suite);
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  console.log(`== ${suite.name} ${fault === undefined ? 'passed' : `FAILED (${fault})`} in ${seconds} s`);
  if (fault === undefined) passed++;
  else failed.push({ name: suite.name, fault, problems });
}
if (failed.length > 0) console.log(`\nfailed: ${failed.map(({ name }) => name).join(', ')}`);
for (const { name, fault, problems } of failed) {
  console.log(`${name}: ${fault}`);
  // A suite may say them again itself.
  const shown = [...new Set(problems)].slice(0, Math.max(3, Math.floor(recapLines / failed.length)));
  for (const line of shown) console.log(`  ${line.slice(0, recapLineMax)}`);
}
console.log(`\ninterop: ${passed} passed, ${failed.length} failed`);
process.exit(failed.length === 0 ? 0 : 1);

/** `fault` is why it failed, or undefined. */
async function run({ script, needs }) {
  const missing = needs.filter((program) => !isThere(program));
  if (missing.length > 0) return { fault: `needs ${missing.join(', ')}`, problems: [] };
  const child = spawn(process.execPath, [script], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: suiteMsMax,
  });
  const { code, signal, problems } = await follow(child);
  if (signal !== null) return { fault: `ended by ${signal} after ${suiteMsMax / 60_000} minutes at most`, problems };
  return { fault: code === 0 ? undefined : `exit code ${code}`, problems };
}

function isThere(program) {
  return spawnSync(program, ['version'], { stdio: 'ignore' }).error === undefined;
}
