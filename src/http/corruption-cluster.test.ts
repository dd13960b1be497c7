// Proves: where one of three real members holds something else, the leader's comparison names it, and then no member takes writes.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { noBytes } from '../base/bytes.js';
import { Chores } from '../base/chores.js';
import { silentLog } from '../base/log.js';
import { AlarmType } from '../gen/etcdserverpb/rpc_pb.js';
import { CorruptionChecker } from '../member/corruption.js';
import { FewMembers, type One } from '../member/few-members.js';
import { kvHashing } from '../member/kv-hashing.js';
import type { Peers } from '../member/peers.js';
import { hashKvHandler } from './hash-kv-peers.js';

/** Hashes as soon as it is asked. */
function hashingOf({ parts }: One) {
  const chores = new Chores();
  const hashing = kvHashing(parts.store, chores, () => 0);
  return {
    hashKv(...[revision, done]: Parameters<typeof hashing.hashKv>) {
      hashing.hashKv(revision, done);
      while (chores.run(0) === 0);
    },
  };
}

function peersOf(few: FewMembers): Pick<Peers, 'ask'> {
  return {
    ask(id, { path, headers, body }, answered) {
      const asked = few.one(Number(id));
      if (!asked.isUp) return answered(undefined);
      const { clusterId } = asked.member;
      const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
      const request = { method: 'GET', path, query: '', host: '', headers: lower, body, secure: false };
      hashKvHandler({ clusterId, hashing: hashingOf(asked), log: silentLog })(request, (response) => {
        const { status, body: answer } = response;
        answered({ status, body: typeof answer === 'string' ? noBytes : answer });
      });
    },
  };
}

function checkerOf(few: FewMembers, one: One): CorruptionChecker {
  const { member, members, store } = one.parts;
  const { memberId, clusterId, requestTimeoutMs } = member;
  const asks = { memberId, clusterId, members, peers: peersOf(few), log: silentLog, requestTimeoutMs };
  const compactionHashes = () => store.hashes.all;
  return new CorruptionChecker({ ...asks, front: member, hashing: hashingOf(one), compactionHashes });
}

const alarmsOf = ({ parts }: One) => parts.alarms.list(AlarmType.CORRUPT).map(({ memberId }) => Number(memberId));

test('a member whose values are not those of the others', () => {
  const few = new FewMembers(3);
  const leader = few.untilLed();
  for (let i = 0; i < 20; i++) leader.put(`k${i % 5}`, String(i % 10));
  few.settle();
  const checker = checkerOf(few, leader);
  const check = () => {
    let fault: string | undefined = 'not done';
    checker.checkNow((each) => {
      fault = each;
    });
    few.until(() => fault !== 'not done', 'the comparison');
    few.settle();
    return fault;
  };
  equal(check(), undefined);
  deepEqual(few.ones.flatMap(alarmsOf), []);

  const odd = few.one(leader.id === 2n ? 3 : 2);
  const { revision } = odd.member;
  const bytes = odd.parts.store.values.get(revision, 0);
  bytes?.set([bytes[bytes.length - 1] === 48 ? 49 : 48], bytes.length - 1);
  equal(check(), undefined);
  deepEqual(
    few.ones.map(alarmsOf),
    few.ones.map(() => [Number(odd.id)]),
  );

  const put = few.one(1).put('k', 'v');
  few.until(() => put.length > 0, 'an answer');
  deepEqual(put, ['corrupt']);
  const read = few.one(3).read('k1');
  few.until(() => read.length > 0, 'a read');
  equal(read[0], '6', 'what can be read is read');

  let start: string | undefined;
  checkerOf(few, odd).checkAtStart((fault) => {
    start = fault;
  });
  equal(start, `${odd.id} found data inconsistency with peers`);
});
