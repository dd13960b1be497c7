// Proves: what nobody catches, thrown or rejected, is one line of the log and the end of the process.
import { equal, match } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);

function run(fault: string) {
  const script = `
    import { endOnFault } from ${url('./crash.js')};
    import { openLog } from ${url('./log.js')};
    import { check } from ${url('../base/check.js')};
    import { DiskFailure } from ${url('../wire/wal/disk.js')};
    endOnFault(openLog({ level: 'info', format: 'json', outputs: ['stderr'] }));
    setInterval(() => {}, 1000);
    ${fault};`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  const lines = stderr.trim().split('\n');
  equal(lines.length, 1, stderr);
  return { status, line: JSON.parse(lines[0] as string) };
}

test('a check that fails ends the process as a panic does', () => {
  const { status, line } = run(`setTimeout(() => check(false, 'one and one is two'))`);
  equal(status, 2);
  equal(line.level, 'fatal');
  match(line.error, /one and one is two/);
});

test('so does a promise that nobody hears', () => {
  const { status, line } = run(`Promise.reject(new Error('unheard'))`);
  equal(status, 2);
  equal(line.error, 'unheard');
});

test('a disk that fails has a code of its own', () => {
  equal(run(`setTimeout(() => { throw new DiskFailure('EIO', '/x', 'no disk'); })`).status, 74);
});
