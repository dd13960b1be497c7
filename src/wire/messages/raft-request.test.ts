// Proves: log entries are built as etcd builds them, to the byte, and read back whatever else they hold.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Bytes, concatBytes, utf8 } from '../../base/bytes.js';
import { forSeeds } from '../../base/seeds.js';
import { InternalRaftRequestSchema } from '../../gen/etcdserverpb/raft_internal_pb.js';
import { decodeFailure } from '../proto/failure.js';
import { highOf, lowOf, unsignedOf } from '../proto/int64.js';
import { scramble } from '../proto/scramble.js';
import { Writer } from '../proto/writer.js';
import { PutRequest } from './kv-requests.js';
import { InternalRaftRequest, RequestHeader, raftRequestSize, writeRaftRequest } from './raft-request.js';

const to = new Writer(1);
const put = Uint8Array.from([0x0a, 3, 0x66, 0x6f, 0x6f, 0x12, 3, 0x62, 0x61, 0x72]);

function headerOf(id: bigint, user = '', authRevision = 0): RequestHeader {
  const header = new RequestHeader();
  header.idLo = lowOf(id);
  header.idHi = highOf(id);
  header.setUser(user, authRevision);
  return header;
}

function entry(field: number, request: Bytes, header: RequestHeader): Bytes {
  to.reset();
  const amid = concatBytes([Uint8Array.of(1, 2), request, Uint8Array.of(3)]);
  writeRaftRequest(to, field, { bytes: amid, start: 2, end: 2 + request.length }, header);
  equal(to.at, raftRequestSize(field, request.length, header));
  return to.copy();
}

test('put foo=bar, byte by byte', () => {
  const bytes = entry(4, put, headerOf(0x85n));
  deepEqual(bytes, Uint8Array.from([0x22, 10, ...put, 0xa2, 6, 3, 8, 0x85, 1]));
});

test('entries are what the generated codec writes, with fields in the order of their numbers', () => {
  forSeeds(200, (random) => {
    const id = random.pick([0n, 1n, 2n ** 64n - 1n, (BigInt(random.uint32()) << 32n) | BigInt(random.uint32())]);
    const [username, authRevision] = random.pick([
      ['', 0],
      ['root', 7],
      ['ü', Number.MAX_SAFE_INTEGER],
    ] as const);
    const header = { ID: id, username, authRevision: BigInt(authRevision) };
    const ours = headerOf(id, username, authRevision);
    const cold = create(InternalRaftRequestSchema, { header, put: { key: utf8('foo'), value: utf8('bar') } });
    deepEqual(entry(4, put, ours), toBinary(InternalRaftRequestSchema, cold));
    const later = create(InternalRaftRequestSchema, { header, clusterVersionSet: { ver: '3.7.0' } });
    const version = Uint8Array.from([0x0a, 5, ...utf8('3.7.0')]);
    deepEqual(fromBinary(InternalRaftRequestSchema, entry(1300, version, ours)), later);
  });
});

test('an entry is read in place, whatever stands between', () => {
  const request = new InternalRaftRequest();
  forSeeds(300, (random) => {
    const id = (BigInt(random.uint32()) << 32n) | BigInt(random.uint32());
    const cold = create(InternalRaftRequestSchema, {
      header: { ID: id, username: random.pick(['', 'root']), authRevision: BigInt(random.below(3)) },
      put: { key: random.bytes(3), value: random.bytes(random.below(200)), lease: BigInt(random.below(2)) },
    });
    const bytes = scramble(random, toBinary(InternalRaftRequestSchema, cold), { 34: {}, 802: {} });
    const meant = fromBinary(InternalRaftRequestSchema, bytes);
    equal(request.decode(bytes, 0, bytes.length), decodeFailure.none);
    equal(unsignedOf(request.idLo, request.idHi), meant.header?.ID);
    deepEqual([request.username, BigInt(request.authRevision)], [meant.header?.username, meant.header?.authRevision]);
    equal(request.field, 4);
    const decoded = new PutRequest();
    equal(decoded.decode(request.bytes, request.start, request.end), decodeFailure.none);
    deepEqual([decoded.key, decoded.value, decoded.lease], [meant.put?.key, meant.put?.value, meant.put?.lease]);
    for (let cut = 0; cut < bytes.length; cut++) request.decode(bytes, 0, cut);
  });
});

test('odd entries: none, several, the old id, a name that is not text', () => {
  const request = new InternalRaftRequest();
  const decode = (...bytes: number[]) => request.decode(Uint8Array.from(bytes), 0, bytes.length);
  equal(decode(), decodeFailure.none);
  equal(request.field, 0);
  equal(decode(0x12, 1, 9), decodeFailure.none);
  equal(request.field, 0, 'field 2 was the v2 API once');
  equal(decode(0x1a, 0, 0x2a, 0), decodeFailure.none);
  equal(request.field, 5, 'the last one counts');
  equal(decode(0xa2, 6, 2, 8, 1, 8, 7), decodeFailure.none);
  deepEqual([request.idLo, request.idHi], [7, 0]);
  equal(decode(0xa2, 6, 3, 0x12, 1, 0xff), decodeFailure.invalidUtf8);
  equal(decode(0x22, 9), decodeFailure.malformed);
});
