// Proves: answers written by hand decode, with the generated codecs, to what was meant, and are as long as was said beforehand.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Bytes, text, utf8 } from '../../base/bytes.js';
import type { ClusterId, LeaseId, MemberId } from '../../base/ids.js';
import type { Random } from '../../base/random.js';
import { forSeeds } from '../../base/seeds.js';
import { Slab } from '../../base/slab.js';
import * as rpc from '../../gen/etcdserverpb/rpc_pb.js';
import { EventSchema, KeyValueSchema } from '../../gen/mvccpb/kv_pb.js';
import { decodeFailure } from '../proto/failure.js';
import { int64Of } from '../proto/int64.js';
import { scramble } from '../proto/scramble.js';
import { Writer } from '../proto/writer.js';
import { encodeDeleteEvent, encodePutEvent } from './event.js';
import { decodeGenerated } from './generated.js';
import { KeyValue, keyOfKeyValue, modRevisionOfKeyValue, withoutValue } from './key-value.js';
import {
  rangeKvSize,
  rangeResponseSize,
  writeDeleteRangeResponse,
  writeHeaderOnly,
  writePutResponse,
  writeRangeEnd,
  writeRangeKv,
  writeRangeKvPrefix,
  writeTxnResponse,
} from './kv-responses.js';
import { writeLeaseKeepAliveResponse } from './lease-keep-alive.js';
import { ResponseHeader } from './response-header.js';
import {
  beginNestedTxn,
  beginOpRange,
  endNestedTxn,
  endOpRange,
  writeOpDeleteRange,
  writeOpPut,
  writeSucceeded,
} from './txn-body.js';
import { watchEventSize, watchHeadSize, writeWatchControl, writeWatchEvent, writeWatchHead } from './watch-response.js';

const wide = (random: Random) =>
  random.pick([0n, 1n, 2n ** 64n - 1n, (BigInt(random.uint32()) << 32n) | BigInt(random.uint32())]);
const number = (random: Random) =>
  random.pick([0, 1, 127, 128, 2 ** 31, 2 ** 32 + 5, 2 ** 35, 2 ** 42 - 1, 2 ** 49, Number.MAX_SAFE_INTEGER]);
const lease = (random: Random) => BigInt.asIntN(64, wide(random));

function anyHeader(random: Random) {
  const [clusterId, memberId] = [wide(random), wide(random)];
  const header = new ResponseHeader(clusterId as ClusterId, memberId as MemberId);
  header.revision = number(random);
  header.term = number(random);
  const plain = { clusterId, memberId, revision: BigInt(header.revision), raftTerm: BigInt(header.term) };
  return { header, plain };
}

function anyKv(random: Random): Bytes {
  return toBinary(
    KeyValueSchema,
    create(KeyValueSchema, {
      key: random.bytes(random.below(60)),
      createRevision: BigInt(number(random)),
      modRevision: BigInt(number(random)),
      version: BigInt(number(random)),
      value: random.bytes(random.pick([0, 1, 47, 48, 49, 300])),
      lease: lease(random),
    }),
  );
}
const kvs = (random: Random) => Array.from({ length: random.below(4) }, () => anyKv(random));
const kv = (bytes: Bytes) => fromBinary(KeyValueSchema, bytes);
const maybe = (random: Random) => (random.oneIn(2) ? anyKv(random) : undefined);
const maybeKv = (bytes: Bytes | undefined) => (bytes === undefined ? {} : { prevKv: kv(bytes) });

/** Small at first, so that it must grow. */
const to = new Writer(1);
function written(write: () => void): Bytes {
  to.reset();
  write();
  return to.copy();
}

test('put, delete, compaction, keep-alive', () => {
  forSeeds(200, (random) => {
    const { header, plain } = anyHeader(random);
    const prevKv = maybe(random);
    const put = written(() => writePutResponse(to, header, prevKv));
    deepEqual(
      fromBinary(rpc.PutResponseSchema, put),
      create(rpc.PutResponseSchema, { header: plain, ...maybeKv(prevKv) }),
    );

    const [deleted, prevKvs] = [number(random), kvs(random)];
    const deletion = written(() => writeDeleteRangeResponse(to, header, deleted, prevKvs));
    const deletionMeant = { header: plain, deleted: BigInt(deleted), prevKvs: prevKvs.map(kv) };
    deepEqual(
      fromBinary(rpc.DeleteRangeResponseSchema, deletion),
      create(rpc.DeleteRangeResponseSchema, deletionMeant),
    );

    const compaction = written(() => writeHeaderOnly(to, header));
    equal(compaction.length, header.sizeBytes());
    deepEqual(
      fromBinary(rpc.CompactionResponseSchema, compaction),
      create(rpc.CompactionResponseSchema, { header: plain }),
    );

    const [id, ttl] = [lease(random), number(random)];
    const beat = written(() => writeLeaseKeepAliveResponse(to, header, id as LeaseId, ttl));
    const beatMeant = { header: plain, ID: id, TTL: BigInt(ttl) };
    deepEqual(fromBinary(rpc.LeaseKeepAliveResponseSchema, beat), create(rpc.LeaseKeepAliveResponseSchema, beatMeant));
  });
});

test('a range in pieces is as long as was said before the first piece', () => {
  forSeeds(200, (random) => {
    const { header, plain } = anyHeader(random);
    const [values, more, count] = [kvs(random), random.oneIn(2), number(random)];
    const size = values.reduce((sum, value) => sum + rangeKvSize(value.length), 0);
    const range = written(() => {
      header.write(to);
      for (const value of values) {
        if (random.oneIn(2)) {
          writeRangeKv(to, value, 0, value.length);
        } else {
          writeRangeKvPrefix(to, value.length);
          to.raw(value, 0, value.length);
        }
      }
      writeRangeEnd(to, more, count);
    });
    equal(range.length, rangeResponseSize(header, size, more, count));
    const meant = { header: plain, kvs: values.map(kv), more, count: BigInt(count) };
    deepEqual(fromBinary(rpc.RangeResponseSchema, range), create(rpc.RangeResponseSchema, meant));
  });
});

type OpMeant = { response: rpc.ResponseOp['response'] };

/** Writes some answers of operations and returns what they mean. */
function someOps(random: Random, depth: number): OpMeant[] {
  return Array.from({ length: random.below(4) }, (): OpMeant => {
    const revision = number(random);
    const header = create(rpc.ResponseHeaderSchema, { revision: BigInt(revision) });
    const kind = random.below(depth > 0 ? 4 : 3);
    if (kind === 0) {
      const prevKv = maybe(random);
      writeOpPut(to, revision, prevKv);
      const value = create(rpc.PutResponseSchema, { header, ...maybeKv(prevKv) });
      return { response: { case: 'responsePut', value } };
    }
    if (kind === 1) {
      const [deleted, prevKvs] = [number(random), kvs(random)];
      writeOpDeleteRange(to, revision, deleted, prevKvs);
      const meant = { header, deleted: BigInt(deleted), prevKvs: prevKvs.map(kv) };
      return { response: { case: 'responseDeleteRange', value: create(rpc.DeleteRangeResponseSchema, meant) } };
    }
    if (kind === 2) {
      const [values, more, count] = [kvs(random), random.oneIn(2), number(random)];
      const begun = beginOpRange(to, revision);
      for (const value of values) writeRangeKv(to, value, 0, value.length);
      endOpRange(to, begun, more, count);
      const meant = { header, kvs: values.map(kv), more, count: BigInt(count) };
      return { response: { case: 'responseRange', value: create(rpc.RangeResponseSchema, meant) } };
    }
    const succeeded = random.oneIn(2);
    const begun = beginNestedTxn(to, succeeded);
    const responses = someOps(random, depth - 1).map((op) => create(rpc.ResponseOpSchema, op));
    endNestedTxn(to, begun);
    const value = create(rpc.TxnResponseSchema, { header: {}, succeeded, responses });
    return { response: { case: 'responseTxn', value } };
  });
}

test('a transaction answers for each of its operations', () => {
  forSeeds(200, (random) => {
    const { header, plain } = anyHeader(random);
    const succeeded = random.oneIn(2);
    let responses: OpMeant[] = [];
    const body = written(() => {
      writeSucceeded(to, succeeded);
      responses = someOps(random, 3);
    });
    const answer = written(() => writeTxnResponse(to, header, body));
    const meant = { header: plain, succeeded, responses: responses.map((op) => create(rpc.ResponseOpSchema, op)) };
    deepEqual(fromBinary(rpc.TxnResponseSchema, answer), create(rpc.TxnResponseSchema, meant));
  });
});

test('watch answers, with and without events', () => {
  forSeeds(200, (random) => {
    const { header, plain } = anyHeader(random);
    const id = random.pick([0n, 7n, -1n, 2n ** 63n - 1n]);
    const watchId = int64Of(Number(id & 0xffff_ffffn), Number((id >> 32n) & 0xffff_ffffn));
    const flags = {
      created: random.oneIn(2),
      canceled: random.oneIn(2),
      compactRevision: number(random),
      cancelReason: random.pick(['', 'mvcc: watcher range is empty', 'ü']),
    };
    const control = written(() => writeWatchControl(to, header, watchId, flags));
    const controlMeant = { header: plain, watchId: id, ...flags, compactRevision: BigInt(flags.compactRevision) };
    deepEqual(fromBinary(rpc.WatchResponseSchema, control), create(rpc.WatchResponseSchema, controlMeant));

    const fragment = random.oneIn(2);
    const events = kvs(random).map((value) => {
      const prevKv = maybe(random);
      if (random.oneIn(2))
        return { encoded: encodePutEvent(value, prevKv), meant: { kv: kv(value), ...maybeKv(prevKv) } };
      const [key, modRevision] = [kv(value).key, number(random)];
      const meant = { type: 1, kv: { key, modRevision: BigInt(modRevision) }, ...maybeKv(prevKv) } as const;
      return { encoded: encodeDeleteEvent(key, modRevision, prevKv), meant };
    });
    const answer = written(() => {
      writeWatchHead(to, header, watchId, fragment);
      for (const { encoded } of events) writeWatchEvent(to, encoded);
    });
    const sizes = events.map(({ encoded }) => watchEventSize(encoded.length));
    equal(
      answer.length,
      sizes.reduce((sum, size) => sum + size, watchHeadSize(header, watchId, fragment)),
    );
    const meant = { header: plain, watchId: id, fragment, events: events.map((one) => create(EventSchema, one.meant)) };
    deepEqual(fromBinary(rpc.WatchResponseSchema, answer), create(rpc.WatchResponseSchema, meant));
  });
});

test('a key-value is encoded as Go does, to the byte, and read back', () => {
  const one = new KeyValue();
  const slab = new Slab();
  forSeeds(300, (random) => {
    const bytes = anyKv(random);
    const meant = kv(bytes);
    const read = scramble(random, bytes, {});
    equal(one.decode(read, 0, read.length), decodeFailure.none);
    equal(one.sizeBytes(), bytes.length);
    deepEqual(one.encode(), bytes);
    deepEqual(one.encodeFrom(slab), bytes);
    const amid = new Uint8Array(bytes.length + 5);
    equal(one.encodeInto(amid, 2), 2 + bytes.length);
    deepEqual(amid.subarray(2, -3), bytes);
    deepEqual([one.key, one.value, one.lease], [meant.key, meant.value, meant.lease]);
    deepEqual(keyOfKeyValue(read), meant.key);
    equal(BigInt(modRevisionOfKeyValue(read)), meant.modRevision);
    deepEqual(withoutValue(bytes), toBinary(KeyValueSchema, { ...meant, value: new Uint8Array(0) }));
    for (let cut = 0; cut < read.length; cut++) one.decode(read, 0, cut);
  });
  equal(keyOfKeyValue(Uint8Array.of(0x0a, 5, 1)), undefined);
  equal(modRevisionOfKeyValue(Uint8Array.of(0x18)), 0);
});

test('what the generated codecs cannot read is told by kind', () => {
  const decode = (...bytes: number[]) =>
    decodeGenerated(rpc.AuthUserAddRequestSchema, Uint8Array.from([9, ...bytes]), 1, bytes.length + 1);
  deepEqual(decode(0x0a, 1, 0xff), { ok: false, failure: decodeFailure.invalidUtf8 });
  deepEqual(decode(0x0a, 5, 0x61), { ok: false, failure: decodeFailure.malformed });
  deepEqual(decode(0x08), { ok: false, failure: decodeFailure.malformed });
  const fine = decode(0x0a, 1, 0x61);
  equal(fine.ok && fine.message.name, text(utf8('a')));
});
