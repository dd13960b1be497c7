// Proves: an aimed request is what the generated codec makes of the same keys, and answers' keys are counted right.
import { equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { noBytes, text, utf8 } from '../../base/bytes.js';
import { PutRequestSchema, RangeResponseSchema, TxnRequestSchema } from '../../gen/etcdserverpb/rpc_pb.js';
import { readFlags } from './flags.js';
import { KeyCounter } from './key-counter.js';
import { workOf } from './work.js';

test('a put is aimed at any key', () => {
  const { request } = workOf(readFlags(['--work=put', '--value-bytes=3']));
  for (const number of [7, 0, 999_999_999, 120]) {
    const { key, value } = fromBinary(PutRequestSchema, request.aim(number));
    equal(text(key), `/registry/pods/default/${String(number).padStart(9, '0')}`);
    equal(value.length, 3);
  }
  throws(() => request.aim(1_000_000_000));
});

test('every key of a transaction is aimed', () => {
  const { request } = workOf(readFlags(['--work=txn']));
  const { compare, success } = fromBinary(TxnRequestSchema, request.aim(42));
  const [put, range] = success.map(({ request: { value } }) =>
    value !== undefined && 'key' in value ? value.key : noBytes,
  );
  for (const key of [compare[0]?.key, put, range]) equal(text(key ?? noBytes), '/registry/pods/default/000000042');
});

test('keys of an answer are counted, in whatever parts it comes', () => {
  const kvs = ['a', 'b', 'c'].map((key) => ({ key: utf8(key), value: utf8(key.repeat(200)) }));
  const answer = toBinary(RangeResponseSchema, create(RangeResponseSchema, { kvs, count: 3n }));
  const counter = new KeyCounter();
  for (const partBytes of [1, 2, 7, 200, answer.length]) {
    counter.reset();
    for (let at = 0; at < answer.length; at += partBytes) {
      counter.add(answer, at, Math.min(at + partBytes, answer.length));
    }
    equal(counter.keys, 3);
  }
});

test('a word that is no flag is refused', () => {
  throws(() => readFlags(['--klients=3']), /not a flag: --klients=3/);
  throws(() => readFlags(['--clients=many']), /not a number/);
});
