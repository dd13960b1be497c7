// Proves: three members agree: writes and reads on any of them, whatever messages are lost and whoever leads.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { noBytes } from '../base/bytes.js';
import { type MemberId, noMember } from '../base/ids.js';
import { newMessage } from '../raft/message.js';
import { confChangeType, entryType, type Message, messageType } from '../wire/raftpb/types.js';
import { FewMembers } from './few-members.js';

const { prop, readIndex, heartbeatResp, heartbeat } = messageType;

test('writes and reads on every member, one message a follower a turn', () => {
  const few = new FewMembers(3);
  const leader = few.untilLed();
  few.settle();
  const puts = few.ones.map((one) => one.put(`k${one.id}`, '1'));
  few.settle();
  few.sent.clear();
  const more = few.ones.flatMap((one) => Array.from({ length: 50 }, (_, i) => one.put(`more${i}`, '2')));
  few.turn();
  equal(few.sent.get(prop), 2, 'each follower passes on its proposals in one message');
  equal(few.sent.get(messageType.app), 2, 'the leader sends its own to each follower in one message');
  few.settle();
  deepEqual(puts, [['put'], ['put'], ['put']]);
  ok(more.every(([told]) => told === 'put'));
  const reads = few.ones.flatMap((one) => Array.from({ length: 20 }, () => one.read('more7')));
  few.until(() => reads.every(({ length }) => length > 0), 'all reads');
  ok(reads.every(([value]) => value === '2'));
  equal(
    few.ones.every(({ member }) => member.revision === leader.member.revision),
    true,
  );
  for (let turn = 0; turn < 10; turn++) {
    for (const one of few.ones) for (let i = 0; i < 5; i++) one.put(`t${i}`);
    few.sent.clear();
    few.turn();
    const { app, appResp } = messageType;
    ok((few.sent.get(app) ?? 0) <= 2, 'whoever proposed');
    ok((few.sent.get(appResp) ?? 0) <= 2, 'whatever was committed');
  }
});

test('a read on a follower whose question or answer is lost is answered after half a second', () => {
  for (const lost of [readIndex, messageType.readIndexResp, heartbeatResp]) {
    const few = new FewMembers(3);
    const leader = few.untilLed();
    few.settle();
    const follower = few.one(leader.id === 1n ? 2 : 1);
    let toLose = lost === heartbeatResp ? 2 : 1;
    few.lose = ({ type }) => type === lost && toLose-- > 0;
    const read = follower.read('nothing');
    const startedMs = few.nowMs;
    few.until(() => read.length > 0, 'an answer');
    deepEqual(read, ['']);
    const tookMs = few.nowMs - startedMs;
    if (lost === heartbeatResp) ok(tookMs < 300, `the next heartbeat asks again: ${tookMs} ms`);
    else ok(tookMs >= 500 && tookMs <= 700, `${tookMs} ms`);
  }
});

test('a change of members is given up when whoever asked for it has gone', () => {
  const few = new FewMembers(3);
  few.untilLed();
  few.settle();
  few.isolate(3);
  const one = few.one(3);
  few.until(() => one.member.leader === noMember, 'a member without a leader');
  const removal = (nodeId: number, gone: boolean) => {
    const change = { type: confChangeType.removeNode, nodeId: BigInt(nodeId) as MemberId, context: undefined };
    one.member.proposeConfChange(change, { applied() {}, failed() {}, gone: () => gone });
  };
  removal(1, true);
  removal(2, false);
  equal(one.member.pendingProposals, 2);
  few.pass(200);
  equal(one.member.pendingProposals, 1);
  few.heal();
  few.until(() => one.parts.members.isRemoved(2n as MemberId), 'what is still wanted');
  equal(one.parts.members.isRemoved(1n as MemberId), false);
  equal(one.member.pendingProposals, 0);
});

test('reads that come while a round is out share the next one', () => {
  const few = new FewMembers(3);
  const leader = few.untilLed();
  few.settle();
  const follower = few.one(leader.id === 1n ? 2 : 1);
  few.sent.clear();
  const reads = [follower.read('a')];
  few.turn();
  reads.push(follower.read('b'));
  few.turn();
  reads.push(follower.read('c'));
  few.pass(100);
  ok(reads.every(({ length }) => length === 1));
  equal(few.sent.get(readIndex), 2);
});

test('a leader that is cut off answers no read, and those who asked it are told when they hear of the next', () => {
  const few = new FewMembers(3);
  const old = few.untilLed();
  few.settle();
  few.isolate(Number(old.id));
  const [stale, lost] = [old.read('k'), old.put('k', 'x')];
  few.until(() => few.ones.some((one) => one !== old && one.member.isLeader), 'another leader');
  const next = few.ones.find((one) => one !== old && one.member.isLeader);
  const put = next?.put('k', 'y');
  few.until(() => put?.length === 1, 'a write');
  deepEqual([stale, lost, put], [[], [], ['put']]);
  few.heal();
  few.until(() => stale.length > 0, 'an end of the read');
  deepEqual(stale, ['leaderChanged']);
  equal(old.parts.counters.server.readIndexesFailed, 1);
  const fresh = old.read('k');
  few.until(() => fresh.length > 0, 'a fresh read');
  deepEqual(fresh, ['y']);
  few.until(() => lost.length > 0, 'an end of the write');
  deepEqual(lost, ['timeoutConnectionLost']);
  equal(
    few.ones.every((one) => one.get('k') === 'y'),
    true,
  );
});

test('proposals that wait without a leader go to the next one', () => {
  const few = new FewMembers(3);
  const old = few.untilLed();
  few.settle();
  old.crash();
  const others = few.ones.filter((one) => one !== old);
  few.until(() => others.every(({ member }) => member.leader === 0n), 'nobody leading');
  const told = others.map((one) => one.put('late', 'z'));
  const reads = others.map((one) => one.read('late'));
  few.until(() => told.every(({ length }) => length > 0) && reads.every(({ length }) => length > 0), 'answers');
  deepEqual(told, [['put'], ['put']]);
  few.settle();
});

test('a forwarded proposal that is lost times out, and why depends on the connection', () => {
  const few = new FewMembers(3);
  const leader = few.untilLed();
  few.settle();
  const follower = few.one(leader.id === 1n ? 2 : 1);
  few.lose = ({ type }) => type === prop;
  const unconnected = follower.put('a');
  few.pass(1000);
  follower.activeSince.set(leader.id, few.nowMs - 500);
  const connected = follower.put('b');
  few.pass(8000);
  deepEqual(unconnected, ['timeoutConnectionLost']);
  deepEqual(connected, ['timeout']);
});

test('a proposal that a dying leader took along is told so by the one who leads next', () => {
  const few = new FewMembers(3);
  const old = few.untilLed();
  few.settle();
  const puts = few.ones.filter((one) => one !== old).map((one) => ({ one, told: one.put('k') }));
  few.turn();
  old.crash();
  few.until(() => puts.some(({ one }) => one.member.isLeader), 'another leader', 1900);
  few.until(() => puts.every(({ told }) => told.length > 0), 'an end of both');
  for (const { one, told } of puts)
    deepEqual(told, [one.member.isLeader ? 'timeoutLeaderFailure' : 'timeoutConnectionLost']);
});

test('a new leader answers reads only when it has committed in its term', () => {
  const few = new FewMembers(3);
  const old = few.untilLed();
  few.settle();
  old.crash();
  few.lose = ({ type }) => type === messageType.appResp;
  few.until(() => few.leader !== undefined, 'another leader');
  const leader = few.leader;
  const read = leader?.read('k') ?? [];
  few.pass(500);
  deepEqual(read, []);
  few.lose = () => false;
  few.until(() => read.length > 0, 'the read');
  deepEqual(read, ['']);
});

test('a follower does not answer for entries that its disk does not hold', () => {
  const few = new FewMembers(3);
  const leader = few.untilLed();
  few.settle();
  const followers = few.ones.filter((one) => one !== leader);
  for (const one of few.ones) one.isStalled = true;
  const put = leader.put('k', 'w');
  few.pass(500);
  deepEqual(put, [], 'on no disk of three');
  for (const one of followers) one.isStalled = false;
  few.until(
    () => followers.every((one) => one.member.committed > leader.member.applied),
    'what two disks hold is committed',
  );
  deepEqual(put, [], 'the state is never ahead of its own log');
  leader.isStalled = false;
  few.until(() => put.length > 0, 'the write');
});

test('crashes of any member lose nothing that was answered', () => {
  const few = new FewMembers(3, { snapshotCount: 10, catchUpEntries: 3 });
  few.untilLed();
  let answered = 0;
  for (let round = 0; round < 12; round++) {
    const puts = few.ones.filter(({ isUp }) => isUp).map((one) => one.put(`r${round}`, String(round % 10)));
    few.pass(30 + 7 * round);
    const victim = few.ones[round % 3];
    victim?.crash();
    few.until(() => few.leader !== undefined, 'a leader');
    few.pass(200);
    victim?.restart();
    few.untilLed();
    few.settle();
    if (puts.some(([told]) => told === 'put')) {
      answered++;
      ok(few.ones.every((one) => one.get(`r${round}`) === String(round % 10)));
    }
  }
  ok(answered > 6, `${answered} rounds were answered`);
});

test('hostile messages change nothing', () => {
  const few = new FewMembers(3);
  const leader = few.untilLed();
  few.settle();
  const peer = leader.id === 1n ? (2n as MemberId) : (1n as MemberId);
  const huge = 2 ** 52;
  const bad = (type: Message['type'], fields: Partial<Message>): Message => ({
    ...newMessage(type, leader.id),
    from: peer,
    term: leader.member.term,
    ...fields,
  });
  const entry = (data: Uint8Array) => [{ type: entryType.normal, term: 0, index: 0, data }];
  const messages = [
    bad(messageType.app, { index: huge }),
    bad(messageType.appResp, { index: 2 ** 40 }),
    bad(heartbeat, { commit: 2 ** 40 }),
    bad(messageType.vote, { term: 2 ** 53 - 1 }),
    bad(messageType.storageAppendResp, { index: 3 }),
    bad(messageType.storageAppendResp, { from: 0xffff_ffff_ffff_ffffn as MemberId, index: 3 }),
    bad(messageType.hup, {}),
    bad(prop, { term: 0, entries: entry(Uint8Array.of(0xff, 0xff, 0xff)) }),
    bad(prop, { term: 0, entries: entry(noBytes) }),
    bad(prop, { term: 0, entries: [{ type: entryType.confChange, term: 0, index: 0, data: Uint8Array.of(9, 9) }] }),
    bad(readIndex, { term: 0, entries: entry(Uint8Array.of(1)) }),
    bad(messageType.readIndexResp, { entries: entry(Uint8Array.of(1)) }),
    bad(messageType.snap, {}),
    bad(heartbeat, { to: 77n as MemberId }),
    bad(heartbeat, { from: leader.id }),
  ];
  for (const one of few.ones)
    for (const message of messages) {
      one.member.received({ ...message, to: message.to === leader.id ? one.id : message.to });
      few.pass(200);
    }
  few.untilLed();
  const put = few.one(2).put('k', 'q');
  few.until(() => put.length > 0, 'a write');
  few.settle();
  deepEqual(
    few.ones.map((one) => one.get('k')),
    ['q', 'q', 'q'],
  );
});

test('a removed member hears of it, is told to stop, and is heard no more', () => {
  const few = new FewMembers(3);
  const leader = few.untilLed();
  few.settle();
  const gone = few.one(leader.id === 3n ? 2 : 3);
  const told: string[] = [];
  leader.member.proposeConfChange(
    { type: confChangeType.removeNode, nodeId: gone.id, context: undefined },
    { applied: ({ kind }) => told.push(kind), failed: (error) => told.push(error) },
  );
  few.until(() => told.length > 0, 'the change');
  deepEqual(told, ['done']);
  ok(leader.told.includes(`remove ${gone.id}`));
  few.until(() => gone.hasLeft, 'its own removal');
  const { term } = leader.member;
  few.pass(5000);
  equal(leader.member.term, term, 'its campaigns disturb nobody');
  const put = leader.put('k', 'a');
  few.until(() => put.length > 0, 'a write of the two');
});

test('a leader that is removed stops after the others have heard of it', () => {
  const few = new FewMembers(3);
  const leader = few.untilLed();
  few.settle();
  leader.member.proposeConfChange(
    { type: confChangeType.removeNode, nodeId: leader.id, context: undefined },
    { applied() {}, failed() {} },
  );
  few.until(() => leader.hasLeft, 'the change');
  leader.crash();
  const others = few.ones.filter((one) => one !== leader);
  few.until(() => others.some(({ member }) => member.isLeader), 'a leader among the two');
  const put = others[0]?.put('k', 'b');
  few.until(() => put?.length === 1, 'a write of the two');
  deepEqual(put, ['put']);
});

test('back-pressure: a member that applies too far behind takes nothing more', () => {
  const few = new FewMembers(3);
  const leader = few.untilLed();
  few.settle();
  leader.isStalled = true;
  const told = Array.from({ length: 5010 }, () => leader.put('k'));
  few.pass(1000);
  deepEqual(leader.put('k'), ['tooManyRequests']);
  leader.isStalled = false;
  few.settle();
  ok(told.every(([how]) => how === 'put'));
  const put = leader.put('k');
  few.until(() => put.length > 0, 'a write');
});
