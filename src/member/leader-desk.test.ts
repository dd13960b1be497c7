// Proves: a member that does not lead asks the leader about leases until it is answered or its time is over, whoever leads meanwhile.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Bytes, noBytes, utf8 } from '../base/bytes.js';
import { Chores } from '../base/chores.js';
import { type LeaseId, type MemberId, noMember } from '../base/ids.js';
import { LeaseKeepAliveRequestSchema, LeaseKeepAliveResponseSchema } from '../gen/etcdserverpb/rpc_pb.js';
import { LeaseInternalRequestSchema, LeaseInternalResponseSchema } from '../gen/leasepb/lease_pb.js';
import type { RenewWaiter, TimeToLive } from '../lease/desk.js';
import { PeerLeaderDesk } from './leader-desk.js';
import type { PeerAnswer, PeerRequest } from './peers.js';

const own = 1n as MemberId;
const other = 2n as MemberId;
const third = 3n as MemberId;
const lease = 77n as LeaseId;

class Follower {
  clockMs = 1000;
  leader = other;
  leads = false;
  readonly chores = new Chores();
  readonly asked: { to: MemberId; request: PeerRequest; answer: (answer: PeerAnswer | undefined) => void }[] = [];
  readonly told: string[] = [];
  readonly desk: PeerLeaderDesk;
  readonly waiter: RenewWaiter = {
    renewed: (ttl) => this.told.push(`renewed ${ttl}`),
    failed: (error) => this.told.push(error),
  };

  constructor() {
    const follower = this;
    this.desk = new PeerLeaderDesk({
      front: {
        memberId: own,
        get leader() {
          return follower.leader;
        },
        nowMs: () => this.clockMs,
      },
      peers: { ask: (to, request, answer) => this.asked.push({ to, request, answer }) },
      chores: this.chores,
      requestTimeoutMs: 7000,
      leadsHere: () => this.leads,
    });
    this.desk.answerHere({
      renew: (id) => this.told.push(`here ${id}`),
      timeToLive: (id, withKeys) => this.told.push(`here ${id} ${withKeys}`),
    });
  }

  /** What was asked last, and nobody else was. */
  take() {
    const [question] = this.asked.splice(0);
    ok(question !== undefined);
    return question;
  }

  pass(ms: number): void {
    this.clockMs += ms;
    this.chores.run(this.clockMs);
  }
}

const renewedBody = (ID: bigint, TTL: bigint): Bytes =>
  toBinary(LeaseKeepAliveResponseSchema, create(LeaseKeepAliveResponseSchema, { ID, TTL }));
const status = (code: number, body = noBytes): PeerAnswer => ({ status: code, body });

test("a renewal goes to the leader, in etcd's words", () => {
  const follower = new Follower();
  follower.desk.renew(lease, follower.waiter);
  const { to, request, answer } = follower.take();
  equal(to, other);
  deepEqual([request.method, request.path], ['POST', '/leases']);
  deepEqual(request.headers, { 'Content-Type': 'application/protobuf' });
  equal(fromBinary(LeaseKeepAliveRequestSchema, request.body).ID, lease);
  answer(status(200, renewedBody(lease, 60n)));
  follower.desk.renew(lease, follower.waiter);
  follower.take().answer(status(404, utf8('lease not found\n')));
  deepEqual(follower.told, ['renewed 60', 'renewed 0']);
});

test('after anything else it is asked again, of whoever leads then', () => {
  const follower = new Follower();
  follower.desk.renew(lease, follower.waiter);
  follower.take().answer(status(400, utf8('not a primary lessor\n')));
  follower.pass(49);
  equal(follower.asked.length, 0);
  follower.pass(1);
  follower.take().answer(status(200, utf8('\xff not protobuf')));
  follower.pass(50);
  follower.take().answer(status(200, renewedBody(5n, 60n)));
  follower.leader = third;
  follower.pass(50);
  const { to, answer } = follower.take();
  equal(to, third);
  follower.leader = noMember;
  answer(undefined);
  follower.pass(50);
  equal(follower.asked.length, 0, 'nobody to ask');
  follower.leader = own;
  follower.pass(50);
  deepEqual(follower.told, [], 'this member leads, but has not applied what came before its term');
  follower.leads = true;
  follower.pass(50);
  deepEqual(follower.told, ['here 77']);
});

test('the request timeout, with and without a leader', () => {
  const follower = new Follower();
  follower.desk.renew(lease, follower.waiter);
  equal(follower.take().request.timeoutMs, 2000);
  follower.desk.renew(lease, follower.waiter);
  const { answer } = follower.take();
  follower.clockMs += 6500;
  answer(undefined);
  follower.pass(50);
  const last = follower.take();
  equal(last.request.timeoutMs, 450);
  follower.clockMs += 450;
  last.answer(undefined);
  follower.pass(0);
  deepEqual(follower.told, ['timeout']);
  follower.leader = noMember;
  follower.desk.renew(lease, follower.waiter);
  for (let ms = 0; ms < 7000; ms += 50) follower.pass(50);
  deepEqual(follower.told, ['timeout', 'noLeader']);
});

test('a time to live', () => {
  const follower = new Follower();
  const answers: (TimeToLive | string)[] = [];
  const waiter = { answered: (each: TimeToLive) => answers.push(each), failed: (error: string) => answers.push(error) };
  follower.desk.timeToLive(lease, true, waiter);
  const { request, answer } = follower.take();
  equal(request.path, '/leases/internal');
  const question = fromBinary(LeaseInternalRequestSchema, request.body).LeaseTimeToLiveRequest;
  deepEqual([question?.ID, question?.keys], [lease, true]);
  const found = { ID: lease, TTL: 5n, grantedTTL: 60n, keys: [utf8('a')] };
  const body = create(LeaseInternalResponseSchema, { LeaseTimeToLiveResponse: found });
  answer(status(200, toBinary(LeaseInternalResponseSchema, body)));
  follower.desk.timeToLive(lease, false, waiter);
  follower.take().answer(status(404));
  deepEqual(answers, [
    { ttlSeconds: 5, grantedSeconds: 60, keys: [utf8('a')] },
    { ttlSeconds: -1, grantedSeconds: 0, keys: [] },
  ]);
  follower.desk.timeToLive(lease, false, waiter);
  follower.take().answer(status(200, noBytes));
  follower.pass(50);
  follower.take().answer(status(500, utf8('not a primary lessor\n')));
  equal(answers.length, 2);
});

test('many at once: so many are asked, the others when their turn comes, or never', () => {
  const follower = new Follower();
  for (let i = 0; i < 300; i++) follower.desk.renew(lease, follower.waiter);
  const asked = follower.asked.splice(0);
  equal(asked.length, 256);
  for (const { answer } of asked.slice(0, 10)) answer(status(200, renewedBody(lease, 60n)));
  equal(follower.asked.splice(0).length, 10);
  equal(follower.told.length, 10);
  follower.pass(6999);
  equal(follower.told.length, 10);
  follower.pass(1);
  equal(follower.told.filter((told) => told === 'timeout').length, 34);
});

test('what waits for its turn goes where leadership went', () => {
  const follower = new Follower();
  for (let i = 0; i < 300; i++) follower.desk.renew(lease, follower.waiter);
  const [first] = follower.asked.splice(0);
  follower.leader = own;
  follower.leads = true;
  first?.answer(undefined);
  equal(follower.told.filter((told) => told === 'here 77').length, 44);
});
