/**
 * `npm test [-- FILTER...]`: installs, builds and runs the unit tests; with filters, those whose path holds one of them.
 * Needs Node and nothing else. What needs more (Go, Python, etcdctl) is named at the end and left to `.ci/run`.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suites } from '../interop/suites.js';
import { build, install, root } from './run.js';
import { testFiles } from './test-files.js';

install();
build();
const filters = process.argv.slice(2);
const files = testFiles(join(root, 'dist'), filters);
if (files.length === 0) {
  console.error(`no test file matches ${filters.join(' ')}`);
  process.exit(1);
}
const reporter = pathToFileURL(join(root, 'tools', 'reporter.js')).href;
const flags = ['--enable-source-maps', '--test', '--test-concurrency=2', `--test-reporter=${reporter}`];
const { status } = spawnSync(process.execPath, [...flags, '--test-reporter-destination=stdout', ...files], {
  cwd: root,
  stdio: 'inherit',
});
if (filters.length === 0) {
  console.log('\nnot run here, for they need more than Node (node interop/run.js NAME runs one, .ci/run all):');
  for (const { name, needs, proves } of suites)
    console.log(`  ${name.padEnd(8)} ${proves} (${needs.length > 0 ? needs.join(', ') : 'some minutes'})`);
}
process.exit(status ?? 1);
