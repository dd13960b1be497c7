/** `npm test [FILTER...]`: installs, builds and runs every test; with filters, those whose path holds one of them. */
import { join } from 'node:path';
import { build, install, root, run } from './run.js';
import { testFiles } from './test-files.js';

install();
build();
const filters = process.argv.slice(2);
const files = testFiles(join(root, 'dist'), filters);
if (files.length === 0) {
  console.error(`no test file matches ${filters.join(' ')}`);
  process.exit(1);
}
run(process.execPath, ['--enable-source-maps', '--test', '--test-concurrency=2', ...files]);
