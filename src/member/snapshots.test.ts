// Proves: a follower too far behind is brought up by a snapshot, with all that hangs on the store, wherever its process ends meanwhile.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { requestField } from '../apply/request-field.js';
import { utf8 } from '../base/bytes.js';
import {
  AlarmRequest_AlarmAction as AlarmAction,
  AlarmRequestSchema,
  AlarmType,
  CompactionRequestSchema,
  LeaseGrantRequestSchema,
  PutRequestSchema,
} from '../gen/etcdserverpb/rpc_pb.js';
import { HashAllJob, HashKvJob } from '../mvcc/hash-job.js';
import { endOfKey } from '../mvcc/watch/ranges.js';
import { confChangeType, messageType } from '../wire/raftpb/types.js';
import { FewMembers, type One } from './few-members.js';

const options = { snapshotCount: 20, catchUpEntries: 5 };
const buckets = ['lease', 'alarm', 'members', 'members_removed', 'cluster'];

/** All that a member's state is, as text. */
function stateOf({ values, member }: One): string[] {
  const lines = [`revision ${member.revision}`, `applied ${member.applied}`];
  values.scan(0, 0, Number.POSITIVE_INFINITY, (main, sub, tombstone, value) => {
    lines.push(`${main}.${sub} ${tombstone} ${Buffer.from(value).toString('hex')}`);
    return true;
  });
  for (const bucket of buckets)
    values.scanRecords(bucket, (key, value) => {
      lines.push(`${bucket} ${Buffer.from(key).toString('hex')} ${Buffer.from(value).toString('hex')}`);
    });
  return lines;
}

function putWithLease(one: One, key: string, lease: bigint): string[] {
  const request = create(PutRequestSchema, { key: utf8(key), value: utf8('L'), lease });
  return one.propose(requestField.put, toBinary(PutRequestSchema, request));
}

/** A cluster whose third member does not lead, and is away while much happens. */
function withOneAway(few = new FewMembers(3, options)): { few: FewMembers; leader: One; away: One } {
  few.until(() => few.leader !== undefined && few.leader.id !== 3n, 'a leader that is not the third');
  few.settle();
  const leader = few.leader as One;
  const away = few.one(3);
  const grant = (id: bigint) =>
    leader.propose(
      requestField.leaseGrant,
      toBinary(LeaseGrantRequestSchema, create(LeaseGrantRequestSchema, { ID: id, TTL: 100n })),
    );
  grant(71n);
  leader.put('watched', '0');
  few.settle();
  few.isolate(3);
  grant(72n);
  for (let i = 0; i < 60; i++) {
    leader.put(`k${i % 10}`, String(i % 10));
    if (i % 20 === 0) leader.put('watched', String(1 + i / 20));
    if (i % 7 === 0) few.pass(100);
  }
  few.pass(100);
  putWithLease(leader, 'leased', 72n);
  const alarm = { action: AlarmAction.ACTIVATE, memberID: 1n, alarm: AlarmType.NOSPACE };
  leader.propose(requestField.alarm, toBinary(AlarmRequestSchema, create(AlarmRequestSchema, alarm)));
  few.pass(300);
  return { few, leader, away };
}

function watch(one: One, key: string): number[] {
  const { hub } = one.parts;
  const seen: number[] = [];
  const stream = hub.open({
    writable: true,
    events: (_, batch) => seen.push(batch.encoded),
    compacted: () => seen.push(-1),
  });
  const bytes = utf8(key);
  const fields = { startRevision: 0, variant: 0, progressNotify: false, fragment: false };
  hub.watch(stream, { id: 0, key: bytes, end: endOfKey(bytes), ...fields });
  return seen;
}

test('what follows a snapshot: state, leases, alarms, watches, reads, and the log goes on', () => {
  const few = new FewMembers(3, options);
  few.until(() => few.leader !== undefined && few.leader.id !== 3n, 'a leader that is not the third');
  few.settle();
  const seen = watch(few.one(3), 'watched');
  const { leader, away } = withOneAway(few);
  equal(
    seen.reduce((sum, each) => sum + each, 0),
    1,
  );
  const read = away.read('k9');
  const before = { applied: away.member.applied, restorings: 0 };
  away.parts.restoring.follow({ began: () => before.restorings++, ended() {} });
  few.heal();
  few.until(() => away.member.applied > before.applied, 'the state of the snapshot');
  equal(before.restorings, 1);
  few.settle();
  deepEqual(stateOf(away), stateOf(leader));
  equal(
    seen.reduce((sum, each) => sum + each, 0),
    4,
    'each event once',
  );
  ok(away.parts.leases.has(72n as never));
  deepEqual(away.parts.leases.keysOf(away.parts.leases.slotOf(72n as never)), [Uint8Array.from(utf8('leased'))]);
  ok(away.parts.alarms.noSpace);
  few.until(() => read.length > 0, 'the read that was asked for when it was away');
  const more = away.read('k9');
  few.until(() => more.length > 0, 'a read');
  deepEqual(more, ['9']);
  const snapshots = few.sent.get(messageType.app);
  ok(snapshots !== undefined);
  // It serves as well as any: alone with one other, it holds all.
  (few.leader as One).crash();
  few.until(() => few.leader !== undefined, 'a leader among the two');
  away.parts.alarms.deactivate(1n as never, AlarmType.NOSPACE);
  const last = away.read('watched');
  few.until(() => last.length > 0, 'a read');
  deepEqual(last, ['3']);
});

test('the process ends before each deed of its disk while a snapshot is taken in, once more soon after, and with torn writes', () => {
  let crashes = 0;
  for (const tears of [false, true])
    for (let at = 0; ; at++) {
      const { few, leader, away } = withOneAway();
      away.crashAtDeed = away.deeds + at;
      away.tears = tears;
      few.heal();
      few.pass(1500);
      const puts = ['x', 'y'].map((key) => leader.put(key, 'p'));
      few.pass(500);
      if (away.isUp) break;
      crashes++;
      away.crashAtDeed = away.deeds + 1 + (at % 4);
      away.restart();
      few.pass(1000);
      if (!away.isUp) {
        away.crashAtDeed = -1;
        away.restart();
      }
      away.crashAtDeed = -1;
      few.settle();
      ok(puts.every(([told]) => told === 'put' || told === 'noSpace'));
      deepEqual(stateOf(away), stateOf(leader), `deed ${at}`);
      const read = away.read('k3');
      few.until(() => read.length > 0, 'a read');
      deepEqual(read, ['3']);
    }
  ok(crashes >= 8, `${crashes} crashes`);
});

test('a new member with nothing comes in by a snapshot', () => {
  const { few, leader } = withOneAway();
  few.heal();
  few.settle();
  const id = 4n as never;
  const joined = few.join(id);
  const context = utf8('{"id":4,"peerURLs":["http://4"]}');
  leader.member.proposeConfChange({ type: confChangeType.addNode, nodeId: id, context }, { applied() {}, failed() {} });
  few.until(() => joined.member.applied > 0, 'the snapshot');
  few.settle();
  deepEqual(stateOf(joined), stateOf(leader));
  deepEqual([...joined.told].sort(), ['add 1', 'add 2', 'add 3']);
});

test('a member whose announcement is in the snapshot that brings it up announces itself again at once', () => {
  const { few, leader } = withOneAway();
  few.heal();
  few.settle();
  const id = 4n as never;
  const joined = few.join(id);
  let lost = 0;
  // So that the snapshot that arrives is made after the announcement.
  few.lose = ({ type, to }) => type === messageType.snap && to === id && lost++ < 2;
  const context = utf8('{"id":4,"peerURLs":["http://4"]}');
  leader.member.proposeConfChange({ type: confChangeType.addNode, nodeId: id, context }, { applied() {}, failed() {} });
  const name = (one: One) => one.parts.members.member(id)?.name;
  few.until(() => name(leader) === 'm4', 'the announcement');
  equal(joined.member.applied, 0);
  few.until(() => joined.member.applied > 0, 'the snapshot');
  equal(name(joined), 'm4');
  const beganMs = few.nowMs;
  few.until(() => joined.parts.duties.publication.done, 'a member that serves');
  ok(few.nowMs - beganMs < 200, `it served after ${few.nowMs - beganMs} ms`);
});

test('a snapshot that is lost, and one that is lost at its end, come again', () => {
  const { few, leader, away } = withOneAway();
  let lost = 0;
  few.lose = ({ type }) => type === messageType.snap && lost++ < 2;
  few.heal();
  few.settle();
  equal(lost, 3);
  deepEqual(stateOf(away), stateOf(leader));
});

test('the leader keeps what comes behind a snapshot while it is under way, and for a while after', () => {
  const { few, leader, away } = withOneAway();
  few.heal();
  few.until(() => away.parts.restoring.active || away.member.applied > 60, 'a snapshot under way');
  away.isStalled = true;
  for (let i = 0; i < 100; i++) {
    leader.put(`k${i % 10}`, String(i % 10));
    if (i % 5 === 0) few.pass(100);
  }
  away.isStalled = false;
  let again = 0;
  few.lose = ({ type }) => {
    if (type === messageType.snap) again++;
    return false;
  };
  few.settle();
  equal(again, 0, 'no second snapshot');
  deepEqual(stateOf(away), stateOf(leader));
});

test('a compaction under way on the old state does not touch the new', () => {
  const { few, leader, away } = withOneAway();
  const compact = create(CompactionRequestSchema, { revision: 20n });
  leader.propose(requestField.compaction, toBinary(CompactionRequestSchema, compact));
  few.pass(300);
  away.parts.store.compactor.schedule(away.member.revision);
  few.heal();
  few.settle();
  few.pass(500);
  deepEqual(stateOf(away), stateOf(leader));
  equal(away.parts.store.compactedRevision, 20);
});

test('a hash under way begins again, and what waits for the store runs when it is whole', () => {
  const { few, away } = withOneAway();
  const [begun, lost] = [new HashAllJob(away.parts.store), new HashKvJob(away.parts.store)];
  lost.begin(0);
  begun.step(1);
  const seen: number[] = [];
  away.parts.restoring.follow({
    began: () => away.parts.restoring.whenWhole(() => seen.push(away.member.revision)),
    ended: () => seen.push(-1),
  });
  few.heal();
  few.settle();
  while (!begun.step(1000));
  const whole = new HashAllJob(away.parts.store);
  while (!whole.step(1000));
  equal(begun.hash, whole.hash);
  ok(lost.lost);
  equal(seen.length, 2);
  ok((seen[1] as number) > 1, 'followers hear first');
});
