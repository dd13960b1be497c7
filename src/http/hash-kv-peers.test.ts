// Proves: /members/hashkv answers another member as etcd's hashKVHandler does, byte for byte, and never faults.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { noBytes, text, utf8 } from '../base/bytes.js';
import type { ClusterId } from '../base/ids.js';
import { silentLog } from '../base/log.js';
import type { HashKvAnswer } from '../member/kv-hashing.js';
import { decodeHashKvResponse, encodeHashKvRequest } from '../wire/messages/hash-kv-json.js';
import { hashKvHandler } from './hash-kv-peers.js';
import type { HttpResponse } from './message.js';

function ask(body: string, answer: HashKvAnswer, cluster = '', method = 'GET') {
  let response: HttpResponse | undefined;
  let asked: number | undefined;
  const hashing = {
    hashKv(revision: number, done: (answer: HashKvAnswer) => void) {
      asked = revision;
      done(answer);
    },
  };
  const headers = { 'x-etcd-cluster-id': cluster };
  const request = { method, path: '/members/hashkv', query: '', host: '', headers, body: utf8(body), secure: false };
  hashKvHandler({ clusterId: 0xc1n as ClusterId, hashing, log: silentLog })(request, (each) => {
    response = each;
  });
  const shown = response?.body;
  return {
    asked,
    headers: response?.headers,
    said: `${response?.status} ${typeof shown === 'string' ? shown : text(shown ?? noBytes)}`,
  };
}

const found: HashKvAnswer = { ok: true, hash: 1111663510, compactRevision: 23, revision: 35, current: 36 };

test('a hash', () => {
  const { asked, headers, said } = ask('{"revision":35}', found, 'c1');
  equal(asked, 35);
  equal(said, '200 {"header":{"revision":36},"hash":1111663510,"compact_revision":23,"hash_revision":35}');
  deepEqual(headers, { 'X-Etcd-Cluster-ID': 'c1', 'Content-Type': 'application/json' });
  deepEqual(decodeHashKvResponse(utf8(said.slice(4))), {
    hash: 1111663510,
    compactRevision: 23,
    revision: 35,
    current: 36,
  });
  equal(text(encodeHashKvRequest(0)), '{}');
  const { said: bare } = ask('{}', { ok: true, hash: 0, compactRevision: 0, revision: 0, current: 0 });
  equal(bare, '200 {"header":{}}');
});

test('what Go reads, and what it does not', () => {
  equal(ask('{}', found).asked, 0);
  equal(ask('null', found).asked, 0);
  equal(ask('{"Revision":7,"other":[1]}', found).asked, 7);
  equal(ask('{"revision":9223372036854775807}', found).asked, Number.MAX_SAFE_INTEGER);
  const negative = ask('{"revision":-3}', found);
  equal(negative.asked, -3);
  equal(negative.said.endsWith('"hash_revision":-3}'), true);
  for (const body of ['', '{', '[]', '7', '{"revision":"7"}', '{"revision":1.5}', '{"revision":[1]}', '\0']) {
    equal(ask(body, found).said, '400 error unmarshalling request\n', body);
  }
});

test('refusals', () => {
  equal(ask('{}', found, 'c2').said, '412 cluster ID mismatch\n');
  equal(ask('{}', { ok: false, error: 'compacted' }).said, '400 mvcc: required revision has been compacted\n');
  equal(ask('{}', { ok: false, error: 'futureRevision' }).said, '400 mvcc: required revision is a future revision\n');
  equal(ask('{}', found, '', 'POST').said, '405 Method Not Allowed\n');
});
