/** `node interop/run.js [SUITE...]`: runs the suites, all of them by default, one after the other. */
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suites } from './suites.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const wanted = process.argv.slice(2);
let passed = 0;
const failed = [];
for (const { name, script, proves } of suites) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const began = Date.now();
  console.log(`\n== ${name}: ${proves}`);
  const { status } = spawnSync(process.execPath, [script], { cwd: root, stdio: 'inherit' });
  const seconds = ((Date.now() - began) / 1000).toFixed(1);
  console.log(`== ${name} ${status === 0 ? 'passed' : 'FAILED'} in ${seconds} s`);
  if (status === 0) passed++;
  else failed.push(name);
}
if (failed.length > 0) console.log(`\nfailed: ${failed.join(', ')}`);
console.log(`\ninterop: ${passed} passed, ${failed.length} failed`);
process.exit(failed.length === 0 ? 0 : 1);
