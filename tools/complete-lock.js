/**
 * Some registries carry only the native packages of the platform they serve, and then `npm install` leaves the others out of the
 * lock file, which `npm ci` refuses everywhere. This writes them in by name, version and platform, as npm would have.
 * Run it after `npm install`.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './run.js';

const path = join(root, 'package-lock.json');
const lock = JSON.parse(readFileSync(path, 'utf8'));
const platform =
  /-(linux|darwin|win32|freebsd|android|openharmony|wasm32|sunos|netbsd|openbsd|aix)(?:-(x64|arm64|arm|armv7|ia32|riscv64|s390x|ppc64|loong64|wasi))?/;
let added = 0;
for (const [name, entry] of Object.entries(lock.packages)) {
  for (const [dependency, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const place = `node_modules/${dependency}`;
    if (lock.packages[place] !== undefined || lock.packages[`${name}/${place}`] !== undefined) continue;
    const [, os, cpu] = platform.exec(dependency) ?? [];
    lock.packages[place] = {
      version: version.replace(/^[\^~]/, ''),
      ...(cpu && { cpu: [cpu === 'armv7' ? 'arm' : cpu] }),
      ...(entry.dev && { dev: true }),
      optional: true,
      ...(os && { os: [os] }),
    };
    added++;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} native packages of other platforms written into package-lock.json`);
