import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Every built `*.test.js` under `folder` whose path holds one of `filters` (all, when there are none), in order. */
export function testFiles(folder, filters) {
  const found = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const tests = found.filter((path) => path.endsWith('.test.js'));
  const wanted = filters.length === 0 ? tests : tests.filter((path) => filters.some((part) => path.includes(part)));
  return wanted.sort().map((path) => join(folder, path));
}
