// Proves: the first members are read as etcd 3.7.1 reads them, and refused in its words, which were recorded from it.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { bootstrapMembers, initialMembers } from './initial.js';
import { unresolved } from './same-urls.js';

const [a, b] = ['http://127.0.0.1:8', 'http://127.0.0.1:9'];

const cases: readonly (readonly [string, string, readonly string[], string])[] = [
  ['default', '', [a], 'couldn\'t find local name "default" in the initial cluster configuration'],
  ['q', `z=${a}`, [a], 'couldn\'t find local name "q" in the initial cluster configuration'],
  ['z', 'z', [a], 'error setting up initial cluster: URL scheme must be http, https, unix, or unixs: '],
  [
    'z',
    `z=${b}`,
    [a],
    `--initial-cluster has z=${b} but missing from --initial-advertise-peer-urls=${a} (resolved urls: "${a}" != "${b}")`,
  ],
  [
    'z',
    `z=${b},z=${a}`,
    [b],
    `--initial-cluster has z=${a} but missing from --initial-advertise-peer-urls=${b} (len(["${b}"]) != len(["${a}" "${b}"]))`,
  ],
  ['z', `z=${b}`, [a, b], `--initial-advertise-peer-urls has ${a} but missing from --initial-cluster=z=${a},z=${b}`],
  ['z', `z=${b},y=${b}`, [b], `initial cluster y=${b},z=${b} has duplicate url`],
];

for (const [name, initialCluster, advertisePeerUrls, why] of cases) {
  test(`${name} of ${initialCluster} at ${advertisePeerUrls.join()}`, () => {
    deepEqual(bootstrapMembers({ name, initialCluster, token: 't', advertisePeerUrls }, unresolved), {
      ok: false,
      why,
    });
  });
}

test('a cluster of one', () => {
  const local = { name: 'z', initialCluster: `z=${a},`, token: 't', advertisePeerUrls: ['http://localhost:8'] };
  const read = bootstrapMembers(local, unresolved);
  if (!read.ok) throw new Error(read.why);
  deepEqual(read.value.members, [read.value.own]);
  deepEqual(read.value.own.peerUrls, [a]);
});

test('two members, by id', () => {
  const read = initialMembers(`x=${a},y=${b}`, 't');
  if (!read.ok) throw new Error(read.why);
  equal(read.value.length, 2);
  equal((read.value[0]?.id ?? 0n) < (read.value[1]?.id ?? 0n), true);
});
