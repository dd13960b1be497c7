// Proves: a member finds itself among those of a running cluster by its URLs, or is told in etcd's words why it is none of them.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type Parsed, parsed, refused } from '../base/go-text.js';
import type { ClusterId, MemberId } from '../base/ids.js';
import { joiningMembers, type Named } from './initial.js';
import { incompatibility, memberAmong } from './joining.js';
import type { Member } from './member.js';
import { unresolved } from './same-urls.js';

const member = (id: bigint, ...peerUrls: string[]): Member => ({
  id: id as MemberId,
  peerUrls,
  isLearner: false,
  name: '',
  clientUrls: [],
});
const running = (...members: Member[]) => ({ id: 0xc1n as ClusterId, members });

function named(initialCluster: string, name = 'b'): Named {
  const read = joiningMembers({ name, initialCluster, token: 't' });
  if (!read.ok) throw new Error(read.why);
  return read.value;
}

const [a, b, c] = ['http://h:1', 'http://localhost:2', 'http://h:3'];
const found = (read: Parsed<Member>) => (read.ok ? read.value.id : read.why);

test('it is the one with its URLs, and has the id that the cluster gave it', () => {
  const cluster = running(member(0xa1n, a), member(0xa2n, 'http://127.0.0.1:2'));
  equal(found(memberAmong(named(`a=${a},b=${b}`), cluster, unresolved)), 0xa2n);
});

test('names that lead to the same address are the same', () => {
  const cluster = running(member(0xa2n, 'http://10.0.0.1:3'));
  const resolve = (urls: readonly string[]) => parsed(urls.map((url) => url.replace('//h:', '//10.0.0.1:')));
  equal(found(memberAmong(named(`b=${c}`), cluster, resolve)), 0xa2n);
});

test('another number of members', () => {
  const text = found(memberAmong(named(`b=${b}`), running(member(1n, a), member(2n, b)), unresolved));
  const one = '&{ID:1 RaftAttributes:{PeerURLs:[http://h:1] IsLearner:false} Attributes:{Name: ClientURLs:[]}}';
  const two = one.replace('ID:1', 'ID:2').replace('h:1', 'localhost:2');
  const cluster = `{ClusterID:c1 Members:[${one} ${two}] RemovedMemberIDs:[]}`;
  equal(text, `error validating peerURLs ${cluster}: member count is unequal`);
});

test('a member of the cluster that the flags do not name', () => {
  const cluster = running(member(0xa2n, b), member(0xa1n, a));
  const tell = (resolve: typeof unresolved) => {
    const text = String(found(memberAmong(named(`a=${c},b=${b}`), cluster, resolve)));
    return text.slice(text.indexOf('PeerURLs: no'));
  };
  const start = 'PeerURLs: no match found for existing member (a1, [http://h:1]), last resolver error';
  // The last that was compared was b, or a: in the order of the ids that they would have if the cluster were new.
  equal(tell(unresolved).startsWith(`${start} (resolved urls: "http://h:1" != "`), true);
  equal(
    tell(() => refused('no such host')),
    `${start} (no such host)`,
  );
});

test('what the flags themselves get wrong', () => {
  const tell = (initialCluster: string) => joiningMembers({ name: 'b', initialCluster, token: 't' });
  deepEqual(tell(`a=${a}`), refused('couldn\'t find local name "b" in the initial cluster configuration'));
  deepEqual(tell(`a=${a},b=${a}`), refused(`initial cluster a=${a},b=${a} has duplicate url`));
});

test('a cluster of another version', () => {
  const seen = (...versions: (string | undefined)[]) =>
    versions.map((clusterVersion, i) => ({ id: BigInt(i + 1) as MemberId, clusterVersion }));
  equal(incompatibility(seen('3.7.0', undefined), false), undefined);
  equal(incompatibility(seen('3.0.0', 'not_decided'), false), undefined);
  deepEqual(incompatibility(seen('not_decided', undefined), false), { bound: 'unknown' });
  deepEqual(incompatibility(seen('3.7.0', '3.8.0'), false), { bound: 'high', id: 2n, clusterVersion: '3.8.0' });
  deepEqual(incompatibility(seen('2.3.0'), false), { bound: 'low', id: 1n, clusterVersion: '2.3.0' });
  // A cluster on its way down to this version still is one version above it, and no other cluster fits.
  equal(incompatibility(seen('3.8.0'), true), undefined);
  deepEqual(incompatibility(seen('3.7.0'), true), { bound: 'low', id: 1n, clusterVersion: '3.7.0' });
});
