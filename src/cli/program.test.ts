// Proves: the program as it is installed serves, says what it does in etcd's words and order, ends by its signal, and refuses
// a start that cannot go well in one line.
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { text, utf8 } from '../base/bytes.js';
import { UnaryClient } from '../client/unary.js';
import { PutRequestSchema, RangeRequestSchema, RangeResponseSchema } from '../gen/etcdserverpb/rpc_pb.js';

const binary = fileURLToPath(new URL('../../bin/quorate.js', import.meta.url));
const anyPort = 'http://127.0.0.1:0';

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly error?: string;
  readonly address?: string;
}

/** The program in a process of its own, and what it has logged so far. */
class Program {
  readonly child: ChildProcess;
  readonly lines: Line[] = [];
  #rest = '';
  #waiting: (() => void)[] = [];
  readonly ended: Promise<readonly [status: number | null, signal: string | null]>;

  static readonly all: Program[] = [];

  constructor(dataDir: string, flags: readonly string[] = []) {
    const args = [binary, `--data-dir=${dataDir}`, `--listen-client-urls=${anyPort}`, `--listen-peer-urls=${anyPort}`];
    const advertised = [`--advertise-client-urls=${anyPort}`];
    this.child = spawn(process.execPath, [...args, ...advertised, ...flags], { env: {} });
    this.child.stderr?.on('data', (chunk: Buffer) => {
      const texts = `${this.#rest}${chunk}`.split('\n');
      this.#rest = texts.pop() ?? '';
      for (const line of texts) if (line.startsWith('{')) this.lines.push(JSON.parse(line) as Line);
      for (const wake of this.#waiting.splice(0)) wake();
    });
    Program.all.push(this);
    this.ended = once(this.child, 'close').then(([status, signal]) => [status, signal] as const);
  }

  async line(words: string): Promise<Line> {
    for (;;) {
      const found = this.lines.find(({ msg }) => msg.startsWith(words));
      if (found !== undefined) return found;
      const more = new Promise<'more'>((resolve) => this.#waiting.push(() => resolve('more')));
      const what = await Promise.race([more, this.ended]);
      if (what !== 'more') throw new Error(`ended without saying ${words}: ${JSON.stringify(this.lines.at(-1))}`);
    }
  }

  async dial(): Promise<UnaryClient> {
    return UnaryClient.dial(`http://${(await this.line('serving client traffic')).address}`);
  }

  /** Which of `words` were said, in the order in which they were. */
  order(words: readonly string[]): string[] {
    return this.lines.map(({ msg }) => words.find((each) => msg === each) ?? '').filter((word) => word !== '');
  }

  async stop(): Promise<readonly [number | null, string | null]> {
    this.child.kill('SIGTERM');
    return this.ended;
  }
}

const commonStart = [
  'bootstrap successfully',
  'kvstore restored',
  'starting etcd server',
  'now serving peer/client/metrics',
  'serving metrics',
  'serving peer traffic',
];
const firstStart = [
  'configuring peer listeners',
  'configuring client listeners',
  'starting an etcd server',
  'opened backend db',
  'starting local member',
  ...commonStart,
  'added member',
  'setting up initial cluster version using v3 API',
  'published local member to cluster through raft',
  'ready to serve client requests',
  'serving client traffic insecurely; this is strongly discouraged!',
];
const restart = [
  'server has already been initialized',
  'opened backend db',
  'restarting local member',
  ...commonStart,
  'published local member to cluster through raft',
  'ready to serve client requests',
];
const shutdown = [
  'received signal; shutting down',
  'closing etcd server',
  'skipped leadership transfer for single voting member cluster',
  'closed etcd server',
];

describe('the program', { concurrency: true }, () => {
  let dir = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'quorate-program-'));
  });
  after(() => {
    // One that a failed test has left must not keep the tests from ending.
    for (const { child } of Program.all) child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  });

  test('starts, serves, ends by its signal, and starts again on what it kept', async () => {
    const data = join(dir, 'life');
    const put = toBinary(PutRequestSchema, create(PutRequestSchema, { key: utf8('a'), value: utf8('1') }));
    const range = toBinary(RangeRequestSchema, create(RangeRequestSchema, { key: utf8('a') }));
    {
      const first = new Program(data, [`--listen-metrics-urls=${anyPort}`]);
      using client = await first.dial();
      await client.call('/etcdserverpb.KV/Put', put);
      deepEqual(await first.stop(), [null, 'SIGTERM']);
      deepEqual(first.order([...firstStart, ...shutdown]), [...firstStart, ...shutdown]);
    }
    const second = new Program(data, [`--listen-metrics-urls=${anyPort}`]);
    using client = await second.dial();
    const { kvs } = fromBinary(RangeResponseSchema, await client.call('/etcdserverpb.KV/Range', range));
    equal(text(kvs[0]?.value ?? utf8('nothing')), '1');
    deepEqual(await second.stop(), [null, 'SIGTERM']);
    deepEqual(second.order(restart), restart);
  });

  test('a busy port stops it before anything is written', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const program = new Program(join(dir, 'busy'), [`--listen-client-urls=http://127.0.0.1:${port}`]);
    deepEqual(await program.ended, [1, null]);
    server.close();
    const { level, error } = program.lines.at(-1) ?? {};
    deepEqual([level, error], ['fatal', `listen tcp 127.0.0.1:${port}: bind: address already in use`]);
  });

  test('a data directory that cannot be made', async () => {
    const file = join(dir, 'file');
    writeFileSync(file, '');
    const program = new Program(join(file, 'data'));
    deepEqual(await program.ended, [1, null]);
    match(program.lines.at(-1)?.error ?? '', /^(mkdir|open) .*: not a directory$/);
  });

  test('a byte of the log that has changed is not served, nor cut off', async () => {
    const data = join(dir, 'damage');
    const first = new Program(data);
    {
      using client = await first.dial();
      for (let i = 0; i < 50; i++) {
        const request = create(PutRequestSchema, { key: utf8('key'), value: new Uint8Array(100).fill(65) });
        await client.call('/etcdserverpb.KV/Put', toBinary(PutRequestSchema, request));
      }
    }
    await first.stop();
    const folder = join(data, 'member', 'wal');
    const [name = ''] = readdirSync(folder).sort();
    const file = join(folder, name);
    const bytes = readFileSync(file);
    const at = 4096;
    bytes[at] = (bytes[at] as number) ^ 1;
    writeFileSync(file, bytes);
    const program = new Program(data);
    deepEqual(await program.ended, [1, null]);
    const { level, error = '' } = program.lines.at(-1) ?? {};
    equal(level, 'fatal');
    ok(error.includes(name), error);
    match(error, /at position: \d+; .*alone, restore a backup/);
    deepEqual(readFileSync(file), bytes);
  });

  test('limits of requests and streams reach the wire', async () => {
    const program = new Program(join(dir, 'limits'), ['--max-request-bytes=1000', '--max-concurrent-streams=7']);
    using client = await program.dial();
    const put = (bytes: number) => {
      const request = create(PutRequestSchema, { key: utf8('key'), value: new Uint8Array(bytes) });
      return client.call('/etcdserverpb.KV/Put', toBinary(PutRequestSchema, request)).then(
        () => 'put',
        (cause: Error) => cause.message,
      );
    };
    equal(await put(900), 'put');
    equal(await put(1001), 'etcdserver: request is too large');
    equal(await put(600_000), 'grpc: received message larger than max (600009 vs. 525288)');
    equal(client.connection.http2.peerStreamsMax, 7);
    await program.stop();
  });
});
