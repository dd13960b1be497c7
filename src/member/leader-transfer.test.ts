// Proves: leadership goes to the voter that was asked for or has been connected longest, and nobody waits for ever.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { MemberId } from '../base/ids.js';
import { FewMembers, type One } from './few-members.js';

const id = (n: number) => BigInt(n) as MemberId;

function move({ parts, member }: One, to: number, patienceMs = 3000, gone = false) {
  const told: string[] = [];
  parts.transfer.move(id(to), member.nowMs() + patienceMs, {
    gone: () => gone,
    moved: () => told.push('moved'),
    failed: (error) => told.push(error),
  });
  return told;
}

function three(): FewMembers {
  const few = new FewMembers(3);
  const leader = few.untilLed();
  if (leader.id !== id(1)) leader.member.transferLeader(id(1));
  few.until(() => few.leader?.id === id(1), 'member 1 leads');
  few.settle();
  return few;
}

test('to a voter, to itself, to nobody', () => {
  const few = three();
  deepEqual(move(few.one(2), 3), ['notLeader']);
  deepEqual(move(few.one(1), 9), ['badLeaderTransferee']);
  deepEqual(move(few.one(1), 1), ['moved']);
  const told = move(few.one(1), 3);
  few.until(() => told.length > 0, 'an answer');
  deepEqual(told, ['moved']);
  equal(few.leader?.id, id(3));
});

test('one that does not take it over, or is not waited for', () => {
  const few = three();
  few.one(2).crash();
  const [told, unheard] = [move(few.one(1), 2), move(few.one(1), 2, 3000, true)];
  few.pass(2900);
  deepEqual(told, []);
  few.pass(200);
  deepEqual([told, unheard], [['timeoutLeaderTransfer'], []]);
});

test('before a stop: to the one connected longest; not to one that stops too', () => {
  const few = three();
  let stops = 0;
  const stop = (one: One) => one.parts.transfer.beforeStop(() => stops++);
  stop(few.one(2));
  equal(stops, 1, 'a follower just stops');
  stop(few.one(1));
  equal(stops, 2, 'nobody is connected');
  few.one(1).activeSince.set(id(2), 20).set(id(3), 10);
  stop(few.one(1));
  few.until(() => stops === 3, 'the end of the transfer');
  equal(few.leader?.id, id(3));
  few.settle();
  few.one(3).activeSince.set(id(1), 10);
  few.one(1).crash();
  stop(few.one(3));
  few.pass(200);
  equal(stops, 3);
  few.one(3).activeSince.clear();
  few.pass(200);
  equal(stops, 4);
});
