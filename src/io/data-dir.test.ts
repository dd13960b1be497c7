// Proves: one process at a time has a data directory, `kill -9` gives it back, and a directory that cannot be used is refused in words.
import { equal, ok, rejects } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { silentLog } from '../base/log.js';
import { takeDataDir } from './data-dir.js';

const home = mkdtempSync(join(tmpdir(), 'quorate-dir-'));
after(() => rmSync(home, { recursive: true }));

test('a directory is made for its owner alone, and given back', async () => {
  const dir = join(home, 'a', 'b');
  const lock = await takeDataDir(dir, silentLog, 0);
  equal(statSync(dir).mode & 0o777, 0o700);
  ok(!existsSync(join(dir, '.touch')));
  await rejects(takeDataDir(dir, silentLog, 0), /is in use by this process already: db file is flocked/);
  lock.release();
  (await takeDataDir(dir, silentLog, 0)).release();
});

test('another process has it until it is killed', async () => {
  const dir = join(home, 'c');
  const holder = `const { takeDataDir } = await import(${JSON.stringify(new URL('./data-dir.js', import.meta.url).href)});
    const { silentLog } = await import(${JSON.stringify(new URL('../base/log.js', import.meta.url).href)});
    await takeDataDir(${JSON.stringify(dir)}, silentLog, 0);
    console.log('held');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', holder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(child.stdout, 'data');
    await rejects(takeDataDir(dir, silentLog, 0), new RegExp(`is in use by process ${child.pid}: db file is flocked`));
    const waiting = takeDataDir(dir, silentLog, 5000);
    child.kill('SIGKILL');
    (await waiting).release();
  } finally {
    child.kill('SIGKILL');
  }
});

test('a directory that is no directory', async () => {
  const path = join(home, 'file');
  writeFileSync(path, '');
  await rejects(takeDataDir(path, silentLog, 0), /^Error: cannot access data directory: /);
});
