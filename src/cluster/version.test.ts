// Proves: the leader decides the cluster's version as etcd's monitor does, upwards, downwards and while some are silent.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { decideClusterVersion, downgradeDone, parseVersion } from './version.js';

const none = { enabled: false, targetVersion: '' };
const down = (targetVersion: string) => ({ enabled: true, targetVersion });
const keep = { kind: 'keep' };
const set = (version: string) => ({ kind: 'set', version });
const impossible = (from: string, version: string) => ({ kind: 'impossible', from, version });

const cases: readonly (readonly [string | undefined, readonly (string | undefined)[], typeof none, unknown])[] = [
  [undefined, ['3.7.1', undefined], none, set('3.0.0')],
  [undefined, ['3.7.1', '3.6.5'], none, set('3.6.0')],
  [undefined, ['3.7.1', 'what'], none, set('3.0.0')],
  ['3.0.0', ['3.7.1', undefined], none, keep],
  ['3.0.0', ['3.7.1', '3.7.1'], none, set('3.7.0')],
  ['3.7.0', ['3.7.1', '3.7.4'], none, keep],
  ['3.7.0', ['3.7.1', '3.6.4'], none, keep],
  ['3.7.0', ['3.7.1', '4.0.0'], none, keep],
  ['3.6.0', ['4.0.0', '4.1.0'], none, keep],
  ['3.7.0', ['3.7.1', '3.7.1'], down('3.6.0'), set('3.6.0')],
  ['3.6.0', ['3.7.1', '3.6.1'], down('3.6.0'), keep],
  ['3.7.0', ['3.7.1', '3.7.1'], down('3.5.0'), impossible('cluster-version', '3.7.0')],
  ['3.7.0', ['3.7.1', '3.6.1'], down('3.6.0'), impossible('minimal-server-version', '3.6.1')],
  ['3.7.0', ['3.7.1', undefined], down('3.6.0'), keep],
];

for (const [cluster, servers, downgrade, decision] of cases) {
  test(`${cluster} with ${servers.join()}${downgrade.enabled ? ` down to ${downgrade.targetVersion}` : ''}`, () => {
    deepEqual(decideClusterVersion({ cluster, servers, downgrade }), decision);
  });
}

test('a downgrade is over when all servers run its target', () => {
  equal(downgradeDone(['3.6.1', '3.6.9'], '3.6.0'), true);
  equal(downgradeDone(['3.6.1', '3.7.1'], '3.6.0'), false);
  equal(downgradeDone(['3.6.1', undefined], '3.6.0'), false);
});

test('what semver reads and refuses', () => {
  deepEqual(parseVersion('3.7.0-rc.1'), { major: 3, minor: 7, patch: 0 });
  equal(parseVersion('3.7'), undefined);
  equal(parseVersion('not_decided'), undefined);
});
