// Proves: ids are those that etcd 3.7.1 gave the same members.
import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { idToHex } from '../base/ids.js';
import { clusterIdOf, memberIdOf } from './ids.js';

test('a cluster of one', () => {
  const id = memberIdOf(['http://127.0.0.1:26002'], 'etcd-cluster', undefined);
  equal(idToHex(id), '697c51d377acd50a');
  equal(idToHex(clusterIdOf([id])), 'a7ce5a1146f89f4b');
});

test('leading zeros are not printed', () => {
  const id = memberIdOf(['http://127.0.0.1:22002'], 'etcd-cluster', undefined);
  equal(idToHex(id), '96bb8698f482fc24');
  equal(idToHex(clusterIdOf([id])), 'd5c5e5d1308100a');
});

test('neither the order of URLs nor of members matters', () => {
  const [a, b] = ['http://a:1', 'http://b:1'];
  equal(memberIdOf([a, b], 't', undefined), memberIdOf([b, a], 't', undefined));
  const ids = [a, b].map((url) => memberIdOf([url], 't', undefined));
  equal(clusterIdOf(ids), clusterIdOf(ids.toReversed()));
});
