// Proves: a member inside a program is quick to start, keeps what it was given, ends without a trace, and says what is in its way.
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { text, utf8 } from './base/bytes.js';
import { UnaryClient } from './client/unary.js';
import {
  MemberListResponseSchema,
  PutRequestSchema,
  RangeRequestSchema,
  RangeResponseSchema,
} from './gen/etcdserverpb/rpc_pb.js';
import { type EmbeddedMember, startMember } from './index.js';

const put = (client: UnaryClient, key: string, value: string) =>
  client.call(
    '/etcdserverpb.KV/Put',
    toBinary(PutRequestSchema, create(PutRequestSchema, { key: utf8(key), value: utf8(value) })),
  );

async function get(member: EmbeddedMember, key: string): Promise<string | undefined> {
  using client = await UnaryClient.dial(member.clientUrl);
  const request = toBinary(RangeRequestSchema, create(RangeRequestSchema, { key: utf8(key) }));
  const { kvs } = fromBinary(RangeResponseSchema, await client.call('/etcdserverpb.KV/Range', request));
  return kvs[0] === undefined ? undefined : text(kvs[0].value);
}

async function putOne(member: EmbeddedMember, key: string, value: string): Promise<void> {
  using client = await UnaryClient.dial(member.clientUrl);
  await put(client, key, value);
}

describe('a member in a program', () => {
  let dir = '';
  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'quorate-embedded-'));
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  test('in memory it is ready within a tenth of a second', async (t) => {
    const tookMs: number[] = [];
    for (let i = 0; i < 5; i++) {
      const beganMs = performance.now();
      const member = await startMember();
      tookMs.push(performance.now() - beganMs);
      await member.close();
    }
    t.diagnostic(`ready after ${tookMs.map((ms) => ms.toFixed(1)).join(', ')} ms`);
    ok(Math.min(...tookMs) < 100, tookMs.join());
  });

  test('two in one process know nothing of each other, and tell the ports they were given', async () => {
    await using one = await startMember({ name: 'one' });
    await using two = await startMember({ name: 'two' });
    await putOne(one, 'who', 'one');
    await putOne(two, 'who', 'two');
    deepEqual([await get(one, 'who'), await get(two, 'who')], ['one', 'two']);
    using client = await UnaryClient.dial(two.clientUrl);
    const answer = await client.call('/etcdserverpb.Cluster/MemberList', new Uint8Array(0));
    const { members } = fromBinary(MemberListResponseSchema, answer);
    deepEqual(
      members.map(({ name, clientURLs }) => [name, clientURLs]),
      [['two', [two.clientUrl]]],
    );
  });

  test('on disk it keeps what it was given, and has its directory for itself', async () => {
    const data = join(dir, 'data');
    {
      await using first = await startMember({ dir: data });
      await putOne(first, 'a', '1');
      await rejects(startMember({ dir: data }), {
        message: `data directory ${data} is in use by this process already: db file is flocked by another process`,
      });
      equal(await get(first, 'a'), '1');
    }
    await using second = await startMember({ dir: data });
    equal(await get(second, 'a'), '1');
  });

  test('calls in flight are answered when it ends', async () => {
    const member = await startMember({ dir: join(dir, 'flight') });
    using client = await UnaryClient.dial(member.clientUrl);
    const answers = Array.from({ length: 500 }, (_, i) => put(client, `key ${i}`, 'value'));
    await answers[0];
    const closed = member.close();
    await Promise.all(answers);
    await closed;
    await member.close();
    await rejects(UnaryClient.dial(member.clientUrl), /ECONNREFUSED/);
  });

  test('a busy port, in Go’s words; nothing was written', async () => {
    await using first = await startMember();
    const data = join(dir, 'busy');
    const { host } = new URL(first.clientUrl);
    const second = startMember({ dir: data, listenClientUrls: first.clientUrl });
    await rejects(second, { message: `listen tcp ${host}: bind: address already in use` });
    rmSync(data, { recursive: false, force: true });
  });

  test('a directory that cannot be one', async () => {
    const file = join(dir, 'file');
    writeFileSync(file, '');
    await rejects(startMember({ dir: join(file, 'data') }), {
      message: `cannot access data directory: mkdir ${file}/data: not a directory`,
    });
  });

  test('the program that used one ends by itself', async () => {
    const index = new URL('./index.js', import.meta.url).href;
    const code = `
      import { startMember } from '${index}';
      for (const dir of ['memory', ${JSON.stringify(join(dir, 'child'))}]) {
        const member = await startMember({ dir });
        console.log(await (await fetch(member.clientUrl + '/health')).text());
        await member.close();
      }`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk;
    });
    const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
    const [status, signal] = await once(child, 'close');
    clearTimeout(late);
    deepEqual([status, signal], [0, null]);
    match(output, /^(\{"health":"true","reason":""\}\n){2}$/);
  });
});
