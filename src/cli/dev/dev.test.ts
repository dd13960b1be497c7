// Proves: `quorate dev` runs a cluster that does what is typed, says what is in its way, and leaves no process behind, however it ends.
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { parseDevArguments } from './options.js';
import { portRefusal } from './ports.js';
import { isTelling, memberLine } from './view.js';

const program = new URL('./dev.js', import.meta.url).href;
const quick = ['--', '--heartbeat-interval=50', '--election-timeout=500'];
const patienceMs = 20_000;

class Dev {
  readonly child: ChildProcess;
  readonly closed: Promise<unknown[]>;
  output = '';
  #read = 0;

  constructor(args: readonly string[]) {
    const code = `import { runDev } from '${program}'; await runDev(process.argv.slice(1));`;
    this.child = spawn(process.execPath, ['--input-type=module', '-e', code, '--', ...args]);
    this.closed = once(this.child, 'close');
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk;
      });
    }
  }

  type(line: string): void {
    this.child.stdin?.write(`${line}\n`);
  }

  /** Waits for what comes after all that was waited for before. */
  async until(pattern: RegExp): Promise<string> {
    const untilMs = Date.now() + patienceMs;
    for (;;) {
      const found = pattern.exec(this.output.slice(this.#read));
      if (found !== null) {
        this.#read += found.index + found[0].length;
        return found[1] ?? found[0];
      }
      ok(Date.now() < untilMs, `${pattern} did not come:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

function scratch(context: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'quorate-dev-test-'));
  context.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  return dir;
}

/** The first of so many free ports in a row. */
async function freePorts(count: number): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const place = server.address();
    server.close();
    const first = typeof place === 'object' && place !== null ? place.port : 0;
    const refusals = await Promise.all(Array.from({ length: count }, (_, i) => portRefusal(first + i)));
    if (first + count < 65_536 && refusals.every((each) => each === undefined)) return first;
  }
}

test('three members: killed, restarted, paused; and all gone when their parent is', async (context) => {
  const port = await freePorts(6);
  const args = [`--base-port=${port}`, `--data-dir=${scratch(context)}`, ...quick];
  const dev = new Dev(args);
  context.after(() => dev.child.kill('SIGKILL'));
  await dev.until(/etcdctl --endpoints=http:\/\/127.0.0.1:\d+,/);
  const leader = await dev.until(/all 3 members serve, (m\d) leads/);

  const second = new Dev(args);
  deepEqual((await second.closed)[0], 1);
  match(second.output, new RegExp(`port ${port} \\(clients of m1\\) is in use`));
  match(second.output, /Choose another --base-port/);

  dev.type('status');
  await dev.until(new RegExp(`${leader} +running +leader`));
  dev.type('kill leader');
  await dev.until(new RegExp(`── ${leader} killed`));
  const next = await dev.until(/(m\d) became leader at term/);
  dev.type(`restart ${leader.slice(1)}`);
  await dev.until(new RegExp(`── ${leader} started`));
  await dev.until(new RegExp(`${leader} │ .*ready to serve`));
  dev.type(`leader ${leader}`);
  await dev.until(new RegExp(`${leader} leads now`));
  dev.type(`pause ${next}`);
  await dev.until(new RegExp(`${next} paused`));
  dev.type('status');
  await dev.until(new RegExp(`${next} +paused`));
  dev.type('wink 2');
  await dev.until(/'wink' is no command/);
  dev.type('kill m9');
  await dev.until(/there is no member 'm9'/);

  dev.child.kill('SIGKILL');
  const untilMs = Date.now() + patienceMs;
  for (let at = 0; at < 6; at++) {
    while ((await portRefusal(port + at)) !== undefined) {
      ok(Date.now() < untilMs, `port ${port + at} is still held`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
});

test('quit, and Ctrl-C: no member and no directory is left', async () => {
  for (const leave of [(dev: Dev) => dev.type('quit'), (dev: Dev) => dev.child.kill('SIGINT')]) {
    const dev = new Dev([`--base-port=${await freePorts(2)}`, '--members', '1', ...quick]);
    const dir = await dev.until(/data in (\S+), removed at the end/);
    await dev.until(/all 1 members serve/);
    ok(existsSync(dir));
    leave(dev);
    equal((await dev.closed)[0], 0);
    equal(existsSync(dir), false);
  }
});

test('what it is told', () => {
  const read = parseDevArguments(['--members=5', '--base-port', '4000', '--logs=warn', '--', '--snapshot-count=10']);
  const options = {
    members: 5,
    basePort: 4000,
    dataDir: undefined,
    logs: 'warn',
    serverFlags: ['--snapshot-count=10'],
  };
  deepEqual(read, { kind: 'run', options });
  equal(parseDevArguments(['-h']).kind, 'help');
  for (const wrong of ['--members=0', '--members=x', '--base-port=65535', '--logs=loud', '--what', 'up', '--members']) {
    equal(parseDevArguments([wrong]).kind, 'wrong', wrong);
  }
});

test('a line of a log', () => {
  const line =
    '{"level":"warn","ts":"2026-11-21T15:23:31.497123Z","logger":"raft","caller":"a.js:1","msg":"a\\u001b[2Jb","id":12345678901234567890,"urls":["x","y"]}';
  const plain = { color: false, columns: Number.POSITIVE_INFINITY };
  equal(memberLine('m2', 1, line, plain), 'm2 │ 15:23:31.497 warn  raft: a [2Jb  id=12345678901234567890  urls=x,y');
  equal(memberLine('m2', 1, line, { color: false, columns: 24 }), 'm2 │ 15:23:31.497 warn …');
  equal(memberLine('m2', 1, 'no json', plain), 'm2 │ no json');
  ok(memberLine('m2', 1, line, { ...plain, color: true }).startsWith('\x1b[35mm2 │ \x1b[0m'));
  equal(isTelling('{"level":"info","msg":"raft.node: 1 elected leader 2 at term 3"}'), true);
  equal(isTelling('{"level":"info","msg":"opened backend db"}'), false);
  equal(isTelling('{"level":"error","msg":"whatever"}'), true);
});
