// Proves: what the documents link to and name is there: files, the functions in them, scripts of package.json, dependencies' reasons.
import { deepEqual } from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
];

/** The names in a link's text: `WalWriter.append` must both stand in the file. File names and plain words name nothing. */
function namesIn(text: string): string[] {
  const code = /^`([\w#.]+)`$/.exec(text)?.[1];
  return code === undefined || /\.(ts|js|md|json)$/.test(code) ? [] : code.split('.');
}

test('links lead to files that hold what they name', () => {
  const broken: string[] = [];
  for (const page of pages) {
    for (const [, text = '', target = ''] of read(page).matchAll(/\[([^\]]+)\]\(([^)\s]+)\)/g)) {
      if (/^(https?:|#)/.test(target)) continue;
      const path = join(dirname(join(root, page)), target.replace(/#.*$/, ''));
      if (!existsSync(path)) broken.push(`${page}: no ${target}`);
      else if (statSync(path).isFile()) {
        const content = readFileSync(path, 'utf8');
        for (const name of namesIn(text)) {
          const there = name.startsWith('#') ? content.includes(name) : new RegExp(`\\b${name}\\b`).test(content);
          if (!there) broken.push(`${page}: ${relative(root, path)} has no ${name}`);
        }
      }
    }
  }
  deepEqual(broken, []);
});

test('paths and scripts that are named exist', () => {
  const missing: string[] = [];
  const { scripts } = JSON.parse(read('package.json'));
  for (const page of pages) {
    const content = read(page);
    for (const [, path = ''] of content.matchAll(/`(?:node )?((?:src|tools|interop|bench|proto|bin|docs)\/[\w./-]+)/g))
      if (!existsSync(join(root, path))) missing.push(`${page}: ${path}`);
    for (const [, name = ''] of content.matchAll(/npm run ([\w-]+)/g))
      if (!(name in scripts)) missing.push(`${page}: npm run ${name}`);
  }
  deepEqual(missing, []);
});

test('each dependency has its reason', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json'));
  const reasons = read('docs/decisions/dependencies.md');
  const without = Object.keys({ ...dependencies, ...devDependencies }).filter(
    (name) => !reasons.includes(`\`${name}\``),
  );
  deepEqual(without, []);
});
