// Proves: requests are refused as etcd refuses them, in its order; the duplicate-key rule agrees with a literal reading of etcd's.
import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { text, utf8 } from '../base/bytes.js';
import type { Random } from '../base/random.js';
import { forSeeds } from '../base/seeds.js';
import * as rpc from '../gen/etcdserverpb/rpc_pb.js';
import { DeleteRangeRequest, PutRequest, RangeRequest } from '../wire/messages/kv-requests.js';
import { type RequestOp, TxnRequest } from '../wire/messages/txn-request.js';
import {
  isReadOnly,
  isSerializable,
  validateDeleteRange,
  validatePut,
  validateRange,
  validateRangeStream,
} from './validate.js';
import { validateTxn } from './validate-txn.js';

type Init<Schema extends Parameters<typeof create>[0]> = MessageInitShape<Schema>;
type OpInit = Init<typeof rpc.RequestOpSchema>;

function range(init: Init<typeof rpc.RangeRequestSchema>): RangeRequest {
  const request = new RangeRequest();
  const bytes = toBinary(rpc.RangeRequestSchema, create(rpc.RangeRequestSchema, init));
  equal(request.decode(bytes, 0, bytes.length), 0);
  return request;
}

function put(init: Init<typeof rpc.PutRequestSchema>): PutRequest {
  const request = new PutRequest();
  const bytes = toBinary(rpc.PutRequestSchema, create(rpc.PutRequestSchema, init));
  equal(request.decode(bytes, 0, bytes.length), 0);
  return request;
}

function txn(init: Init<typeof rpc.TxnRequestSchema>): TxnRequest {
  const request = new TxnRequest();
  const bytes = toBinary(rpc.TxnRequestSchema, create(rpc.TxnRequestSchema, init));
  equal(request.decode(bytes, 0, bytes.length), 0);
  return request;
}

const key = utf8('k');
const opPut = (name: string): OpInit => ({ request: { case: 'requestPut', value: { key: utf8(name) } } });
const opGet = (name: string, serializable = false): OpInit => ({
  request: { case: 'requestRange', value: { key: utf8(name), serializable } },
});
const opDelete = (name: string, end = ''): OpInit => ({
  request: { case: 'requestDeleteRange', value: { key: utf8(name), rangeEnd: utf8(end) } },
});
const opTxn = (success: OpInit[], failure: OpInit[] = []): OpInit => ({
  request: { case: 'requestTxn', value: { success, failure } },
});

test('range', () => {
  equal(validateRange(range({ key })), undefined);
  equal(validateRange(Object.assign(range({}), { sortOrder: 9 })), 'emptyKey');
  equal(validateRange(Object.assign(range({ key }), { sortOrder: 3 })), 'invalidSortOption');
  equal(validateRange(Object.assign(range({ key }), { sortOrder: -1 })), 'invalidSortOption');
  equal(validateRange(Object.assign(range({ key }), { sortTarget: 5 })), 'invalidSortOption');
  equal(validateRange(range({ key, sortOrder: 2, sortTarget: 4 })), undefined);
});

test('a stream of a range takes no order but the keys own, and no filter', () => {
  equal(validateRangeStream(range({})), 'emptyKey');
  equal(validateRangeStream(range({ key, sortOrder: 1 })), undefined);
  equal(validateRangeStream(range({ key, sortTarget: 3 })), undefined);
  equal(validateRangeStream(range({ key, sortOrder: 2, minModRevision: 1n })), 'rangeStreamSorted');
  equal(validateRangeStream(range({ key, sortOrder: 1, sortTarget: 3 })), 'rangeStreamSorted');
  for (const filter of ['minModRevision', 'maxModRevision', 'minCreateRevision', 'maxCreateRevision'])
    equal(validateRangeStream(range({ key, [filter]: -1n })), 'rangeStreamFiltered');
});

test('put', () => {
  equal(validatePut(put({ ignoreValue: true, value: key })), 'emptyKey');
  equal(validatePut(put({ key, ignoreValue: true, value: key, ignoreLease: true, lease: 1n })), 'valueProvided');
  equal(validatePut(put({ key, ignoreLease: true, lease: -1n })), 'leaseProvided');
  equal(validatePut(put({ key, ignoreLease: true, ignoreValue: true })), undefined);
});

test('delete', () => {
  equal(validateDeleteRange(new DeleteRangeRequest()), 'emptyKey');
});

test('a transaction is checked in four steps, the first fault wins', () => {
  const empty = opPut('');
  const puts = (count: number) => Array.from({ length: count }, (_, i) => opPut(`k${i}`));
  equal(validateTxn(txn({ success: puts(3), compare: [{}] }), 2), 'tooManyOps');
  equal(validateTxn(txn({ failure: [empty], compare: [{}] }), 2), 'emptyKey');
  equal(validateTxn(txn({ success: [{}] }), 2), 'keyNotFound');
  equal(validateTxn(txn({ success: [{}], failure: [empty] }), 2), 'keyNotFound');
  equal(validateTxn(txn({ success: [opPut('a'), opPut('a')], failure: [empty] }), 2), 'emptyKey');
  equal(validateTxn(txn({ failure: [opPut('a'), opPut('a')] }), 2), 'duplicateKey');
  equal(validateTxn(txn({ success: [opPut('a')], failure: [opPut('a')] }), 2), undefined);
  equal(validateTxn(txn({}), 0), undefined);
});

test('a nested transaction gets the operations its parent leaves', () => {
  equal(validateTxn(txn({ success: [opTxn([opPut('a')])] }), 2), undefined);
  equal(validateTxn(txn({ success: [opTxn([opPut('a'), opPut('b')])] }), 2), 'tooManyOps');
  equal(validateTxn(txn({ success: [opGet('x'), opTxn([opPut('a')])] }), 2), 'tooManyOps');
});

test('duplicate keys, quirk by quirk', () => {
  const verdict = (...success: OpInit[]) => validateTxn(txn({ success }), 128);
  equal(verdict(opDelete('a'), opPut('a')), 'duplicateKey');
  equal(verdict(opPut('a'), opDelete('a')), 'duplicateKey');
  equal(verdict(opPut('b'), opDelete('a', 'c')), 'duplicateKey');
  equal(verdict(opPut('c'), opDelete('a', 'c')), undefined);
  equal(verdict(opPut('a\0'), opDelete('a')), undefined);
  equal(verdict(opDelete('a', 'c'), opDelete('b', 'd')), undefined);
  equal(verdict(opPut('a'), opGet('a')), undefined);
  // Taken literally, "to the last key" is an empty range.
  equal(verdict(opPut('b'), opDelete('a', '\0')), undefined);
  equal(verdict(opTxn([opPut('a')], [opPut('a')])), undefined);
  equal(verdict(opTxn([opPut('a')]), opTxn([], [opPut('a')])), 'duplicateKey');
  equal(verdict(opTxn([opPut('a')]), opTxn([opPut('a')], [opPut('a')])), 'duplicateKey');
  equal(verdict(opTxn([opPut('a')]), opPut('a')), 'duplicateKey');
  equal(verdict(opTxn([opPut('a')]), opDelete('a')), 'duplicateKey');
  equal(verdict(opTxn([opPut('k')]), opTxn([opDelete('k')])), undefined);
  equal(verdict(opTxn([opDelete('k')]), opTxn([opPut('k')])), 'duplicateKey');
  equal(verdict(opPut('k'), opTxn([opDelete('k')])), 'duplicateKey');
  equal(verdict(opTxn([opPut('k')], [opDelete('k')])), undefined);
  equal(verdict(opTxn([opPut('a'), opPut('a')])), 'duplicateKey');
});

test('keys that are not text are told apart', () => {
  const bytes = (...key: number[]): OpInit => ({
    request: { case: 'requestPut', value: { key: Uint8Array.from(key) } },
  });
  const all = Array.from({ length: 256 }, (_, i) => bytes(i));
  equal(validateTxn(txn({ success: [...all, bytes(0x80, 0x80)] }), 300), undefined);
  equal(validateTxn(txn({ success: [...all, bytes(0x80)] }), 300), 'duplicateKey');
});

type Writes = { puts: Set<string>; deletes: [string, string][] };

/** The oracle: every deletion a pair of strings, every question a walk over all. */
function plainly(list: readonly RequestOp[]): Writes | undefined {
  const deletes: [string, string][] = [];
  for (const op of list)
    if (op.kind === 'deleteRange') deletes.push([text(op.key), text(op.rangeEnd) || `${text(op.key)}\0`]);
  const deleted = (name: string) => deletes.some(([begin, end]) => begin <= name && name < end);
  const puts = new Set<string>();
  for (const op of list) {
    if (op.kind !== 'txn') continue;
    const then = plainly(op.success);
    const otherwise = plainly(op.failure);
    if (then === undefined || otherwise === undefined) return undefined;
    const nested = new Set([...then.puts, ...otherwise.puts]);
    if ([...nested].some((name) => puts.has(name) || deleted(name))) return undefined;
    for (const name of nested) puts.add(name);
    deletes.push(...then.deletes, ...otherwise.deletes);
  }
  for (const op of list) {
    if (op.kind !== 'put') continue;
    if (puts.has(text(op.key)) || deleted(text(op.key))) return undefined;
    puts.add(text(op.key));
  }
  return { puts, deletes };
}

function randomList(random: Random, depth: number): OpInit[] {
  const name = () => random.pick(['a', 'a\0', 'b', 'bb', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j']);
  return Array.from({ length: random.below(4) }, () => {
    const kind = random.below(depth > 0 ? 5 : 3);
    if (kind === 0) return opPut(name());
    if (kind === 1) return opDelete(name(), random.pick(['', '\0', name()]));
    return kind === 2 ? opGet(name()) : opTxn(randomList(random, depth - 1), randomList(random, depth - 1));
  });
}

test('the duplicate-key rule agrees with the oracle', () => {
  let accepted = 0;
  forSeeds(3000, (random) => {
    const request = txn({ success: randomList(random, 3), failure: randomList(random, 1) });
    const expected = plainly(request.success) !== undefined && plainly(request.failure) !== undefined;
    equal(validateTxn(request, 128), expected ? undefined : 'duplicateKey');
    if (expected) accepted++;
  });
  equal(accepted > 500 && accepted < 2500, true, `both verdicts are met, of 3000 ${accepted} pass`);
});

test('many deletions and puts are checked in no time', () => {
  const name = (i: number) => i.toString().padStart(6, '0');
  const nests = Array.from({ length: 60 }, (_, n) =>
    opTxn([
      ...Array.from({ length: 30 }, (_, i) => opDelete(name(n * 100 + i))),
      ...Array.from({ length: 30 }, (_, i) => opPut(name(n * 100 + 50 + i))),
    ]),
  );
  equal(validateTxn(txn({ success: nests }), 128), undefined);
  equal(validateTxn(txn({ success: [...nests, opPut(name(5905))] }), 128), 'duplicateKey');
  equal(validateTxn(txn({ success: [...nests, opPut(name(5950))] }), 128), 'duplicateKey');
});

test('a transaction is read-only when it holds ranges alone', () => {
  equal(isReadOnly(txn({ success: [opGet('a')], failure: [opGet('b')] })), true);
  equal(isReadOnly(txn({ success: [opGet('a')], failure: [opPut('b')] })), false);
  equal(isReadOnly(txn({ success: [opTxn([opGet('a')])] })), false);
  equal(isReadOnly(txn({})), true);
  equal(isSerializable(txn({})), true);
  equal(isSerializable(txn({ success: [opGet('a', true)] })), true);
  equal(isSerializable(txn({ success: [opGet('a', true)], failure: [opGet('b')] })), false);
});
