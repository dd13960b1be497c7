// Proves: the lease service answers as etcd does, here and at the leader; a lease that is due is not renewed any more.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { noBytes, text, utf8 } from '../base/bytes.js';
import type { LeaseId } from '../base/ids.js';
import {
  LeaseCheckpointRequestSchema,
  LeaseGrantRequestSchema,
  LeaseGrantResponseSchema,
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
  LeaseLeasesRequestSchema,
  LeaseLeasesResponseSchema,
  LeaseRevokeRequestSchema,
  LeaseRevokeResponseSchema,
  LeaseTimeToLiveRequestSchema,
  LeaseTimeToLiveResponseSchema,
} from '../gen/etcdserverpb/rpc_pb.js';
import { LeaseDesk, type RenewWaiter, type TimeToLiveWaiter } from '../lease/desk.js';
import { type ReadWaiter, requestField } from '../member/front.js';
import type { ErrorName } from '../wire/errors.js';
import type { Method } from '../wire/grpc/service.js';
import { leaseMethods } from './lease.js';
import { RecordingCall } from './recording-call.js';
import { SoloMember } from './solo-member.js';

class Server {
  readonly member = new SoloMember();
  /** Who asked the leader, oldest first. */
  readonly renewals: RenewWaiter[] = [];
  readonly questions: TimeToLiveWaiter[] = [];
  forbidden: ErrorName | undefined = undefined;
  room = true;
  alarms = 0;
  readonly desk: LeaseDesk;
  readonly methods: ReadonlyMap<string, Method>;

  constructor() {
    const { member } = this;
    const { book, deadlines, answers } = member;
    const leader = {
      renew: (_id: LeaseId, waiter: RenewWaiter) => this.renewals.push(waiter),
      timeToLive: (_id: LeaseId, _keys: boolean, waiter: TimeToLiveWaiter) => this.questions.push(waiter),
    };
    const forgetCheckpoint = (ID: LeaseId, waiter: ReadWaiter) => {
      const bytes = encodeCheckpoint(ID, 0n);
      const applied = () => waiter.confirmed();
      member.propose(requestField.leaseCheckpoint, bytes, 0, bytes.length, { applied, failed: waiter.failed });
    };
    const proof = { isSure: true, whenSure: (waiter: ReadWaiter) => waiter.confirmed() };
    this.desk = new LeaseDesk({ book, deadlines, leader, proof, catchUp: member, forgetCheckpoint });
    const permit = () => this.forbidden;
    const permits = { anyUser: permit, write: permit, read: permit };
    const room = { hasRoom: () => this.room, outOfSpace: () => this.alarms++ };
    const nextLeaseId = () => member.nextLeaseId();
    this.methods = new Map(leaseMethods({ answers, book, deadlines, desk: this.desk, permits, room, nextLeaseId }));
  }

  open(name: string): RecordingCall {
    const method = this.methods.get(`/etcdserverpb.Lease/${name}`);
    ok(method !== undefined);
    return new RecordingCall(method);
  }

  /** A unary call: its answer, or its status as text. */
  ask<Q extends DescMessage, A extends DescMessage>(name: string, schema: Q, request: MessageInitShape<Q>, answer: A) {
    const call = this.open(name);
    call.write(toBinary(schema, create(schema, request)));
    this.member.settle();
    return outcomeOf(call, answer);
  }

  grant(ID: bigint, TTL: bigint) {
    return this.ask('LeaseGrant', LeaseGrantRequestSchema, { ID, TTL }, LeaseGrantResponseSchema);
  }

  revoke(ID: bigint) {
    return this.ask('LeaseRevoke', LeaseRevokeRequestSchema, { ID }, LeaseRevokeResponseSchema);
  }

  timeToLive(ID: bigint, keys = false) {
    return this.ask('LeaseTimeToLive', LeaseTimeToLiveRequestSchema, { ID, keys }, LeaseTimeToLiveResponseSchema);
  }

  leases() {
    return this.ask('LeaseLeases', LeaseLeasesRequestSchema, {}, LeaseLeasesResponseSchema);
  }

  beat(call: RecordingCall, ID: bigint): void {
    call.write(toBinary(LeaseKeepAliveRequestSchema, create(LeaseKeepAliveRequestSchema, { ID })));
  }
}

function outcomeOf<A extends DescMessage>(call: RecordingCall, schema: A): MessageShape<A> {
  ok(call.status?.code === 0, `${call.status?.code} ${call.status?.text}`);
  return fromBinary(schema, call.sent[0] ?? noBytes);
}

/** `id ttl @revision` of each answer. */
function beats(call: RecordingCall): string[] {
  return call.sent.map((bytes) => {
    const { ID, TTL, header } = fromBinary(LeaseKeepAliveResponseSchema, bytes);
    return `${ID} ${TTL} @${header?.revision}`;
  });
}

test('grant and revoke', () => {
  const server = new Server();
  const granted = server.grant(5n, 60n);
  deepEqual([granted.ID, granted.TTL, granted.error], [5n, 60n, '']);
  deepEqual([granted.header?.clusterId, granted.header?.memberId, granted.header?.raftTerm], [0xc1n, 0xa2n, 7n]);
  equal(granted.header?.revision, 1n);
  equal(server.grant(6n, -4n).TTL, 2n);
  ok(server.grant(0n, 10n).ID > 0n);
  throws(() => server.grant(5n, 10n), '9 etcdserver: lease already exists');
  throws(() => server.grant(7n, 9_000_000_001n), '11 etcdserver: too large lease TTL');
  throws(() => server.revoke(99n), '5 etcdserver: requested lease not found');
  server.member.put(utf8('b'), utf8('1'), 5n);
  server.member.put(utf8('a'), utf8('1'), 5n);
  equal(server.revoke(5n).header?.revision, 4n);
  equal(server.revoke(6n).header?.revision, 4n);
  equal(server.member.store.get(utf8('a')), undefined);
  server.room = false;
  throws(() => server.grant(8n, 10n), '8 etcdserver: mvcc: database space exceeded');
  equal(server.alarms, 1);
});

test('time to live and the list', () => {
  const server = new Server();
  server.grant(1n, 60n);
  server.grant(-2n, 10n);
  server.grant(3n, 30n);
  server.member.put(utf8('k2'), utf8(''), 1n);
  server.member.put(utf8('k1'), utf8(''), 1n);
  server.member.clockMs += 1500;
  const answer = server.timeToLive(1n, true);
  deepEqual([answer.ID, answer.TTL, answer.grantedTTL, answer.keys.map(text)], [1n, 58n, 60n, ['k1', 'k2']]);
  deepEqual(server.timeToLive(1n).keys, []);
  const unknown = server.timeToLive(9n);
  deepEqual([unknown.ID, unknown.TTL, unknown.grantedTTL], [9n, -1n, 0n]);
  deepEqual(
    server.leases().leases.map(({ ID }) => ID),
    [-2n, 3n, 1n],
  );
  server.forbidden = 'permissionDenied';
  throws(() => server.leases(), '7 etcdserver: permission denied');
  throws(() => server.timeToLive(1n, true), '7 etcdserver: permission denied');
  throws(() => server.grant(20n, 1n), '7 etcdserver: permission denied');
});

test('keep alive: each beat answered in order, an unknown lease with nothing left', () => {
  const server = new Server();
  server.grant(1n, 60n);
  const call = server.open('LeaseKeepAlive');
  server.beat(call, 1n);
  deepEqual(beats(call), ['1 60 @1']);
  server.beat(call, 9n);
  ok(call.paused, 'whether it is granted in what is not applied yet is found out first');
  server.member.settle();
  deepEqual(beats(call), ['1 60 @1', '9 0 @1']);
  equal(call.paused, false);
  server.member.clockMs += 59_000;
  server.beat(call, 1n);
  server.member.clockMs += 2000;
  equal(server.timeToLive(1n).TTL, 58n);
  call.method.halfClosed?.(call);
  deepEqual(call.status, { code: 0, text: '' });
});

test('a renewal takes back what was written down as left', () => {
  const server = new Server();
  server.grant(1n, 600n);
  const bytes = encodeCheckpoint(1n, 100n);
  server.member.propose(requestField.leaseCheckpoint, bytes, 0, bytes.length, { applied: () => {}, failed: () => {} });
  server.member.settle();
  equal(server.member.book.freshSecondsOf(0), 100);
  const call = server.open('LeaseKeepAlive');
  server.beat(call, 1n);
  deepEqual(beats(call), []);
  server.member.settle();
  deepEqual(beats(call), ['1 600 @1']);
  equal(server.member.book.freshSecondsOf(0), 600);
});

test('a due lease blocks its keep-alive until it is revoked', () => {
  const server = new Server();
  server.grant(1n, 10n);
  server.member.clockMs += 10_000;
  const call = server.open('LeaseKeepAlive');
  server.beat(call, 1n);
  call.method.halfClosed?.(call);
  server.member.settle();
  deepEqual(beats(call), []);
  server.member.put(utf8('k'), utf8(''));
  server.revoke(1n);
  deepEqual(beats(call), ['1 0 @1']);
  equal(call.status?.code, 0);
});

test('who does not lead asks the leader; also one who stops leading while a beat waits', () => {
  const server = new Server();
  server.grant(1n, 10n);
  server.member.clockMs += 10_000;
  const call = server.open('LeaseKeepAlive');
  server.beat(call, 1n);
  server.member.deadlines.demote();
  server.renewals[0]?.renewed(10);
  deepEqual(beats(call), ['1 10 @1']);
  server.beat(call, 1n);
  server.renewals[1]?.failed('timeout');
  deepEqual(call.status, { code: 14, text: 'etcdserver: request timed out' });
  const question = server.open('LeaseTimeToLive');
  question.write(toBinary(LeaseTimeToLiveRequestSchema, create(LeaseTimeToLiveRequestSchema, { ID: 1n })));
  server.questions[0]?.answered({ ttlSeconds: 7, grantedSeconds: 10, keys: [] });
  equal(outcomeOf(question, LeaseTimeToLiveResponseSchema).TTL, 7n);
});

test('leadership lost while a time to live is looked up', () => {
  const server = new Server();
  server.grant(1n, 10n);
  const call = server.open('LeaseTimeToLive');
  call.write(toBinary(LeaseTimeToLiveRequestSchema, create(LeaseTimeToLiveRequestSchema, { ID: 1n })));
  server.member.deadlines.demote();
  server.member.settle();
  deepEqual(call.status, { code: 14, text: 'etcdserver: leader changed' });
  server.member.deadlines.promote(0);
  server.member.failure = 'timeoutAppliedIndex';
  throws(() => server.timeToLive(1n), '14 etcdserver: request timed out, waiting for the applied index took too long');
});

function encodeCheckpoint(ID: bigint, remainingTTL: bigint): Uint8Array {
  const schema = LeaseCheckpointRequestSchema;
  return toBinary(schema, create(schema, { checkpoints: [{ ID, remainingTTL }] }));
}

function throws(body: () => unknown, message: string): void {
  try {
    body();
  } catch (error) {
    equal(error instanceof Error ? error.message : error, message);
    return;
  }
  ok(false, `expected: ${message}`);
}
