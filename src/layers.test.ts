// Proves: imports go only downwards through the layers, and the core touches no clock, randomness, promise or node:* module.
import { deepEqual } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

/** From the bottom up; a folder may import itself and whatever stands before it. */
const layers = [
  'base',
  'gen',
  'wire',
  'raft',
  'mvcc',
  'lease',
  'auth',
  'cluster',
  'apply',
  'member',
  'rpc',
  'http',
  'io',
  'client',
  'proxy',
  'sim',
  'cli',
];
const outside = new Set(['io', 'client', 'proxy', 'cli']);

/** What the core must not say, and why a file that says it is refused. */
const banned: readonly [RegExp, string][] = [
  [/from 'node:|import\('node:/, 'imports node:*'],
  [/\basync\b(?!-)|\bawait\b|\bnew Promise\b|\bPromise\./, 'waits'],
  [/\bDate\.|\bnew Date\b|\bperformance\./, 'reads a clock'],
  [/\bMath\.random\b|\bcrypto\./, 'draws at random'],
  [/\bset(Timeout|Interval|Immediate)\b|\bqueueMicrotask\b/, 'sets a timer'],
  [/\bprocess\./, 'touches the process'],
];

const source = join(dirname(dirname(fileURLToPath(import.meta.url))), 'src');
const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => path.replaceAll('\\', '/'));

const layerOf = (path: string) => (path.includes('/') ? (path.split('/')[0] as string) : 'root');

test('imports go only downwards', () => {
  const upward: string[] = [];
  for (const file of files) {
    const layer = layerOf(file);
    if (layer === 'root' || file.endsWith('.test.ts')) continue;
    if (!layers.includes(layer)) upward.push(`${file}: no such layer`);
    const code = readFileSync(join(source, file), 'utf8');
    for (const [, target] of code.matchAll(/(?:from|import)\s*\(?'(\.{1,2}\/[^']+)'/g)) {
      const to = layerOf(normalize(join(dirname(file), target as string)).replaceAll('\\', '/'));
      if (layers.indexOf(to) > layers.indexOf(layer)) upward.push(`${file} imports ${relative('.', target as string)}`);
    }
  }
  deepEqual(upward, []);
});

test('the core waits for nothing and touches nothing outside', () => {
  const found: string[] = [];
  for (const file of files) {
    const layer = layerOf(file);
    if (layer === 'root' || layer === 'gen' || outside.has(layer) || file.endsWith('.test.ts')) continue;
    const code = readFileSync(join(source, file), 'utf8')
      .replace(/\/\*[\s\S]*?\*\//g, '')
      .replace(/\/\/.*$/gm, '')
      .replace(/`(?:[^`\\]|\\.)*`|'(?:[^'\\\n]|\\.)*'/g, (quoted) => (quoted.startsWith("'node:") ? quoted : "''"));
    for (const [pattern, why] of banned) if (pattern.test(code)) found.push(`${file} ${why}`);
  }
  deepEqual(found, []);
});
