// Proves: the program ends as etcd ends: exit codes, signals, and one line for what stood in the way.
import { deepEqual, equal, match } from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

const program = new URL('./quorate.js', import.meta.url).href;

/** A member that has nothing inside: it is ready at once, and stops when it is told. */
const member = `{ ready: Promise.resolve(), stopped: new Promise(() => setInterval(() => {}, 1000)), stop: async () => log.info('stopped') }`;

let dir = '';
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'quorate-program-'));
});
after(() => rmSync(dir, { recursive: true, force: true }));

/** The real program around `start`, an expression that may use `config` and `log`. */
function launch(args: readonly string[], start = member): ChildProcess {
  const code = `import { main } from '${program}'; await main(['quorate', ...process.argv.slice(1)], async (config, log) => { await new Promise(setImmediate); log.info('ready to serve client requests'); return ${start}; });`;
  return spawn(process.execPath, ['--input-type=module', '-e', code, '--', ...args], { cwd: dir, env: {} });
}

type Ended = { readonly status: number | null; readonly signal: string | null; readonly stderr: string };

const ready = 'ready to serve';

/** Waits for the end; `act` is called once, when `mark` has been logged. */
async function end(child: ChildProcess, act: () => void = () => {}, mark = ready): Promise<Ended> {
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    const before = stderr.includes(mark);
    stderr += chunk;
    if (!before && stderr.includes(mark)) act();
  });
  const [status, signal] = await once(child, 'close');
  return { status, signal, stderr };
}

const failing = (error: string) => `await Promise.reject(Object.assign(new Error('node says'), ${error}))`;
const lastError = (ended: Ended): unknown => JSON.parse(ended.stderr.trim().split('\n').at(-1) ?? '').error;

describe('the program', { concurrency: true }, () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${signal}: stops in order, then ends by the signal`, async () => {
      const child = launch([`--name=${signal}`]);
      const ended = await end(child, () => child.kill(signal));
      deepEqual([ended.status, ended.signal], [null, signal]);
      match(
        ended.stderr,
        /"msg":"received signal; shutting down","signal":"(terminated|interrupt)"\}\n.*"msg":"stopped"/,
      );
    });
  }

  test('a second signal kills, though the member does not stop', async () => {
    const child = launch(['--name=slow'], member.replace("log.info('stopped')", 'new Promise(() => {})'));
    void end(child, () => child.kill('SIGTERM'));
    const ended = await end(child, () => child.kill('SIGINT'), 'received signal');
    equal(ended.signal, 'SIGINT');
  });

  test('a busy port', async () => {
    const error = `{ code: 'EADDRINUSE', syscall: 'listen', address: '127.0.0.1', port: 2379 }`;
    const ended = await end(launch(['--name=busy'], failing(error)));
    equal(ended.status, 1);
    equal(lastError(ended), 'listen tcp 127.0.0.1:2379: bind: address already in use');
    match(ended.stderr, /"level":"fatal".*"msg":"discovery failed"/);
  });

  test('a member that was removed ends the program with 0', async () => {
    const ended = await end(
      launch(['--name=gone'], '{ ready: Promise.resolve(), stopped: Promise.resolve(), stop: async () => {} }'),
    );
    equal(ended.status, 0);
  });

  test('a data directory that is a file', async () => {
    writeFileSync(join(dir, 'file'), '');
    const ended = await end(launch(['--data-dir=file']));
    equal(ended.status, 1);
    equal(lastError(ended), 'open file: not a directory');
  });

  test('a data directory of the old proxy', async () => {
    mkdirSync(join(dir, 'old', 'proxy'), { recursive: true });
    const ended = await end(launch(['--data-dir=old']));
    equal(ended.status, 2);
  });

  test('a data directory in use is waited for', async () => {
    const first = launch(['--name=shared']);
    const second = new Promise<Ended>((resolve) => {
      void end(first, () => {
        const child = launch(['--name=shared']);
        void end(child, () => first.kill('SIGKILL'), 'flocked by another process');
        resolve(end(child, () => child.kill('SIGTERM')));
      });
    });
    equal((await second).signal, 'SIGTERM');
  });

  test('a log file that cannot be opened', async () => {
    const ended = await end(launch(['--log-outputs=/proc/nope']));
    equal(ended.status, 1);
    equal(lastError(ended), 'open sink "/proc/nope": open /proc/nope: no such file or directory');
  });

  test('flags that cannot be read', async () => {
    const ended = await end(launch(['--nope']));
    equal(ended.status, 2);
    match(ended.stderr, /^flag provided but not defined: -nope\nUsage:\n/);
  });
});
