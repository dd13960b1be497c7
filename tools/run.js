/** Runs one command of this project's own tools, its output passed through; a failure ends the caller with its exit code. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
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

/** Installs what the lock file names, unless it is there already: npm notes in `node_modules` what it has put there. */
export function install() {
  const wanted = packagesOf(join(root, 'package-lock.json'));
  const noted = join(root, 'node_modules', '.package-lock.json');
  const there = existsSync(noted) ? packagesOf(noted) : {};
  const isThere = ([place, { version, optional }]) => place === '' || optional || there[place]?.version === version;
  if (Object.entries(wanted).every(isThere)) return;
  console.log('installing dependencies (npm ci)');
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { stdio: ['ignore', 'ignore', 'inherit'] });
}

const packagesOf = (lock) => JSON.parse(readFileSync(lock, 'utf8')).packages;

export function build() {
  tool('tsc', ['-b']);
}
