/**
 * What `npm test` prints: a line for each file with its time, each failure in full, the files that took longest, and the total.
 * Node's own reporters print a block for each test.
 */
import { relative } from 'node:path';
import { inspect } from 'node:util';
import { root } from './run.js';

const slowMs = 5000;

export default async function* report(events) {
  const files = [];
  let file;
  for await (const { type, data } of events) {
    if (type === 'test:stderr' || type === 'test:stdout') yield data.message;
    const isTest = (type === 'test:pass' || type === 'test:fail') && data.details?.type !== 'suite';
    if (!isTest) continue;
    // Events come file by file. A file that broke as a whole is told as a test of its own name.
    const path = nameOf(data.file ?? data.name);
    if (file?.path !== path) {
      if (file !== undefined) yield lineOf(file);
      file = { path, passed: 0, failed: 0, skipped: 0, ms: 0 };
      files.push(file);
    }
    if (data.nesting === 0) file.ms += data.details.duration_ms;
    if (data.skip !== undefined && data.skip !== false) {
      file.skipped++;
      yield `skipped ${path}: ${data.name}${data.skip === true ? '' : ` (${data.skip})`}\n`;
    } else if (type === 'test:pass') file.passed++;
    else {
      file.failed++;
      yield `\nFAILED ${path}: ${data.name}\n${textOf(data.details.error)}\n\n`;
    }
  }
  if (file !== undefined) yield lineOf(file);
  yield* summary(files);
}

function lineOf({ path, passed, failed, skipped, ms }) {
  const counts = [`${passed} passed`, failed > 0 && `${failed} FAILED`, skipped > 0 && `${skipped} skipped`];
  return `${seconds(ms).padStart(7)}  ${path}: ${counts.filter(Boolean).join(', ')}\n`;
}

function* summary(files) {
  const sum = (field) => files.reduce((total, file) => total + file[field], 0);
  const slow = files.filter(({ ms }) => ms > slowMs).sort((a, b) => b.ms - a.ms);
  if (slow.length > 0) yield `\nslowest: ${slow.map(({ path, ms }) => `${path} ${seconds(ms)}`).join(', ')}\n`;
  const failed = new Set(files.filter((file) => file.failed > 0).map(({ path }) => path));
  if (failed.size > 0) yield `\nfailed: ${[...failed].join(', ')}\n`;
  if (sum('skipped') > 0) yield `\n${sum('skipped')} skipped\n`;
  yield `\nunit tests: ${sum('passed')} passed, ${sum('failed')} failed\n`;
}

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

/** Built files are named after what they were built from. */
const nameOf = (path) =>
  relative(root, path)
    .replaceAll('\\', '/')
    .replace(/^(dist|src)\//, '')
    .replace(/\.js$/, '.ts');

function textOf(error) {
  const cause = error?.cause ?? error;
  return cause instanceof Error ? (cause.stack ?? String(cause)) : inspect(cause);
}
