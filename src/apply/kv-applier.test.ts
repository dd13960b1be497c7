// Proves: puts, deletions and nested transactions with random compares answer and change what a plain reading of etcd's
// rules does; and each refusal comes in etcd's order and leaves nothing behind.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Bytes } from '../base/bytes.js';
import { type LeaseId, noLease } from '../base/ids.js';
import type { Random } from '../base/random.js';
import { forSeeds } from '../base/seeds.js';
import {
  type Compare,
  DeleteRangeRequestSchema,
  PutRequestSchema,
  type RequestOp,
  RequestOpSchema,
  type ResponseOp,
  type TxnRequest as TxnMessage,
  TxnRequestSchema,
  type TxnResponse,
  TxnResponseSchema,
} from '../gen/etcdserverpb/rpc_pb.js';
import { type KeyValue, KeyValueSchema } from '../gen/mvccpb/kv_pb.js';
import type { LeaseAttachments } from '../mvcc/lease-attachments.js';
import { MemoryValues } from '../mvcc/memory-values.js';
import { type Fact, NaiveStore } from '../mvcc/naive-store.js';
import { PlainIndex } from '../mvcc/plain-index.js';
import { Store } from '../mvcc/store.js';
import { DeleteRangeRequest, PutRequest } from '../wire/messages/kv-requests.js';
import { TxnRequest } from '../wire/messages/txn-request.js';
import { KvApplier } from './kv-applier.js';
import type { Outcome } from './outcome.js';

const leases: LeaseAttachments = { has: (lease) => lease === 7n, attach: () => {}, detach: () => {} };

const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'));
const textOf = (bytes: Bytes) => Buffer.from(bytes).toString('latin1');

class Pair {
  readonly naive = new NaiveStore();
  readonly store = new Store({ index: new PlainIndex(), values: new MemoryValues(), leases });
  readonly kv = new KvApplier(this.store, Number.POSITIVE_INFINITY);

  put(init: Parameters<typeof create<typeof PutRequestSchema>>[1], kv = this.kv): Outcome {
    const request = new PutRequest();
    const bytes = toBinary(PutRequestSchema, create(PutRequestSchema, init));
    equal(request.decode(bytes, 0, bytes.length), 0);
    return kv.put(request);
  }

  deleteRange(init: Parameters<typeof create<typeof DeleteRangeRequestSchema>>[1]): Outcome {
    const request = new DeleteRangeRequest();
    const bytes = toBinary(DeleteRangeRequestSchema, create(DeleteRangeRequestSchema, init));
    equal(request.decode(bytes, 0, bytes.length), 0);
    return this.kv.deleteRange(request);
  }

  txn(message: TxnMessage, wanted = true): Outcome {
    const request = new TxnRequest();
    const bytes = toBinary(TxnRequestSchema, message);
    equal(request.decode(bytes, 0, bytes.length), 0);
    return this.kv.txn(request, wanted);
  }
}

const keys = ['a', 'b', 'c', 'd', 'e'];
const ends = ['', '', '', '\0', 'c', 'z', 'a'];

function drawOps(random: Random, depth: number): RequestOp[] {
  return Array.from({ length: random.below(4) }, () => create(RequestOpSchema, { request: drawOp(random, depth) }));
}

function drawOp(
  random: Random,
  depth: number,
): NonNullable<Parameters<typeof create<typeof RequestOpSchema>>[1]>['request'] & {} {
  const key = bytesOf(random.pick(keys));
  const rangeEnd = bytesOf(random.pick(ends));
  const prevKv = random.oneIn(2);
  switch (random.below(depth > 2 ? 3 : 4)) {
    case 0:
      return {
        case: 'requestRange',
        value: { key, rangeEnd, limit: BigInt(random.below(3)), keysOnly: random.oneIn(4) },
      };
    case 1: {
      const [ignoreValue, ignoreLease] = [random.oneIn(6), random.oneIn(6)];
      const value = ignoreValue ? bytesOf('') : bytesOf(random.pick(['', 'x', 'yy']));
      const lease = ignoreLease || random.oneIn(2) ? 0n : random.oneIn(12) ? 8n : 7n;
      return { case: 'requestPut', value: { key, value, lease, prevKv, ignoreValue, ignoreLease } };
    }
    case 2:
      return { case: 'requestDeleteRange', value: { key, rangeEnd, prevKv } };
    default:
      return { case: 'requestTxn', value: drawTxn(random, depth + 1) };
  }
}

function drawTxn(random: Random, depth = 0): TxnMessage {
  const compare = Array.from({ length: random.below(3) }, () => ({
    key: bytesOf(random.pick(keys)),
    rangeEnd: bytesOf(random.pick(ends)),
    target: random.below(6),
    result: random.below(5),
    targetUnion: random.pick([
      { case: 'version' as const, value: BigInt(random.below(3)) },
      { case: 'createRevision' as const, value: BigInt(random.below(9)) },
      { case: 'modRevision' as const, value: BigInt(random.below(9)) },
      { case: 'value' as const, value: bytesOf(random.pick(['', 'x', 'yy'])) },
      { case: 'lease' as const, value: random.pick([0n, 7n]) },
    ]),
  }));
  return create(TxnRequestSchema, { compare, success: drawOps(random, depth), failure: drawOps(random, depth) });
}

const endOf = (end: Bytes) => (end.length === 0 ? undefined : textOf(end) === '\0' ? '' : textOf(end));

/** A transaction by the book, on the plain store. */
class Plainly {
  readonly naive: NaiveStore;
  readonly path = new Map<TxnMessage, boolean>();
  readonly put = new Set<string>();

  constructor(naive: NaiveStore) {
    this.naive = naive;
  }

  choose(txn: TxnMessage): void {
    this.path.set(
      txn,
      txn.compare.every((each) => this.holds(each)),
    );
    for (const op of this.chosen(txn)) if (op.request.case === 'requestTxn') this.choose(op.request.value);
  }

  chosen(txn: TxnMessage): RequestOp[] {
    return this.path.get(txn) === true ? txn.success : txn.failure;
  }

  holds(compare: Compare): boolean {
    const facts = this.naive.keysOf(textOf(compare.key), endOf(compare.rangeEnd), this.naive.revision);
    if (facts.length === 0 && compare.target === 3) return false;
    const none = { key: '', main: 0, sub: 0, value: '', create: 0, version: 0, lease: 0n };
    return (facts.length === 0 ? [none] : facts).every((fact) => {
      const names = ['version', 'createRevision', 'modRevision', 'value', 'lease'];
      const operand = compare.targetUnion.case === names[compare.target] ? compare.targetUnion.value : undefined;
      const actual = [fact.version, fact.create, fact.main, fact.value, Number(fact.lease)][compare.target];
      const other = operand instanceof Uint8Array ? textOf(operand) : Number(operand ?? 0);
      const wanted = compare.target === 3 && operand === undefined ? '' : other;
      const less = compare.target <= 4 && (actual ?? 0) < wanted;
      const greater = compare.target <= 4 && (actual ?? 0) > wanted;
      return [!less && !greater, greater, less, less || greater, true][compare.result] === true;
    });
  }

  /** The first refusal on the chosen branches. `gone` and `there`: what the operations before did to the keys. */
  refusal(
    txn: TxnMessage,
    gone: (key: string) => boolean | undefined = () => undefined,
  ): [string | undefined, typeof gone] {
    let known = gone;
    for (const op of this.chosen(txn)) {
      const before = known;
      if (op.request.case === 'requestPut') {
        const { key, lease, ignoreValue, ignoreLease } = op.request.value;
        const alive = !(known(textOf(key)) ?? this.naive.at(textOf(key), this.naive.revision) === undefined);
        if (lease === 8n) return ['leaseNotFound', known];
        if ((ignoreValue || ignoreLease) && !alive) return ['keyNotFound', known];
        known = (each) => (each === textOf(key) ? false : before(each));
      } else if (op.request.case === 'requestDeleteRange') {
        const [key, end] = [textOf(op.request.value.key), endOf(op.request.value.rangeEnd)];
        const covers = (each: string) => (end === undefined ? each === key : each >= key && (end === '' || each < end));
        known = (each) => (covers(each) ? true : before(each));
      } else if (op.request.case === 'requestTxn') {
        const [error, after] = this.refusal(op.request.value, known);
        if (error !== undefined) return [error, known];
        known = after;
      }
    }
    return [undefined, known];
  }

  execute(txn: TxnMessage): unknown[] {
    return this.chosen(txn).map(({ request }) => {
      const { naive } = this;
      switch (request.case) {
        case 'requestRange': {
          const { key, rangeEnd, limit, keysOnly } = request.value;
          const plain = {
            revision: 0,
            order: 0,
            target: 0,
            countOnly: false,
            minMod: 0,
            maxMod: 0,
            minCreate: 0,
            maxCreate: 0,
          };
          const asked = { ...plain, key: textOf(key), end: endOf(rangeEnd), limit: Number(limit), keysOnly };
          const answer = naive.range(asked, naive.inner);
          if (typeof answer === 'string') throw new Error(answer);
          return { revision: naive.inner, ...answer, kvs: answer.kvs.map(show) };
        }
        case 'requestPut': {
          const { key, value, lease, prevKv, ignoreValue, ignoreLease } = request.value;
          const before = naive.at(textOf(key), naive.inner);
          const put = ignoreValue ? (before?.value ?? '') : textOf(value);
          naive.put(textOf(key), put, ignoreLease ? (before?.lease ?? 0n) : lease);
          return { revision: naive.inner, prev: prevKv && before ? show(before) : undefined };
        }
        case 'requestDeleteRange': {
          const { key, rangeEnd, prevKv } = request.value;
          const prevs = prevKv ? naive.keysOf(textOf(key), endOf(rangeEnd), naive.inner).map(show) : [];
          const deleted = naive.delete(textOf(key), endOf(rangeEnd));
          return { revision: naive.inner, deleted, prevs };
        }
        case 'requestTxn':
          return { succeeded: this.path.get(request.value), responses: this.execute(request.value) };
        default:
          throw new Error('no operation');
      }
    });
  }
}

const show = (fact: Fact) => `${fact.key}=${fact.value} ${fact.create}/${fact.main}/${fact.version} ${fact.lease}`;

const showKv = (kv: KeyValue) =>
  `${textOf(kv.key)}=${textOf(kv.value)} ${kv.createRevision}/${kv.modRevision}/${kv.version} ${kv.lease}`;

function readable({ response }: ResponseOp): unknown {
  switch (response.case) {
    case 'responseRange': {
      const { header, kvs, more, count } = response.value;
      return { revision: Number(header?.revision), kvs: kvs.map(showKv), more, count: Number(count) };
    }
    case 'responsePut': {
      const { header, prevKv } = response.value;
      return { revision: Number(header?.revision), prev: prevKv && showKv(prevKv) };
    }
    case 'responseDeleteRange': {
      const { header, deleted, prevKvs } = response.value;
      return { revision: Number(header?.revision), deleted: Number(deleted), prevs: prevKvs.map(showKv) };
    }
    case 'responseTxn':
      equal(response.value.header?.revision, 0n);
      return { succeeded: response.value.succeeded, responses: response.value.responses.map(readable) };
    default:
      throw new Error('no response');
  }
}

/**
 * Whether a key would be put twice, or both put and deleted: such a transaction never gets to the store. Only a deletion with
 * an open end may stand before a put of what it deletes.
 */
function isLegal(plainly: Plainly, txn: TxnMessage, put: Set<string>, deleted: ((key: string) => boolean)[]): boolean {
  return plainly.chosen(txn).every(({ request }) => {
    if (request.case === 'requestTxn') return isLegal(plainly, request.value, put, deleted);
    if (request.case === 'requestDeleteRange') {
      const [key, end] = [textOf(request.value.key), endOf(request.value.rangeEnd)];
      const covers = (each: string) => (end === undefined ? each === key : each >= key && (end === '' || each < end));
      if (end !== '') deleted.push(covers);
      return ![...put].some(covers);
    }
    if (request.case !== 'requestPut') return true;
    const key = textOf(request.value.key);
    const first = !put.has(key);
    put.add(key);
    return first && !deleted.some((covers) => covers(key));
  });
}

test('random transactions', () => {
  let applied = 0;
  forSeeds(120, (random) => {
    const pair = new Pair();
    for (let turn = 0; turn < 30; turn++) {
      const message = drawTxn(random);
      const plainly = new Plainly(pair.naive);
      plainly.choose(message);
      if (!isLegal(plainly, message, new Set(), [])) continue;
      const wanted = !random.oneIn(5);
      const outcome = pair.txn(message, wanted);
      const [refusal] = plainly.refusal(message);
      if (refusal !== undefined) {
        deepEqual(outcome, { kind: 'refused', error: refusal, revision: pair.naive.revision });
        continue;
      }
      applied++;
      const responses = plainly.execute(message);
      pair.naive.end();
      if (outcome.kind !== 'txn') throw new Error(outcome.kind);
      equal(outcome.revision, pair.naive.revision);
      if (!wanted) continue;
      const answer: TxnResponse = fromBinary(TxnResponseSchema, outcome.body);
      equal(answer.succeeded, plainly.path.get(message));
      deepEqual(answer.responses.map(readable), responses);
    }
    const state = (facts: readonly Fact[]) => facts.map(show);
    const alive = pair.naive.keysOf('', '', pair.naive.revision);
    deepEqual(
      state(alive),
      keys.flatMap((key) => {
        const stored = pair.store.get(bytesOf(key));
        return stored === undefined ? [] : [showKv(decodeKv(stored))];
      }),
    );
  });
  equal(applied > 1000, true, `${applied} transactions were applied`);
});

const decodeKv = (stored: Bytes) => fromBinary(KeyValueSchema, stored);

test('a put is refused for its lease first, then for the key that is not there', () => {
  const pair = new Pair();
  const refused = (error: string) => ({ kind: 'refused', error, revision: pair.store.revision });
  const key = bytesOf('k');
  deepEqual(pair.put({ key, lease: 8n, ignoreValue: true }), refused('leaseNotFound'));
  deepEqual(pair.put({ key, lease: 7n, ignoreValue: true }), refused('keyNotFound'));
  deepEqual(pair.put({ key, ignoreLease: true }), refused('keyNotFound'));
  deepEqual(pair.put({ key, value: bytesOf('v'), prevKv: true }), { kind: 'put', revision: 2, prevKv: undefined });
  deepEqual(pair.put({ key, ignoreValue: true, lease: 7n }), { kind: 'put', revision: 3, prevKv: undefined });
  const outcome = pair.put({ key, value: bytesOf('w'), ignoreLease: true, prevKv: true });
  equal(outcome.kind === 'put' && outcome.prevKv && showKv(decodeKv(outcome.prevKv)), 'k=v 2/3/2 7');
  equal(showKv(decodeKv(pair.store.get(key) as Bytes)), 'k=w 2/4/3 7');
});

test('a deletion answers what it deleted, and deleting nothing changes nothing', () => {
  const pair = new Pair();
  for (const key of ['a', 'b', 'c']) pair.put({ key: bytesOf(key), value: bytesOf(key) });
  const outcome = pair.deleteRange({ key: bytesOf('b'), rangeEnd: bytesOf('\0'), prevKv: true });
  if (outcome.kind !== 'deleteRange') throw new Error(outcome.kind);
  deepEqual(
    outcome.prevKvs.map((kv) => showKv(decodeKv(kv))),
    ['b=b 3/3/1 0', 'c=c 4/4/1 0'],
  );
  deepEqual([outcome.revision, outcome.deleted], [5, 2]);
  deepEqual(pair.deleteRange({ key: bytesOf('b') }), { kind: 'deleteRange', revision: 5, deleted: 0, prevKvs: [] });
});

test('without room a put is applied and refused all the same', () => {
  const pair = new Pair();
  const tight = new KvApplier(pair.store, 300);
  deepEqual(pair.put({ key: bytesOf('k'), value: new Uint8Array(42) }, tight), {
    kind: 'put',
    revision: 2,
    prevKv: undefined,
  });
  deepEqual(pair.put({ key: bytesOf('k') }, tight), { kind: 'refused', error: 'noSpace', revision: 3 });
  equal(pair.store.revision, 3);
  deepEqual(pair.put({ key: bytesOf('k'), lease: 9n as LeaseId }, tight), {
    kind: 'refused',
    error: 'leaseNotFound',
    revision: 3,
  });
  equal(noLease, 0n);
});

test('a put that asks for what a deletion with an open end took finds no key, and nothing is done', () => {
  const pair = new Pair();
  const key = bytesOf('k');
  pair.put({ key, value: bytesOf('v') });
  const success = [
    { request: { case: 'requestDeleteRange' as const, value: { key: bytesOf('a'), rangeEnd: bytesOf('\0') } } },
    { request: { case: 'requestPut' as const, value: { key, ignoreValue: true } } },
  ];
  deepEqual(pair.txn(create(TxnRequestSchema, { success })), { kind: 'refused', error: 'keyNotFound', revision: 2 });
  equal(showKv(decodeKv(pair.store.get(key) as Bytes)), 'k=v 2/2/1 0');
});
