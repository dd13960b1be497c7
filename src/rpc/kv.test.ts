// Proves: no request, however it is nested, repeated or large, brings the key-value service down or holds it up.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { KvApplier } from '../apply/kv-applier.js';
import { Chores } from '../base/chores.js';
import { ServerCounters } from '../base/counters.js';
import type { Method } from '../wire/grpc/service.js';
import { Writer } from '../wire/proto/writer.js';
import { kvMethods } from './kv.js';
import { RecordingCall } from './recording-call.js';
import { SoloMember } from './solo-member.js';

function start(maxTxnOps = 128, bytesMax?: number) {
  const member = new SoloMember();
  const { answers, store } = member;
  const kv = new KvApplier(store, Number.POSITIVE_INFINITY, bytesMax);
  const chores = new Chores();
  const methods = new Map(
    kvMethods({
      answers,
      store,
      kv,
      chores,
      maxTxnOps,
      maxRequestBytes: 1_572_864,
      counters: new ServerCounters(),
      outOfSpace() {},
    }),
  );
  const call = (name: string, message: Uint8Array) => {
    const made = new RecordingCall(methods.get(`/etcdserverpb.KV/${name}`) as Method);
    made.write(message);
    member.settle();
    while (chores.run(0) === 0);
    return made;
  };
  return { member, call };
}

/** A field of bytes. */
function field(tag: number, ...parts: Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const writer = new Writer();
  writer.byte(tag);
  writer.varint(length);
  for (const part of parts) writer.raw(part, 0, part.length);
  return writer.copy();
}

const text = (value: string) => Buffer.from(value);
const success = 0x12;
const nested = 0x22;
const statusOf = ({ status }: RecordingCall) => [status?.code, status?.text];

test('a transaction nested deeper than the stack is refused', () => {
  let txn: Uint8Array = new Uint8Array(0);
  for (let depth = 0; depth < 4990; depth++) txn = field(success, field(nested, txn));
  const refused = [3, 'etcdserver: too many operations in txn request'];
  for (const maxTxnOps of [128, 100_000]) deepEqual(statusOf(start(maxTxnOps).call('Txn', txn)), refused);
});

test('many puts that keep what is there are looked up once each', () => {
  const { member, call } = start();
  const ignoreLease = Uint8Array.of(0x30, 1);
  const parents: Uint8Array[] = [];
  for (let i = 0; i < 64; i++) {
    const puts: Uint8Array[] = [];
    for (let j = 0; j < 64; j++) {
      const key = text(`${i}/${j}`);
      member.put(key, text('v'));
      puts.push(field(success, field(0x12, field(0x0a, key), ignoreLease)));
    }
    parents.push(field(success, field(nested, ...puts)));
  }
  const beganMs = performance.now();
  const answered = call('Txn', Buffer.concat(parents));
  deepEqual(statusOf(answered), [0, '']);
  ok(performance.now() - beganMs < 1000);
  equal(member.store.revision, 1 + 64 * 64 + 1);
});

test('a put that keeps the value of what an open-ended deletion took is refused', () => {
  const { member, call } = start();
  member.put(text('a'), text('1'));
  member.put(text('b'), text('2'));
  const deletion = field(success, field(0x1a, field(0x0a, text('b')), field(0x12, Uint8Array.of(0))));
  const put = (key: string) => field(success, field(0x12, field(0x0a, text(key)), Uint8Array.of(0x28, 1)));
  deepEqual(statusOf(call('Txn', Buffer.concat([deletion, put('b')]))), [3, 'etcdserver: key not found']);
  deepEqual(statusOf(call('Txn', Buffer.concat([deletion, put('a')]))), [0, '']);
});

test('a stream of small values and great ones goes out in chunks that memory can hold', () => {
  const { member, call } = start();
  for (let i = 0; i < 10; i++) member.put(text(`a${i}`), text('small'));
  for (let i = 10; i < 74; i++) member.put(text(`b${i}`), new Uint8Array(512 * 1024));
  const { sent, status } = call('RangeStream', Buffer.concat([field(0x0a, text('a')), field(0x12, text('z'))]));
  equal(status?.code, 0);
  ok(sent.every(({ length }) => length < 9 << 20));
  ok(sent.reduce((sum, { length }) => sum + length, 0) > 64 * 512 * 1024);
});

test('a read-only transaction whose answer cannot be sent is refused, and the next one is answered', () => {
  const { member, call } = start(128, 1000);
  member.put(text('a'), new Uint8Array(300));
  const get = field(success, field(0x0a, field(0x0a, text('a'))));
  const tooLarge = call('Txn', Buffer.concat([get, get, get, get]));
  equal(tooLarge.status?.code, 8);
  ok(tooLarge.status?.text.startsWith('grpc: trying to send message larger than max (1'));
  deepEqual(statusOf(call('Txn', Buffer.concat([get, get]))), [0, '']);
});
