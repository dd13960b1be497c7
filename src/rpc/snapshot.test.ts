// Proves: a snapshot goes out in blobs of 32 KiB with what remains counted down, its digest last, only as fast as the client takes it; and
// is let go when the client leaves.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { concatBytes, noBytes } from '../base/bytes.js';
import { Chores } from '../base/chores.js';
import { silentLog } from '../base/log.js';
import { Sha256 } from '../base/sha256.js';
import { SnapshotResponseSchema } from '../gen/etcdserverpb/rpc_pb.js';
import type { DatabaseDump } from '../member/database-dump.js';
import { beginDump } from '../member/dump.js';
import { emptyConfState } from '../raft/memory-storage.js';
import type { Method } from '../wire/grpc/service.js';
import { RecordingCall } from './recording-call.js';
import { snapshotMethods } from './snapshot.js';
import { SoloMember } from './solo-member.js';

function begin() {
  const { answers, values } = new SoloMember();
  for (let main = 2; main < 300; main++) values.append(main, 0, false, new Uint8Array(1000).fill(main));
  const position = { index: 10, term: 1, confState: emptyConfState, revision: 299 };
  const chores = new Chores();
  const closed: DatabaseDump[] = [];
  const methods = snapshotMethods({
    answers,
    chores,
    log: silentLog,
    beginDump() {
      const dump = beginDump(values, position);
      const close = dump.close.bind(dump);
      dump.close = () => {
        closed.push(dump);
        close();
      };
      return dump;
    },
    storageVersion: () => '3.7.0',
    sha256: () => new Sha256(),
  });
  const call = new RecordingCall(new Map(methods).get('/etcdserverpb.Maintenance/Snapshot') as Method);
  call.write(noBytes);
  const run = () => {
    while (chores.run(0) !== Number.POSITIVE_INFINITY);
  };
  return { call, run, closed };
}

test('the whole database, and its digest', () => {
  const { call, run, closed } = begin();
  run();
  deepEqual(call.status, { code: 0, text: '' });
  const messages = call.sent.map((bytes) => fromBinary(SnapshotResponseSchema, bytes));
  const digest = messages.pop();
  const database = concatBytes(messages.map(({ blob }) => blob));
  deepEqual(digest?.blob, new Uint8Array(createHash('sha256').update(database).digest()));
  equal(digest?.remainingBytes, 0n);
  let remaining = BigInt(database.length);
  for (const { blob, remainingBytes, version } of messages) {
    remaining -= BigInt(blob.length);
    equal(remainingBytes, remaining);
    equal(version, '3.7.0');
    ok(blob.length <= 32768);
  }
  equal(remaining, 0n);
  equal(closed.length, 1);
});

test('a client that does not read holds it up, and one that leaves ends it', () => {
  const { call, run, closed } = begin();
  const send = call.send.bind(call);
  call.send = (...message) => {
    send(...message);
    call.writable = false;
  };
  run();
  const held = call.sent.length;
  ok(held > 0 && held <= 8);
  run();
  equal(call.sent.length, held);
  call.drain();
  run();
  ok(call.sent.length > held);
  call.cancel();
  equal(closed.length, 1);
});
