// Proves: a call that took long is told of with etcd's figures, once, and a quick one is not looked at.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { requestField } from '../apply/request-field.js';
import { noBytes, utf8 } from '../base/bytes.js';
import { type Fields, type Log, silentLog } from '../base/log.js';
import {
  PutRequestSchema,
  RangeResponseSchema,
  TxnRequestSchema,
  TxnResponseSchema,
} from '../gen/etcdserverpb/rpc_pb.js';
import { SlowCalls } from '../wire/grpc/slow-calls.js';
import { RecordingCall } from './recording-call.js';
import { type Standing, tellRequestStats } from './request-stats.js';

const method = { kind: 'unary', message() {} } as const;
const standing = (field: number, bytes: Uint8Array): Standing => ({ field, bytes, start: 0, end: bytes.length });

function told(path: string, entry: Standing | undefined, answer: Uint8Array, kept?: Uint8Array) {
  const lines: Fields[] = [];
  const log: Log = { ...silentLog, debugEnabled: false, warn: (_msg, fields) => lines.push(fields ?? {}) };
  const call = Object.assign(new RecordingCall(method), { path, state: kept });
  const parts = { log, warningMs: 300, timeAgo: (agoMs: number) => `${agoMs} ago`, applying: () => entry };
  tellRequestStats(parts, { call, tookMs: 299, requestBytes: 9, answer });
  tellRequestStats(parts, { call, tookMs: 1500, requestBytes: 9, answer });
  equal(lines.length, 1);
  const { 'request count': asked, 'response count': answered, 'request content': content } = lines[0] ?? {};
  equal(lines[0]?.['time spent'], '1.5s');
  equal(lines[0]?.['start time'], '1500 ago');
  return [asked, lines[0]?.['request size'], answered, lines[0]?.['response size'], content];
}

test('what is told of each kind', () => {
  const put = toBinary(PutRequestSchema, create(PutRequestSchema, { key: utf8('k'), value: utf8('v') }));
  const entry = standing(requestField.put, put);
  deepEqual(told('/etcdserverpb.KV/Put', entry, utf8('xx')), [1, 9, 0, 2, 'key:"k" value_size:1']);
  deepEqual(told('/etcdserverpb.KV/Put', undefined, noBytes), [1, 9, 0, 0, ''], 'it timed out');
  deepEqual(told('/etcdserverpb.Lease/LeaseRevoke', entry, utf8('x')), [-1, -1, -1, -1, '']);

  const range = toBinary(RangeResponseSchema, create(RangeResponseSchema, { count: 70n }));
  const kept = Uint8Array.of(10, 1, 97);
  deepEqual(told('/etcdserverpb.KV/Range', entry, range, kept), [0, 9, 70, 2, 'key:"a"']);

  const requestPut = create(PutRequestSchema, { key: utf8('k') });
  const op = { request: { case: 'requestPut', value: requestPut } } as const;
  const txn = toBinary(TxnRequestSchema, create(TxnRequestSchema, { success: [op, op], failure: [op] }));
  const succeeded = toBinary(TxnResponseSchema, create(TxnResponseSchema, { succeeded: true }));
  equal(told('/etcdserverpb.KV/Txn', standing(requestField.txn, txn), succeeded)[0], 2);
  equal(told('/etcdserverpb.KV/Txn', standing(requestField.txn, txn), Uint8Array.of(0x0a, 0))[0], 1);
});

test('only what may be late costs a look at the clock', () => {
  let looks = 0;
  const tolds: number[] = [];
  const clock = () => {
    looks++;
    return 1350;
  };
  const slow = new SlowCalls({ longerThanMs: 300, clock, tell: ({ tookMs }) => tolds.push(tookMs) });
  const end = (beganMs: number, seenMs: number) => {
    slow.seenMs = seenMs;
    slow.ended(Object.assign(new RecordingCall(method), { beganMs, requestBytes: 1 }), noBytes, 0, 0);
  };
  end(1150, 1340);
  equal(looks, 0);
  end(1100, 1340);
  equal(looks, 1);
  deepEqual(tolds, []);
  end(1000, 1340);
  deepEqual(tolds, [350]);
});
