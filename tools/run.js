/** Runs one command of this project's own tools, its output passed through; a failure ends the caller with its exit code. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

export function run(command, args, options = {}) {
  const done = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (done.error) {
    console.error(`${command}: ${done.error.message}`);
    process.exit(1);
  }
  if (done.status !== 0) process.exit(done.status ?? 1);
}

export const node = (script, args = [], options = {}) => run(process.execPath, [script, ...args], options);
const bin = (name) => join(root, 'node_modules', '.bin', name);
export const tool = (name, args) => run(bin(name), args);

/** Installs what the lock file names, unless it is there already. */
export function install() {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const stamp = join(root, 'node_modules', '.quorate-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock && statSync(bin('tsc'), { throwIfNoEntry: false }))
    return;
  console.log('installing dependencies (npm ci)');
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { stdio: ['ignore', 'ignore', 'inherit'] });
  writeFileSync(stamp, lock);
}

export function build() {
  tool('tsc', ['-b']);
}
