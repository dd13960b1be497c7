// Proves: members are compared as etcd's corrupt.go compares them, and the alarm names who differs from what more than half agree on.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { utf8 } from '../base/bytes.js';
import type { ClusterId, MemberId } from '../base/ids.js';
import { silentLog } from '../base/log.js';
import { AlarmRequestSchema } from '../gen/etcdserverpb/rpc_pb.js';
import type { KvHash } from '../mvcc/hash-book.js';
import { decodeHashKvRequest, encodeHashKvResponse, type PeerHash } from '../wire/messages/hash-kv-json.js';
import { CorruptionChecker } from './corruption.js';
import { CorruptionTimer } from './corruption-timer.js';
import type { HashKvAnswer } from './kv-hashing.js';
import type { PeerAnswer } from './peers.js';

const ids = [1n, 2n, 3n] as MemberId[];
const [own = 1n as MemberId] = ids;
const hashed = (revision: number, hash: number, compactRevision = -1, current = revision): PeerHash => ({
  revision,
  hash,
  compactRevision,
  current,
});
const says = (hash: PeerHash): PeerAnswer => ({ status: 200, body: encodeHashKvResponse(hash) });
const refuses = (status: number, why: string): PeerAnswer => ({ status, body: utf8(`${why}\n`) });

class Cluster {
  /** This member's own hashes, asked for one after the other. */
  readonly local: PeerHash[] = [];
  hashes: KvHash[] = [];
  /** By member and revision; a member without an entry is silent. */
  readonly answers = new Map<string, PeerAnswer>();
  readonly alarms: bigint[] = [];
  readonly asked: string[] = [];
  readonly checker: CorruptionChecker;

  constructor(size = 3) {
    this.checker = new CorruptionChecker({
      memberId: own,
      clusterId: 0xc1n as ClusterId,
      members: { list: () => ids.slice(0, size).map((id) => ({ ...blank, id, peerUrls: [`http://${id}`] })) },
      peers: {
        ask: (id, { method, path, headers, body }, answered) => {
          equal(`${method} ${path} ${headers['X-Etcd-Cluster-ID']}`, 'GET /members/hashkv c1');
          const question = `${id}@${decodeHashKvRequest(body)}`;
          this.asked.push(question);
          answered(this.answers.get(question));
        },
      },
      log: silentLog,
      requestTimeoutMs: 7000,
      hashing: { hashKv: (_revision, done) => done(this.#next()) },
      compactionHashes: () => this.hashes,
      front: {
        readIndex: (waiter) => waiter.confirmed(),
        propose: (_field, bytes) => this.alarms.push(fromBinary(AlarmRequestSchema, bytes).memberID),
      },
    });
  }

  #next(): HashKvAnswer {
    const next = this.local.shift();
    return next === undefined ? { ok: false, error: 'compacted' } : { ok: true, ...next };
  }

  atStart(): string | undefined {
    let found: string | undefined = 'not done';
    this.checker.checkAtStart((fault) => {
      found = fault;
    });
    return found;
  }

  now(): string | undefined {
    let found: string | undefined = 'not done';
    this.checker.checkNow((fault) => {
      found = fault;
    });
    return found;
  }

  compactions(): readonly bigint[] {
    let done = false;
    this.checker.checkCompactions(() => {
      done = true;
    });
    equal(done, true);
    return this.alarms.splice(0);
  }
}

const blank = { isLearner: false, name: '', clientUrls: [] };

test('a member that starts: only a hash of the same history counts against it', () => {
  const cluster = new Cluster();
  const start = (second: PeerAnswer | undefined, third: PeerAnswer | undefined) => {
    cluster.local.push(hashed(10, 7, 3));
    cluster.answers.clear();
    if (second !== undefined) cluster.answers.set('2@10', second);
    if (third !== undefined) cluster.answers.set('3@10', third);
    return cluster.atStart();
  };
  equal(start(says(hashed(10, 7, 3)), says(hashed(10, 7, 3))), undefined);
  equal(start(undefined, says(hashed(10, 8, 5))), undefined, 'compacted elsewhere');
  equal(
    start(refuses(400, 'mvcc: required revision is a future revision'), refuses(412, 'cluster ID mismatch')),
    undefined,
  );
  equal(start(refuses(400, 'mvcc: required revision has been compacted'), refuses(500, 'what')), undefined);
  equal(start(says(hashed(10, 7, 3)), says(hashed(10, 8, 3))), '1 found data inconsistency with peers');
  equal(cluster.atStart(), '1 failed to fetch hash (etcdserver: mvcc: required revision has been compacted)');
  deepEqual(cluster.alarms, []);
});

test('the newest history: each way to differ, and one alarm a check', () => {
  const cluster = new Cluster();
  const check = (first: PeerHash, second: PeerHash, peer: PeerHash | undefined, other = peer) => {
    cluster.local.push(first, second);
    cluster.answers.clear();
    if (peer !== undefined) cluster.answers.set(`2@${first.revision}`, says(peer));
    if (other !== undefined) cluster.answers.set(`3@${first.revision}`, says(other));
    equal(cluster.now(), undefined);
    return cluster.alarms.splice(0);
  };
  const good = hashed(10, 7);
  deepEqual(check(good, good, good), []);
  deepEqual(check(good, good, undefined), []);
  deepEqual(check(good, hashed(12, 9), hashed(10, 7, -1, 11)), [], 'writes went on');
  deepEqual(check(good, hashed(10, 8), good), [1n], 'the leader itself is unsteady');
  deepEqual(check(good, good, good, hashed(10, 8)), [3n]);
  deepEqual(check(good, good, hashed(10, 8), hashed(10, 8)), [2n], 'the first is named, the rest may follow from it');
  deepEqual(check(good, good, hashed(10, 7, -1, 11)), [2n], 'a follower ahead of the leader');
  deepEqual(check(good, good, hashed(10, 7, 4)), [2n], 'a follower that compacted what the leader has not');
  deepEqual(check(hashed(10, 7, 2), hashed(12, 5, 4), hashed(10, 9, 4)), [], 'it compacted in between');
  deepEqual(check(hashed(10, 7, 2), hashed(12, 5, 4), hashed(10, 9, 2)), [2n], 'it did not');
  equal(cluster.now(), 'etcdserver: mvcc: required revision has been compacted');
});

test('compactions: the newest that all remember, once', () => {
  const cluster = new Cluster();
  cluster.hashes = [
    { revision: 10, hash: 1, compactRevision: -1 },
    { revision: 20, hash: 2, compactRevision: 10 },
    { revision: 30, hash: 3, compactRevision: 20 },
  ];
  cluster.answers.set('2@30', says(hashed(30, 3, 20)));
  cluster.answers.set('2@20', says(hashed(20, 2, 10)));
  cluster.answers.set('3@20', says(hashed(20, 2, 10)));
  deepEqual(cluster.compactions(), []);
  deepEqual(cluster.asked.splice(0), ['2@30', '3@30', '2@20', '3@20']);
  deepEqual(cluster.compactions(), []);
  deepEqual(cluster.asked.splice(0), ['2@30', '3@30'], 'what was equal stays equal');
  cluster.answers.set('3@30', says(hashed(30, 4, 20)));
  deepEqual(cluster.compactions(), [3n], 'two agree');
  cluster.answers.set('2@30', says(hashed(30, 4, 20)));
  deepEqual(cluster.compactions(), [1n], 'the leader is the odd one');
  cluster.answers.set('3@30', says(hashed(30, 5, 20)));
  deepEqual(cluster.compactions(), [0n], 'nobody agrees');
  cluster.answers.set('3@30', says(hashed(30, 4, 12)));
  cluster.answers.set('2@30', says(hashed(30, 3, 20)));
  deepEqual(cluster.compactions(), [], 'another compaction before it: nothing to compare');
});

test('where no key was alive, hashes say nothing and accuse nobody', () => {
  const cluster = new Cluster();
  cluster.hashes = [{ revision: 10, hash: 1, compactRevision: 4, ofNothing: true }];
  for (const id of [2, 3]) cluster.answers.set(`${id}@10`, says(hashed(10, 2, 4)));
  deepEqual(cluster.compactions(), []);
  const nothing = { ...hashed(10, 1, 4), ofNothing: true };
  cluster.local.push(nothing, { ...nothing, hash: 3 });
  equal(cluster.now(), undefined);
  deepEqual(cluster.alarms, []);
  cluster.local.push(nothing);
  equal(cluster.atStart(), undefined);
});

test('two members that differ: nobody can be named; alone, there is nobody to ask', () => {
  const two = new Cluster(2);
  two.hashes = [{ revision: 10, hash: 1, compactRevision: -1 }];
  two.answers.set('2@10', says(hashed(10, 2)));
  deepEqual(two.compactions(), [0n]);
  const alone = new Cluster(1);
  alone.hashes = two.hashes;
  alone.local.push(hashed(5, 5), hashed(5, 5), hashed(5, 5));
  deepEqual(alone.compactions(), []);
  equal(alone.atStart(), undefined);
  equal(alone.now(), undefined);
});

test('at its interval, by the leader, one at a time', () => {
  let isLeader = false;
  const begun: (() => void)[] = [];
  const timer = new CorruptionTimer({ intervalMs: 100, isLeader: () => isLeader, check: (done) => begun.push(done) });
  equal(timer.step(1000), 100);
  equal(timer.step(1060), 40);
  equal(timer.step(1100), 100);
  equal(begun.length, 0);
  isLeader = true;
  timer.step(1200);
  timer.step(1300);
  equal(begun.length, 1);
  begun[0]?.();
  timer.step(1400);
  equal(begun.length, 2);
});
