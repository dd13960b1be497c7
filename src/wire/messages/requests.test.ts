// Proves: hot requests decode as the generated codecs decode them, however they are written; broken ones fail, at any cut.
import { deepEqual, equal, notEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { type Bytes, concatBytes, utf8 } from '../../base/bytes.js';
import type { Random } from '../../base/random.js';
import { forSeeds } from '../../base/seeds.js';
import * as rpc from '../../gen/etcdserverpb/rpc_pb.js';
import { type DecodeFailure, decodeFailure } from '../proto/failure.js';
import type { Int64 } from '../proto/int64.js';
import { type Shape, scramble } from '../proto/scramble.js';
import { CompactionRequest, DeleteRangeRequest, PutRequest, RangeRequest } from './kv-requests.js';
import { LeaseKeepAliveRequest } from './lease-keep-alive.js';
import { type Compare, compareOperand, type RequestOp, TxnRequest } from './txn-request.js';
import { WatchRequest } from './watch-request.js';

const list = (bytes: Bytes) => [...bytes];
const safe = (value: bigint) => {
  const limit = BigInt(Number.MAX_SAFE_INTEGER);
  if (value > limit) return Number.MAX_SAFE_INTEGER;
  return value < -limit ? Number.MIN_SAFE_INTEGER : Number(value);
};
const exact = (value: Int64) => BigInt(value);

function int64(random: Random): bigint {
  const wide = (BigInt(random.uint32()) << 32n) | BigInt(random.uint32());
  return random.pick([
    0n,
    1n,
    -1n,
    300n,
    2n ** 53n - 1n,
    2n ** 53n,
    2n ** 63n - 1n,
    -(2n ** 63n),
    BigInt.asIntN(64, wide),
  ]);
}
const bytes = (random: Random) => random.bytes(random.pick([0, 1, 3, 130]));
const enumOf = (random: Random) => random.pick([0, 1, 2, 3, 4, 7, -1]);
const flag = (random: Random) => random.oneIn(2);

const range = (random: Random) =>
  create(rpc.RangeRequestSchema, {
    key: bytes(random),
    rangeEnd: bytes(random),
    limit: int64(random),
    revision: int64(random),
    sortOrder: enumOf(random),
    sortTarget: enumOf(random),
    serializable: flag(random),
    keysOnly: flag(random),
    countOnly: flag(random),
    minModRevision: int64(random),
    maxModRevision: int64(random),
    minCreateRevision: int64(random),
    maxCreateRevision: int64(random),
  });
const seenRange = (hot: RangeRequest) => ({
  key: list(hot.key),
  rangeEnd: list(hot.rangeEnd),
  limit: hot.limit,
  revision: hot.revision,
  sortOrder: hot.sortOrder,
  sortTarget: hot.sortTarget,
  serializable: hot.serializable,
  keysOnly: hot.keysOnly,
  countOnly: hot.countOnly,
  revisions: [hot.minModRevision, hot.maxModRevision, hot.minCreateRevision, hot.maxCreateRevision],
});
const plainRange = (cold: rpc.RangeRequest) => ({
  key: list(cold.key),
  rangeEnd: list(cold.rangeEnd),
  limit: safe(cold.limit),
  revision: safe(cold.revision),
  sortOrder: cold.sortOrder,
  sortTarget: cold.sortTarget,
  serializable: cold.serializable,
  keysOnly: cold.keysOnly,
  countOnly: cold.countOnly,
  revisions: [cold.minModRevision, cold.maxModRevision, cold.minCreateRevision, cold.maxCreateRevision].map(safe),
});

const put = (random: Random) =>
  create(rpc.PutRequestSchema, {
    key: bytes(random),
    value: bytes(random),
    lease: int64(random),
    prevKv: flag(random),
    ignoreValue: flag(random),
    ignoreLease: flag(random),
  });
const seenPut = (hot: PutRequest) => ({
  key: list(hot.key),
  value: list(hot.value),
  lease: BigInt(hot.lease),
  flags: [hot.prevKv, hot.ignoreValue, hot.ignoreLease, hot.hasLease],
});
const plainPut = (cold: rpc.PutRequest) => ({
  key: list(cold.key),
  value: list(cold.value),
  lease: cold.lease,
  flags: [cold.prevKv, cold.ignoreValue, cold.ignoreLease, cold.lease !== 0n],
});

const deletion = (random: Random) =>
  create(rpc.DeleteRangeRequestSchema, { key: bytes(random), rangeEnd: bytes(random), prevKv: flag(random) });
const seenDeletion = (hot: DeleteRangeRequest | rpc.DeleteRangeRequest) => ({
  key: list(hot.key),
  rangeEnd: list(hot.rangeEnd),
  prevKv: hot.prevKv,
});

function compare(random: Random) {
  const targetUnion = random.pick<rpc.Compare['targetUnion']>([
    { case: 'version', value: int64(random) },
    { case: 'createRevision', value: int64(random) },
    { case: 'modRevision', value: int64(random) },
    { case: 'value', value: bytes(random) },
    { case: 'lease', value: int64(random) },
    { case: undefined },
  ]);
  return create(rpc.CompareSchema, {
    result: enumOf(random),
    target: enumOf(random),
    key: bytes(random),
    rangeEnd: bytes(random),
    targetUnion,
  });
}

function op(random: Random, depth: number): rpc.RequestOp {
  const kind = random.below(depth > 0 ? 5 : 4);
  const request = ((): rpc.RequestOp['request'] => {
    if (kind === 0) return { case: 'requestRange', value: range(random) };
    if (kind === 1) return { case: 'requestPut', value: put(random) };
    if (kind === 2) return { case: 'requestDeleteRange', value: deletion(random) };
    return kind === 3 ? { case: undefined } : { case: 'requestTxn', value: txn(random, depth - 1) };
  })();
  return create(rpc.RequestOpSchema, { request });
}

function txn(random: Random, depth: number): rpc.TxnRequest {
  const some = <T>(make: () => T) => Array.from({ length: random.below(3) }, make);
  return create(rpc.TxnRequestSchema, {
    compare: some(() => compare(random)),
    success: some(() => op(random, depth)),
    failure: some(() => op(random, depth)),
  });
}

function seenOperand(hot: Compare): unknown {
  switch (hot.operand) {
    case compareOperand.none:
      return undefined;
    case compareOperand.value:
      return list(hot.value);
    case compareOperand.lease:
      return BigInt(hot.lease);
    default:
      return hot.number;
  }
}

function plainOperand(cold: rpc.Compare['targetUnion']): unknown {
  if (cold.case === 'value') return list(cold.value);
  if (cold.case === undefined || cold.case === 'lease') return cold.value;
  return safe(cold.value);
}

const operandNames = { 0: undefined, 4: 'version', 5: 'createRevision', 6: 'modRevision', 7: 'value', 8: 'lease' };

const seenTxn = (hot: TxnRequest): unknown => ({
  compare: hot.compare.map((one) => ({
    result: one.result,
    target: one.target,
    key: list(one.key),
    rangeEnd: list(one.rangeEnd),
    kind: operandNames[one.operand],
    operand: seenOperand(one),
  })),
  success: hot.success.map(seenOp),
  failure: hot.failure.map(seenOp),
});
function seenOp(hot: RequestOp): unknown {
  if (hot.kind === 'range') return seenRange(hot);
  if (hot.kind === 'put') return seenPut(hot);
  if (hot.kind === 'deleteRange') return seenDeletion(hot);
  return hot.kind === 'txn' ? seenTxn(hot) : undefined;
}

const plainTxn = (cold: rpc.TxnRequest): unknown => ({
  compare: cold.compare.map((one) => ({
    result: one.result,
    target: one.target,
    key: list(one.key),
    rangeEnd: list(one.rangeEnd),
    kind: one.targetUnion.case,
    operand: plainOperand(one.targetUnion),
  })),
  success: cold.success.map(plainOp),
  failure: cold.failure.map(plainOp),
});
function plainOp({ request }: rpc.RequestOp): unknown {
  if (request.case === 'requestRange') return plainRange(request.value);
  if (request.case === 'requestPut') return plainPut(request.value);
  if (request.case === 'requestDeleteRange') return seenDeletion(request.value);
  return request.case === 'requestTxn' ? plainTxn(request.value) : undefined;
}

function watch(random: Random): rpc.WatchRequest {
  const requestUnion = random.pick<() => rpc.WatchRequest['requestUnion']>([
    () => ({
      case: 'createRequest',
      value: create(rpc.WatchCreateRequestSchema, {
        key: bytes(random),
        rangeEnd: bytes(random),
        startRevision: int64(random),
        progressNotify: flag(random),
        filters: Array.from({ length: random.below(4) }, () => enumOf(random)),
        prevKv: flag(random),
        watchId: int64(random),
        fragment: flag(random),
      }),
    }),
    () => ({ case: 'cancelRequest', value: create(rpc.WatchCancelRequestSchema, { watchId: int64(random) }) }),
    () => ({ case: 'progressRequest', value: create(rpc.WatchProgressRequestSchema) }),
    () => ({ case: undefined }),
  ])();
  return create(rpc.WatchRequestSchema, { requestUnion });
}

function seenWatch({ union }: WatchRequest): unknown {
  if (union.kind === 'cancel') return { kind: union.kind, watchId: exact(union.watchId) };
  if (union.kind !== 'create') return { kind: union.kind };
  const { kind, startRevision, progressNotify, noPut, noDelete, prevKv, fragment } = union;
  const flags = { progressNotify, noPut, noDelete, prevKv, fragment };
  const watchId = exact(union.watchId);
  return { kind, key: list(union.key), rangeEnd: list(union.rangeEnd), startRevision, watchId, flags };
}

function plainWatch({ requestUnion: union }: rpc.WatchRequest): unknown {
  if (union.case === 'cancelRequest') return { kind: 'cancel', watchId: union.value.watchId };
  if (union.case !== 'createRequest') return { kind: union.case === undefined ? 'none' : 'progress' };
  const { key, rangeEnd, progressNotify, filters, prevKv, watchId, fragment } = union.value;
  const flags = { progressNotify, noPut: filters.includes(0), noDelete: filters.includes(1), prevKv, fragment };
  const startRevision = safe(union.value.startRevision);
  return { kind: 'create', key: list(key), rangeEnd: list(rangeEnd), startRevision, watchId, flags };
}

type Hot = { decode(bytes: Bytes, start: number, end: number): DecodeFailure };
type Case<Desc extends DescMessage, T extends Hot> = {
  readonly schema: Desc;
  readonly make: (random: Random) => MessageShape<Desc>;
  readonly hot: T;
  readonly shape: Shape;
  readonly seen: (hot: T) => unknown;
  readonly plain: (cold: MessageShape<Desc>) => unknown;
};

const padding = 7;

/** The message amid bytes that would read as more of it, so that a step over the edge shows. */
function amid(message: Bytes): Bytes {
  const edge = new Uint8Array(padding).fill(0x0a);
  return concatBytes([edge, message, edge]);
}

function holds<Desc extends DescMessage, T extends Hot>(name: string, one: Case<Desc, T>): void {
  test(`${name} decodes as the generated codec has it`, () => {
    forSeeds(300, (random) => {
      const encoded = scramble(random, toBinary(one.schema, one.make(random)), one.shape);
      const failure = one.hot.decode(amid(encoded), padding, padding + encoded.length);
      equal(failure, decodeFailure.none);
      deepEqual(one.seen(one.hot), one.plain(fromBinary(one.schema, encoded)));
    });
  });

  test(`${name}, cut anywhere, is refused or is what the generated codec still reads`, () => {
    forSeeds(20, (random) => {
      const encoded = scramble(random, toBinary(one.schema, one.make(random)), one.shape);
      const within = amid(encoded);
      for (let cut = 0; cut < encoded.length; cut++) {
        const failure = one.hot.decode(within, padding, padding + cut);
        const cold = orUndefined(() => fromBinary(one.schema, encoded.subarray(0, cut)));
        equal(failure === decodeFailure.none, cold !== undefined, `cut at ${cut}`);
        if (cold !== undefined) deepEqual(one.seen(one.hot), one.plain(cold));
      }
    });
  });

  test(`${name}: damaged bytes never throw`, () => {
    forSeeds(300, (random) => {
      const encoded = toBinary(one.schema, one.make(random));
      for (let flips = random.below(4); flips >= 0; flips--) encoded[random.below(encoded.length)] = random.below(256);
      if (one.hot.decode(amid(encoded), padding, padding + encoded.length) === decodeFailure.none) one.seen(one.hot);
    });
  });
}

function orUndefined<T>(make: () => T): T | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}

const plainPart: Shape = {};
const opShape: { [tag: number]: Shape } = { 10: plainPart, 18: plainPart, 26: plainPart };
const txnShape: Shape = { 10: plainPart, 18: opShape, 26: opShape };
opShape[0x22] = txnShape;

holds('RangeRequest', {
  schema: rpc.RangeRequestSchema,
  make: range,
  hot: new RangeRequest(),
  shape: plainPart,
  seen: seenRange,
  plain: plainRange,
});
holds('PutRequest', {
  schema: rpc.PutRequestSchema,
  make: put,
  hot: new PutRequest(),
  shape: plainPart,
  seen: seenPut,
  plain: plainPut,
});
holds('DeleteRangeRequest', {
  schema: rpc.DeleteRangeRequestSchema,
  make: deletion,
  hot: new DeleteRangeRequest(),
  shape: plainPart,
  seen: seenDeletion,
  plain: seenDeletion,
});
holds('TxnRequest', {
  schema: rpc.TxnRequestSchema,
  make: (random) => txn(random, 3),
  hot: new TxnRequest(),
  shape: txnShape,
  seen: seenTxn,
  plain: plainTxn,
});
holds('CompactionRequest', {
  schema: rpc.CompactionRequestSchema,
  make: (random) => create(rpc.CompactionRequestSchema, { revision: int64(random), physical: flag(random) }),
  hot: new CompactionRequest(),
  shape: plainPart,
  seen: (hot) => ({ revision: hot.revision, physical: hot.physical }),
  plain: (cold) => ({ revision: safe(cold.revision), physical: cold.physical }),
});
holds('LeaseKeepAliveRequest', {
  schema: rpc.LeaseKeepAliveRequestSchema,
  make: (random) => create(rpc.LeaseKeepAliveRequestSchema, { ID: int64(random) }),
  hot: new LeaseKeepAliveRequest(),
  shape: plainPart,
  seen: (hot) => BigInt(hot.id),
  plain: (cold) => cold.ID,
});
holds('WatchRequest', {
  schema: rpc.WatchRequestSchema,
  make: watch,
  hot: new WatchRequest(),
  shape: { 10: plainPart, 18: plainPart, 26: plainPart },
  seen: seenWatch,
  plain: plainWatch,
});

test('filters of a watch may be one by one or packed', () => {
  const request = new WatchRequest();
  for (const filters of [
    [0x28, 0, 0x28, 1],
    [0x2a, 2, 0, 1],
  ]) {
    const encoded = Uint8Array.of(0x0a, filters.length, ...filters);
    equal(request.decode(encoded, 0, encoded.length), decodeFailure.none);
    equal(request.union.kind === 'create' && request.union.noPut && request.union.noDelete, true);
  }
});

test('what Go refuses is refused, and what Go takes is taken', () => {
  const hex = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  const malformed = [
    ['08', 'a varint without end'],
    ['0a0501', 'a length beyond the end'],
    ['0b', 'a group without end'],
    ['0001', 'field number 0'],
    ['0f', 'wire type 7'],
    ['0c', 'a group that ends before it begins'],
    ['0affffffffffffffffffff01', 'a length of eleven bytes'],
    ['18ffffffffffffffffff02', 'a varint of more than 64 bits'],
    ['808080801001', 'a field number of more than 29 bits'],
    ['0b14', 'another group ends'],
  ];
  const request = new PutRequest();
  for (const [text = '', why] of malformed)
    equal(request.decode(hex(text), 0, text.length / 2), decodeFailure.malformed, why);
  for (const text of ['faffffff0f00', '0801', '0b0c', '0b0b0c0c', '1a0101', '1d01020304', '8a8000016b'])
    equal(request.decode(hex(text), 0, text.length / 2), decodeFailure.none, text);
  deepEqual(request.key, utf8('k'));
});

test('messages nest 10,000 deep and no deeper, without recursion', () => {
  const deep = (levels: number) => {
    const outward: Bytes[] = [];
    let length = 0;
    for (let i = 0; i < 2 * levels; i++) {
      const part = lengthPrefixed(i % 2 === 0 ? 0x22 : 0x12, length);
      outward.push(part);
      length += part.length;
    }
    return concatBytes(outward.reverse());
  };
  const request = new TxnRequest();
  const deepest = deep(4999);
  equal(request.decode(deepest, 0, deepest.length), decodeFailure.none);
  const deeper = deep(5000);
  equal(request.decode(deeper, 0, deeper.length), decodeFailure.tooDeep);
});

function lengthPrefixed(tag: number, length: number): Bytes {
  const bytes = [tag];
  let rest = length;
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  return Uint8Array.of(...bytes, rest);
}

test('one object decodes again and again and keeps nothing', () => {
  const request = new PutRequest();
  const first = toBinary(
    rpc.PutRequestSchema,
    create(rpc.PutRequestSchema, { key: utf8('k'), lease: 5n, prevKv: true }),
  );
  request.decode(first, 0, first.length);
  notEqual(request.leaseLo, 0);
  request.decode(new Uint8Array(0), 0, 0);
  deepEqual(seenPut(request), plainPut(create(rpc.PutRequestSchema)));
});
