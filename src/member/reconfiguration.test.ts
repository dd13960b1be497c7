// Proves: changes of members that would cost the cluster its quorum are refused, promotions are decided by the leader wherever they
// are asked for, and whoever is removed leaves.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { utf8 } from '../base/bytes.js';
import type { MemberId } from '../base/ids.js';
import { jsonText } from '../base/json.js';
import { type Member, memberJson } from '../cluster/member.js';
import { FewMembers, type One } from './few-members.js';
import type { PeerAnswer } from './peers.js';

const id = (n: number) => BigInt(n) as MemberId;
const url = (n: number) => `http://${n}`;
const answerOf = (status: number, body: string): PeerAnswer => ({ status, body: utf8(body) });

/** Where it is told how the change went: the ids of the members after it, or why not. */
function toldOf(change: (waiter: { changed(members: readonly Member[]): void; failed(error: string): void }) => void) {
  const told: (string | number[])[] = [];
  change({
    changed: (members) => told.push(members.map((member) => Number(member.id))),
    failed: (error) => told.push(error),
  });
  return told;
}

const add = ({ parts }: One, member: Partial<Member>) =>
  toldOf((waiter) => {
    const added = parts.reconfiguration.newMember(member.peerUrls ?? ['http://new'], member.isLearner ?? false);
    parts.reconfiguration.add({ ...added, ...member }, waiter);
  });
const remove = ({ parts }: One, n: number) => toldOf((waiter) => parts.reconfiguration.remove(id(n), waiter));
const promote = ({ parts }: One, n: number) =>
  toldOf((waiter) => parts.reconfiguration.promote(id(n), undefined, waiter));

/** Everybody has been connected to everybody since the beginning. */
function connect(few: FewMembers): void {
  for (const one of few.ones) for (const other of few.ones) if (one !== other) one.activeSince.set(other.id, -10_000);
}

/** The peer port, as far as promotions go. */
function servePromotions(few: FewMembers): void {
  few.answer = (one, { path }, answered) => {
    const [, asked] = /^\/members\/promote\/(\d+)$/.exec(path) ?? [];
    if (asked === undefined) return answered(undefined);
    one.parts.reconfiguration.promote(id(Number(asked)), undefined, {
      changed: (members) => answered(answerOf(200, jsonText(members.map(memberJson)))),
      failed: (error) => {
        if (error === 'memberNotFound') answered(answerOf(404, 'membership: ID not found'));
        else if (error === 'learnerNotReady')
          answered(answerOf(412, 'etcdserver: can only promote a learner member which is in sync with leader'));
        else answered(answerOf(500, '{"message":"Internal Server Error"}'));
      },
    });
  };
}

function ledBy(few: FewMembers, n: number): One {
  const leader = few.untilLed();
  few.settle();
  if (leader.id !== id(n)) leader.member.transferLeader(id(n));
  few.until(() => few.leader?.id === id(n), `member ${n} leads`);
  few.settle();
  return few.one(n);
}

test('a cluster of two is grown while both have been connected for a while', () => {
  const few = new FewMembers(2);
  const leader = ledBy(few, 1);
  deepEqual(add(leader, { id: id(3), peerUrls: [url(3)] }), ['unhealthy']);
  connect(few);
  const added = add(few.one(2), { id: id(3), peerUrls: [url(3)] });
  few.settle();
  deepEqual(added, [[1, 2, 3]]);
  // Of three members two have started; of four, three would have to.
  deepEqual(add(leader, { id: id(4), peerUrls: [url(4)] }), ['notEnoughStarted']);
  deepEqual(few.one(1).told.slice(-1), ['add 3']);
});

test('what the book refuses is told to whoever asked, and nothing else happens', () => {
  const few = new FewMembers(3);
  ledBy(few, 1);
  connect(few);
  const asker = few.one(2);
  // One after the other: what raft is asked while a change is under way it drops, and whoever asked hears nothing.
  const answers = [
    () => add(asker, { id: id(3), peerUrls: [url(9)] }),
    () => add(asker, { id: id(9), peerUrls: [url(1)] }),
    () => remove(asker, 9),
  ].map((ask) => {
    const told = ask();
    few.settle();
    return told;
  });
  deepEqual(answers, [['memberExists'], ['peerUrlExists'], ['memberNotFound']]);
  deepEqual(few.one(3).parts.members.list().length, 3);
});

test('one that is down may go, one that is needed may not', () => {
  const few = new FewMembers(3);
  const leader = ledBy(few, 1);
  connect(few);
  few.one(3).crash();
  leader.activeSince.delete(id(3));
  deepEqual(remove(leader, 2), ['unhealthy']);
  deepEqual(remove(leader, 1), ['unhealthy']);
  const removed = remove(leader, 3);
  few.settle();
  deepEqual(removed, [[1, 2]]);
});

test('the last member stays, however lax it is', () => {
  for (const strictReconfigCheck of [true, false]) {
    const few = new FewMembers(1, { strictReconfigCheck });
    deepEqual(remove(few.untilLed(), 1), ['notEnoughStarted']);
  }
});

test('a learner is promoted when it has nearly all, whoever is asked', () => {
  const few = new FewMembers(3);
  const leader = ledBy(few, 1);
  connect(few);
  servePromotions(few);
  for (let i = 0; i < 30; i++) leader.put(`k${i}`);
  few.settle();
  add(few.one(2), { id: id(4), isLearner: true });
  few.settle();
  const early = [promote(leader, 4), promote(few.one(2), 4), promote(few.one(2), 9)];
  few.pass(200);
  deepEqual(early, [['learnerNotReady'], ['learnerNotReady'], ['memberNotFound']]);
  few.join(id(4));
  few.pass(1000);
  few.settle();
  const promoted = promote(few.one(2), 4);
  few.settle();
  deepEqual(promoted, [[1, 2, 3, 4]]);
  equal(few.one(4).parts.members.member(id(4))?.isLearner, false);
});

test('a promotion asked for while nobody leads waits for the next leader, or for its time', () => {
  const few = new FewMembers(3);
  ledBy(few, 1);
  servePromotions(few);
  few.one(1).crash();
  const asked = promote(few.one(2), 9);
  few.pass(100);
  deepEqual(asked, []);
  few.until(() => asked.length > 0, 'an answer');
  deepEqual(asked, ['memberNotFound']);
  few.one(3).crash();
  few.pass(3000);
  const late = promote(few.one(2), 9);
  few.pass(7200);
  deepEqual(late, ['noLeader']);
});

test('a removed leader tells the others, leaves after a second, and another leads', () => {
  const few = new FewMembers(3);
  const leader = ledBy(few, 1);
  connect(few);
  const told = remove(leader, 1);
  few.pass(500);
  deepEqual(told, [[2, 3]]);
  equal(leader.hasLeft, false);
  few.pass(700);
  ok(leader.hasLeft);
  deepEqual(few.one(2).parts.members.list().length, 2);
  leader.crash();
  few.until(() => few.leader !== undefined && few.leader !== leader, 'another leads');
  deepEqual(few.one(2).told.slice(-1), ['remove 1']);
});
