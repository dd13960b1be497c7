// Proves: requests are shown as etcd's log shows them, values by their size alone, and nothing that cannot be read is a fault.
import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { noBytes, utf8 } from '../base/bytes.js';
import {
  Compare_CompareTarget,
  LeaseRevokeRequestSchema,
  PutRequestSchema,
  RangeRequest_SortOrder,
  RangeRequestSchema,
  TxnRequestSchema,
} from '../gen/etcdserverpb/rpc_pb.js';
import { requestField } from './request-field.js';
import { entryText, requestText } from './request-text.js';

const shown = (field: number, bytes: Uint8Array) => requestText(field, bytes, 0, bytes.length);

test('each kind', () => {
  const put = create(PutRequestSchema, { key: utf8('a"\n\x01ü'), value: utf8('secret'), lease: 7n, prevKv: true });
  equal(
    shown(requestField.put, toBinary(PutRequestSchema, put)),
    'key:"a\\"\\n\\001\\303\\274" value_size:6 lease:7 prev_kv:true',
  );
  const range = create(RangeRequestSchema, { key: utf8('a'), limit: 3n, sortOrder: RangeRequest_SortOrder.DESCEND });
  equal(shown(requestField.range, toBinary(RangeRequestSchema, range)), 'key:"a" limit:3 sort_order:DESCEND');
  const revoke = toBinary(LeaseRevokeRequestSchema, create(LeaseRevokeRequestSchema, { ID: 255n }));
  equal(entryText(requestField.leaseRevoke, revoke, 0, revoke.length), 'lease_revoke:<id:00000000000000ff>');
  equal(shown(requestField.alarm, noBytes), '');
});

test('a transaction in a transaction', () => {
  const requestPut = create(PutRequestSchema, { key: utf8('k'), value: utf8('v') });
  const inner = create(TxnRequestSchema, { failure: [{ request: { case: 'requestPut', value: requestPut } }] });
  const txn = create(TxnRequestSchema, {
    compare: [
      {
        key: utf8('c'),
        target: Compare_CompareTarget.VALUE,
        targetUnion: { case: 'value', value: utf8('four') },
      },
    ],
    success: [{ request: { case: 'requestTxn', value: inner } }],
  });
  equal(
    shown(requestField.txn, toBinary(TxnRequestSchema, txn)),
    'compare:<target:VALUE key:"c" value_size:4> ' +
      'success:<request_txn:<compare:<> success:<> failure:<request_put:<key:"k" value_size:1>>>> failure:<>',
  );
});

test('long keys and broken bytes', () => {
  const put = create(PutRequestSchema, { key: new Uint8Array(100_000) });
  ok(shown(requestField.put, toBinary(PutRequestSchema, put)).length < 2100);
  for (const field of [requestField.put, requestField.range, requestField.txn, requestField.leaseGrant])
    equal(shown(field, Uint8Array.of(0xff, 0xff, 0xff)), '');
});
