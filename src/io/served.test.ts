// Proves: whatever clients send, a running member answers as etcd 3.7.1 did when it was sent the same, and lives on; out of
// space it refuses until an operator has done what etcd's manual says; and its metrics tell of all that.
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { utf8 } from '../base/bytes.js';
import { CallFailed, UnaryClient } from '../client/unary.js';
import {
  AlarmRequestSchema,
  AlarmResponseSchema,
  AlarmType,
  CompactionRequestSchema,
  DeleteRangeRequestSchema,
  LeaseGrantRequestSchema,
  PutRequestSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  StatusResponseSchema,
  TxnRequestSchema,
} from '../gen/etcdserverpb/rpc_pb.js';
import { startMember } from './embed.js';

const paths = {
  range: '/etcdserverpb.KV/Range',
  put: '/etcdserverpb.KV/Put',
  delete: '/etcdserverpb.KV/DeleteRange',
  txn: '/etcdserverpb.KV/Txn',
  compact: '/etcdserverpb.KV/Compact',
  grant: '/etcdserverpb.Lease/LeaseGrant',
  alarm: '/etcdserverpb.Maintenance/Alarm',
  status: '/etcdserverpb.Maintenance/Status',
  defragment: '/etcdserverpb.Maintenance/Defragment',
};

const encoded = <Schema extends DescMessage>(schema: Schema, fields: MessageInitShape<Schema>): Uint8Array =>
  toBinary(schema, create(schema, fields));

const put = (fields: MessageInitShape<typeof PutRequestSchema>) => encoded(PutRequestSchema, fields);
const range = (fields: MessageInitShape<typeof RangeRequestSchema>) => encoded(RangeRequestSchema, fields);
const [a, z] = [utf8('a'), utf8('z')];
const smallest = -(2n ** 63n);
const largest = 2n ** 63n - 1n;
const putA = { request: { case: 'requestPut' as const, value: create(PutRequestSchema, { key: a }) } };

/** What etcd 3.7.1 answered: `''` for success. */
const answers: readonly (readonly [path: string, request: Uint8Array, answer: string])[] = [
  [paths.put, put({}), '3 etcdserver: key is not provided'],
  [paths.range, range({}), '3 etcdserver: key is not provided'],
  [paths.delete, encoded(DeleteRangeRequestSchema, {}), '3 etcdserver: key is not provided'],
  [paths.put, put({ key: a, value: new Uint8Array(1_572_864) }), '3 etcdserver: request is too large'],
  [
    paths.put,
    put({ key: a, value: new Uint8Array(2_200_000) }),
    '8 grpc: received message larger than max (2200008 vs. 2097152)',
  ],
  [paths.range, range({ key: z, rangeEnd: a }), ''],
  [paths.delete, encoded(DeleteRangeRequestSchema, { key: z, rangeEnd: a }), ''],
  [paths.range, range({ key: a, revision: smallest }), ''],
  [paths.range, range({ key: a, revision: largest }), '11 etcdserver: mvcc: required revision is a future revision'],
  [paths.range, range({ key: a, rangeEnd: z, limit: smallest, minModRevision: smallest }), ''],
  [paths.range, range({ key: a, rangeEnd: z, limit: largest, maxCreateRevision: largest }), ''],
  // Sort order and target 99.
  [paths.range, Uint8Array.of(0x0a, 1, 0x61, 0x28, 99, 0x30, 99), '3 etcdserver: invalid sort option'],
  [paths.put, put({ key: a, lease: smallest }), '5 etcdserver: requested lease not found'],
  [paths.put, put({ key: a, lease: largest }), '5 etcdserver: requested lease not found'],
  [paths.put, put({ key: a, value: a, ignoreValue: true }), '3 etcdserver: value is provided'],
  [paths.put, put({ key: a, lease: 1n, ignoreLease: true }), '3 etcdserver: lease is provided'],
  [paths.put, put({ key: z, ignoreValue: true }), '3 etcdserver: key not found'],
  [paths.grant, encoded(LeaseGrantRequestSchema, { TTL: smallest }), ''],
  [paths.grant, encoded(LeaseGrantRequestSchema, { TTL: largest }), '11 etcdserver: too large lease TTL'],
  [paths.grant, encoded(LeaseGrantRequestSchema, { TTL: 10n, ID: smallest }), ''],
  [
    paths.compact,
    encoded(CompactionRequestSchema, { revision: largest }),
    '11 etcdserver: mvcc: required revision is a future revision',
  ],
  [paths.txn, encoded(TxnRequestSchema, { success: [putA, putA] }), '3 etcdserver: duplicate key given in txn request'],
  [paths.txn, encoded(TxnRequestSchema, { success: [{}] }), '3 etcdserver: key not found'],
  ...[
    [paths.put, 0x0a, 0xff, 1],
    [paths.range, 0x18, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
    [paths.range, 0x0f, 1],
    [paths.range, 0x02, 0],
    [paths.grant, 0x0a, 0xff, 1],
  ].map(([path, ...bytes]) => {
    const failure = '13 grpc: error unmarshalling request: proto: cannot parse invalid wire-format data';
    return [String(path), Uint8Array.from(bytes.map(Number)), failure] as const;
  }),
  // The key as a number is an unknown field, so there is no key.
  [paths.put, Uint8Array.of(0x08, 1), '3 etcdserver: key is not provided'],
  ['/etcdserverpb.KV/Nope', a, '12 unknown method Nope for service etcdserverpb.KV'],
  ['/no.Such/Nope', a, '12 unknown service no.Such'],
  ['nope', a, '12 malformed method name: "nope"'],
];

async function answerOf(client: UnaryClient, path: string, request: Uint8Array): Promise<string> {
  try {
    await client.call(path, request);
    return '';
  } catch (cause) {
    return cause instanceof CallFailed ? `${cause.code} ${cause.message}` : String(cause);
  }
}

async function ask<Schema extends DescMessage>(
  client: UnaryClient,
  path: string,
  request: Uint8Array,
  schema: Schema,
): Promise<MessageShape<Schema>> {
  return fromBinary(schema, await client.call(path, request));
}

test('bad requests, one after the other on one connection', async () => {
  await using member = await startMember();
  using client = await UnaryClient.dial(member.clientUrl);
  for (const [path, request, answer] of answers) {
    equal(
      await answerOf(client, path, request),
      answer,
      `${path} ${Buffer.from(request.subarray(0, 40)).toString('hex')}`,
    );
  }
});

test('keys of any bytes', async () => {
  await using member = await startMember();
  using client = await UnaryClient.dial(member.clientUrl);
  for (let byte = 0; byte < 256; byte++) {
    const key = Uint8Array.of(byte, 255, 0, byte);
    await client.call(paths.put, put({ key, value: key }));
    const { kvs } = await ask(client, paths.range, range({ key }), RangeResponseSchema);
    deepEqual([...(kvs[0]?.key ?? []), ...(kvs[0]?.value ?? [])], [...key, ...key]);
  }
  const zero = new Uint8Array(1);
  const { count } = await ask(client, paths.range, range({ key: zero, rangeEnd: zero }), RangeResponseSchema);
  equal(count, 256n);
});

test('plain HTTP/1.1 where gRPC is spoken', async () => {
  await using member = await startMember();
  const headers = { 'content-type': 'application/grpc' };
  const response = await fetch(`${member.clientUrl}${paths.range}`, { method: 'POST', headers, body: 'x' });
  deepEqual([response.status, await response.text()], [404, '404 page not found\n']);
});

test('out of space: refused, told, and mended as operators mend it', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'quorate-space-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const quotaBytes = 2_000_000;
  await using member = await startMember({ dir, member: { quotaBytes } });
  using client = await UnaryClient.dial(member.clientUrl);
  const status = () => ask(client, paths.status, new Uint8Array(0), StatusResponseSchema);
  const value = new Uint8Array(100_000);
  let answer = '';
  for (let i = 0; answer === ''; i++) answer = await answerOf(client, paths.put, put({ key: utf8(`${i % 4}`), value }));
  equal(answer, '8 etcdserver: mvcc: database space exceeded');
  equal(await answerOf(client, paths.put, put({ key: a })), answer);
  equal(await answerOf(client, paths.grant, encoded(LeaseGrantRequestSchema, { TTL: 10n })), answer);
  const alarms = () => ask(client, paths.alarm, encoded(AlarmRequestSchema, {}), AlarmResponseSchema);
  const raised = await alarms();
  deepEqual(
    raised.alarms.map(({ alarm }) => AlarmType[alarm]),
    ['NOSPACE'],
  );
  match(await (await fetch(`${member.clientUrl}/health`)).text(), /"reason":"ALARM NOSPACE"/);
  match(await metrics(member.clientUrl), /^etcd_debugging_server_alarms\{alarm_type="NOSPACE",server_id="\w+"\} 1$/m);

  // Reads, deletions and what gives room back are served.
  equal(await answerOf(client, paths.range, range({ key: utf8('1') })), '');
  equal(await answerOf(client, paths.delete, encoded(DeleteRangeRequestSchema, { key: utf8('1') })), '');
  const before = await status();
  const revision = before.header?.revision ?? 0n;
  await client.call(paths.compact, encoded(CompactionRequestSchema, { revision, physical: true }));
  await client.call(paths.defragment, new Uint8Array(0));
  const after = await status();
  ok(after.dbSize < before.dbSize / 2n, `${before.dbSize} -> ${after.dbSize} bytes`);

  const memberID = raised.alarms[0]?.memberID ?? 0n;
  await client.call(paths.alarm, encoded(AlarmRequestSchema, { action: 2, memberID, alarm: AlarmType.NOSPACE }));
  equal((await alarms()).alarms.length, 0);
  equal(await answerOf(client, paths.put, put({ key: a })), '');
});

const metrics = async (url: string) => (await fetch(`${url}/metrics`)).text();

test('each kind of request is seen in the metrics', async () => {
  await using member = await startMember();
  using client = await UnaryClient.dial(member.clientUrl);
  await client.call(paths.put, put({ key: a, value: utf8('1234') }));
  await client.call(paths.range, range({ key: a }));
  await client.call(paths.delete, encoded(DeleteRangeRequestSchema, { key: a }));
  await client.call(paths.txn, encoded(TxnRequestSchema, { success: [putA] }));
  await client.call(paths.grant, encoded(LeaseGrantRequestSchema, { TTL: 60n }));
  await client.call(paths.compact, encoded(CompactionRequestSchema, { revision: 2n, physical: true }));
  const found = new Map(
    (await metrics(member.clientUrl)).split('\n').map((line) => line.split(' ') as [string, string]),
  );
  const counts = (name: string, labels: string) => found.get(`${name}_count{${labels}}`);
  for (const kind of ['Put', 'DeleteRange', 'Txn', 'LeaseGrant', 'Compaction']) {
    equal(counts('etcd_server_request_duration_seconds', `success="true",type="${kind}"`), '1', kind);
    equal(counts('etcd_server_apply_duration_seconds', `op="${kind}",success="true",version="v3"`), '1', kind);
  }
  equal(counts('etcd_server_request_duration_seconds', 'success="true",type="Range"'), '1');
  const expected = {
    etcd_mvcc_put_total: '2',
    etcd_mvcc_range_total: '1',
    etcd_mvcc_delete_total: '1',
    etcd_debugging_mvcc_total_put_size_in_bytes: '6',
    etcd_debugging_lease_granted_total: '1',
    etcd_debugging_lease_ttl_total_sum: '60',
    etcd_debugging_mvcc_db_compaction_total_duration_milliseconds_count: '1',
    'etcd_server_client_requests_total{client_api_version="unknown",type="unary"}': '6',
  };
  for (const [name, value] of Object.entries(expected)) equal(found.get(name), value, name);
  for (const name of ['received', 'sent']) {
    ok(Number(found.get(`etcd_network_client_grpc_${name}_bytes_total`)) > 0, name);
  }
});
