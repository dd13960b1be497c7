// Proves: in a cluster the leader alone ends leases, a new one gives them their time again, and one that was deposed, or hung, ends none.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { requestField } from '../apply/request-field.js';
import type { LeaseId } from '../base/ids.js';
import { LeaseGrantRequestSchema, LeaseRevokeRequestSchema } from '../gen/etcdserverpb/rpc_pb.js';
import { newMessage } from '../raft/message.js';
import { messageType } from '../wire/raftpb/types.js';
import { FewMembers, type One } from './few-members.js';

const lease = 7n as LeaseId;

function grant(one: One, ID: bigint, TTL: bigint): string[] {
  const bytes = toBinary(LeaseGrantRequestSchema, create(LeaseGrantRequestSchema, { ID, TTL }));
  return one.propose(requestField.leaseGrant, bytes);
}

const revocation = (ID: bigint) => toBinary(LeaseRevokeRequestSchema, create(LeaseRevokeRequestSchema, { ID }));

function led(options = {}) {
  const few = new FewMembers(3, { leaseCheckpointMs: 0, ...options });
  const leader = few.untilLed();
  few.settle();
  return { few, leader };
}

const holders = (few: FewMembers) =>
  few.ones.filter(({ parts }) => parts.leases.has(lease)).map(({ id }) => Number(id));

function goneAfterMs(few: FewMembers): number {
  const fromMs = few.nowMs;
  few.until(() => holders(few).length === 0, 'the end of the lease', 60_000);
  return few.nowMs - fromMs;
}

test('it ends on all members, not early and not much late', () => {
  const { few, leader } = led();
  grant(few.one(leader.id === 1n ? 2 : 1), lease, 5n);
  few.until(() => leader.parts.leases.has(lease), 'the grant');
  const tookMs = goneAfterMs(few);
  ok(tookMs >= 5000 && tookMs <= 5700, `${tookMs}`);
  deepEqual(
    few.ones.map(({ parts }) => parts.leaseDuties.expired),
    few.ones.map((one) => (one === leader ? 1 : 0)),
  );
});

test('a new leader gives a lease its whole time, and an election timeout', () => {
  const { few, leader } = led();
  grant(leader, lease, 5n);
  few.pass(4000);
  leader.crash();
  few.until(() => few.leader !== undefined, 'another leader');
  const next = few.leader;
  few.until(() => next?.parts.deadlines.leading === true, 'its term to begin');
  const fromMs = few.nowMs;
  few.until(() => next?.parts.leases.has(lease) === false, 'the end of the lease');
  const tookMs = few.nowMs - fromMs;
  ok(tookMs >= 6000 && tookMs <= 6700, `${tookMs}`);
});

test('cut off, a leader ends nothing, and what it would have ended is not handed on when it is back', () => {
  const { few, leader } = led();
  grant(leader, lease, 5n);
  few.settle();
  few.pass(4000);
  few.isolate(Number(leader.id));
  few.pass(900); // Not deposed yet, and its lease falls due in a moment.
  few.until(() => few.ones.some((one) => one !== leader && one.member.isLeader), 'another leader');
  const next = few.ones.find((one) => one !== leader && one.member.isLeader);
  few.until(() => next?.parts.deadlines.leading === true, 'its term to begin');
  for (let ms = 0; ms < 8000; ms += 500) {
    next?.parts.deadlines.renew(next.parts.leases.slotOf(lease));
    if (ms === 3000) few.heal();
    few.pass(500);
    deepEqual(holders(few), [1, 2, 3], `after ${ms} ms`);
  }
});

test('what a leader proposes of itself is dropped when it is deposed within the turn', () => {
  const { few, leader } = led();
  grant(leader, lease, 60n);
  few.settle();
  const told: string[] = [];
  const waiter = { applied: () => told.push('applied'), failed: (error: string) => told.push(error) };
  leader.member.proposeAsLeader(requestField.leaseRevoke, revocation(lease), waiter);
  const other = few.one(leader.id === 1n ? 2 : 1);
  other.member.proposeAsLeader(requestField.leaseRevoke, revocation(lease), waiter);
  const own = leader.put('a client asked for this');
  const term = leader.member.term + 1;
  leader.member.received({ ...newMessage(messageType.heartbeat, leader.id), from: other.id, term });
  few.turn();
  deepEqual(told, ['notLeader', 'notLeader']);
  few.untilLed();
  few.settle();
  deepEqual(holders(few), [1, 2, 3]);
  few.until(() => own.length > 0, 'an answer');
});

test('after it hung, a leader asks a quorum before it ends a lease', () => {
  const { few, leader } = led();
  grant(leader, lease, 5n);
  few.settle();
  const isSure = (one: One) => one.parts.leaseDuties.leadership.isSure;
  few.until(() => isSure(leader), 'an answer');
  leader.isUp = false; // SIGSTOP, as far as it can tell.
  few.pass(400);
  few.isolate(Number(leader.id));
  leader.isUp = true;
  few.nowMs += 6000;
  leader.member.tick();
  leader.parts.duties.tick(few.nowMs);
  equal(isSure(leader), false);
  few.pass(500);
  equal(leader.parts.leases.has(lease), true, 'it proposed nothing, for nobody said that it still leads');
  const last = leader.parts.storage.lastIndex();
  few.pass(400);
  equal(leader.parts.storage.lastIndex(), last);
});

test('cut off, a leader renews nothing from before another can be elected', () => {
  const { few, leader } = led();
  grant(leader, lease, 60n);
  few.settle();
  const ask = () => {
    const told: string[] = [];
    leader.parts.leaseDuties.leadership.whenSure({
      confirmed: () => told.push('sure'),
      failed: (error) => told.push(error),
    });
    return told;
  };
  few.until(() => ask().includes('sure'), 'an answer');
  few.isolate(Number(leader.id));
  const isolatedMs = few.nowMs;
  const asked: { told: string[]; afterMs: number }[] = [];
  few.until(() => {
    asked.push({ told: ask(), afterMs: few.nowMs - isolatedMs });
    return few.ones.some((one) => one !== leader && one.member.isLeader);
  }, 'another leader');
  equal(leader.member.isLeader, true, 'it does not know');
  ok(asked.some(({ told }) => told.includes('sure')));
  for (const { told, afterMs } of asked) if (afterMs >= 800) deepEqual(told, [], `after ${afterMs} ms`);
  deepEqual(ask(), []);
});

test('with checkpoints, a new leader goes on with what was left', () => {
  const { few, leader } = led({ leaseCheckpointMs: 2000 });
  grant(leader, lease, 30n);
  few.pass(10_500);
  leader.crash();
  few.until(() => few.leader !== undefined, 'another leader');
  const tookMs = goneAfterSurvivors(few, leader);
  ok(tookMs > 18_000 && tookMs < 26_000, `${tookMs}`);
});

test('a checkpoint on its way is taken back before a lease is renewed', () => {
  const { few, leader } = led({ leaseCheckpointMs: 2000 });
  grant(leader, lease, 30n);
  const { leaseDuties, leases } = leader.parts;
  few.until(() => leaseDuties.mayBeWritingDown, 'a checkpoint on its way');
  equal(leases.checkpointedSecondsOf(leases.slotOf(lease)), 0, 'the book does not tell yet');
  let settled = false;
  const confirmed = () => {
    settled = !leaseDuties.mayBeWritingDown && leases.checkpointedSecondsOf(leases.slotOf(lease)) === 0;
  };
  leaseDuties.forgetCheckpoint(lease, { confirmed, failed: () => {} });
  few.until(() => settled, 'a book without it');
});

function goneAfterSurvivors(few: FewMembers, dead: One): number {
  const fromMs = few.nowMs;
  few.until(() => few.ones.every((one) => one === dead || !one.parts.leases.has(lease)), 'the end', 60_000);
  return few.nowMs - fromMs;
}
