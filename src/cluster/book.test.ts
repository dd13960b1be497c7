// Proves: the book refuses what etcd refuses, keeps removed ids out, and its records read back as the same book.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, text, utf8 } from '../base/bytes.js';
import type { MemberId } from '../base/ids.js';
import { type ConfChange, type ConfChangeType, confChangeType } from '../wire/raftpb/types.js';
import { MembershipBook, type MembershipBucket, type MembershipRecord } from './book.js';
import { decodeContext, encodeContext, type Member } from './member.js';
import { readyToAddVoter, readyToPromote, readyToRemoveVoter } from './readiness.js';

const id = (n: bigint) => n as MemberId;

function member(n: bigint, change: Partial<Member> = {}): Member {
  return { id: id(n), peerUrls: [`http://h:${n}`], isLearner: false, name: '', clientUrls: [], ...change };
}

function change(type: ConfChangeType, of: Member, isPromote = false): ConfChange {
  return { id: 1n, type, nodeId: of.id, context: encodeContext({ member: of, isPromote }) };
}

const add = (of: Member) => change(of.isLearner ? confChangeType.addLearnerNode : confChangeType.addNode, of);
const promote = (of: Member) => change(confChangeType.addNode, of, true);
const update = (of: Member) => change(confChangeType.updateNode, of);
const remove = (n: bigint): ConfChange => ({
  id: 1n,
  type: confChangeType.removeNode,
  nodeId: id(n),
  context: undefined,
});

function bookOf(...members: Member[]): MembershipBook {
  const book = new MembershipBook(1);
  for (const each of members) book.apply(add(each));
  return book;
}

test('the contexts that etcd wrote', () => {
  const first = '{"id":10861422917829458980,"peerURLs":["http://127.0.0.1:22002"],"name":"s1"}';
  const learner = '{"id":11408443525552585515,"peerURLs":["http://127.0.0.1:22012"],"isLearner":true}';
  for (const json of [first, learner, learner.replace('}', ',"isPromote":true}')]) {
    equal(text(encodeContext(decodeContext(utf8(json)))), json);
  }
  equal(decodeContext(utf8(first)).member.id, 0x96bb8698f482fc24n);
  equal(decodeContext(utf8('{"id":5,"peerURLs":null}')).member.id, 5n);
});

test('refusals', () => {
  const learner = member(3n, { isLearner: true });
  const book = bookOf(member(1n), member(2n), learner);
  equal(book.refusal(add(member(1n, { peerUrls: ['http://new:1'] }))), 'memberExists');
  equal(book.refusal(add(member(9n, { peerUrls: ['http://h:2'] }))), 'peerUrlExists');
  equal(book.refusal(add(member(9n, { isLearner: true }))), 'tooManyLearners');
  equal(book.refusal(add(member(9n))), undefined);
  equal(book.refusal(remove(9n)), 'memberNotFound');
  equal(book.refusal(update(member(9n))), 'memberNotFound');
  equal(book.refusal(update(member(1n, { peerUrls: ['http://h:2'] }))), 'peerUrlExists');
  equal(book.refusal(update(member(1n))), undefined);
  equal(book.refusal(promote(member(1n))), 'memberNotLearner');
  equal(book.refusal(promote(member(9n))), 'memberNotFound');
  equal(book.refusal(promote(learner)), undefined);
});

test('a removed id stays out', () => {
  const book = bookOf(member(1n), member(2n));
  book.apply(remove(2n));
  equal(book.refusal(add(member(2n))), 'memberNotFound');
  equal(book.isRemoved(id(2n)), true);
  deepEqual(book.setAttributes(id(2n), 'late', []), []);
});

test('an update moves peer URLs alone, a promotion the vote alone', () => {
  const book = bookOf(member(1n, { isLearner: true, name: 'a', clientUrls: ['http://c:1'] }));
  book.apply(update(member(1n, { peerUrls: ['http://new:1'] })));
  book.apply(promote(member(1n)));
  deepEqual(book.list(), [member(1n, { peerUrls: ['http://new:1'], name: 'a', clientUrls: ['http://c:1'] })]);
});

test('records read back as the same book', () => {
  const stored = new Map<string, [MembershipBucket, string, Bytes]>();
  const write = (records: readonly MembershipRecord[]) => {
    for (const { bucket, key, value } of records) {
      if (value === undefined) stored.delete(`${bucket}/${key}`);
      else stored.set(`${bucket}/${key}`, [bucket, key, value]);
    }
  };
  const book = new MembershipBook(1);
  const large = member(0xfedcba9876543210n, { name: 'a<b', peerUrls: ['http://a:1', 'http://a:2'] });
  for (const each of [large, member(2n), member(3n, { isLearner: true })]) write(book.apply(add(each)));
  write(book.apply(remove(2n)));
  write(book.setAttributes(large.id, 'b', ['http://c:1']));
  write(book.setVersion('3.7.0'));
  write(book.setDowngrade({ enabled: true, targetVersion: '3.6.0' }));

  const copy = new MembershipBook(1);
  for (const record of stored.values()) copy.load(...record);
  deepEqual(copy.list(), book.list());
  deepEqual(copy.removed, [2n]);
  equal(copy.version, '3.7.0');
  deepEqual(copy.downgrade, { enabled: true, targetVersion: '3.6.0' });
  const [, , value] = stored.get('members/fedcba9876543210') ?? [];
  equal(
    text(value ?? utf8('')),
    '{"id":18364758544493064720,"peerURLs":["http://a:1","http://a:2"],"name":"b","clientURLs":["http://c:1"]}',
  );
});

test('voters may come and go while a quorum of started ones is left', () => {
  const up = (n: bigint) => member(n, { name: `m${n}` });
  equal(readyToAddVoter([up(1n)]), true);
  equal(readyToAddVoter([up(1n), member(2n)]), false);
  equal(readyToAddVoter([up(1n), up(2n), member(3n)]), false);
  equal(readyToAddVoter([up(1n), up(2n), up(3n)]), true);
  equal(readyToRemoveVoter([up(1n), member(2n)], id(2n)), true);
  equal(readyToRemoveVoter([up(1n), member(2n)], id(1n)), false);
  equal(readyToPromote([up(1n), member(9n, { isLearner: true })]), true);
  equal(readyToPromote([up(1n), member(2n), member(3n), member(9n, { isLearner: true })]), false);
});
