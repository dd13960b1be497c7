// Proves: the leader sets the cluster's version by what all servers say, takes it down when asked to, and ends a downgrade that is
// done; every member's storage version follows.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { utf8 } from '../base/bytes.js';
import type { MemberId } from '../base/ids.js';
import type { ErrorName } from '../wire/errors.js';
import { FewMembers } from './few-members.js';

/** Servers of these versions, by member; an empty one does not answer. */
function runs(few: FewMembers, versions: Record<number, string>): void {
  few.answer = ({ id }, { path }, answered) => {
    const version = path === '/version' ? (versions[Number(id)] ?? '3.7.1') : '';
    if (version === '') answered(undefined);
    else answered({ status: 200, body: utf8(`{"etcdserver":"${version}","etcdcluster":"3.0.0"}`) });
  };
}

function led(versions: Record<number, string>): FewMembers {
  const few = new FewMembers(3);
  runs(few, versions);
  const leader = few.untilLed();
  if (leader.id !== 1n) leader.member.transferLeader(1n as MemberId);
  few.until(() => few.leader?.id === 1n, 'member 1 leads');
  few.pass(5000);
  return few;
}

const versionsOf = (few: FewMembers) => few.ones.map(({ parts }) => parts.members.version);
const storedBy = (few: FewMembers) => few.ones.map(({ parts }) => parts.storageVersion.current);

test('as high as all allow', () => {
  const few = led({});
  deepEqual(versionsOf(few), ['3.7.0', '3.7.0', '3.7.0']);
  deepEqual(storedBy(few), ['3.7.0', '3.7.0', '3.7.0']);
});

test('the lowest of all, then higher as servers are replaced', () => {
  const few = led({ 2: '3.6.4' });
  deepEqual(versionsOf(few), ['3.6.0', '3.6.0', '3.6.0']);
  runs(few, {});
  few.pass(5000);
  deepEqual(versionsOf(few), ['3.7.0', '3.7.0', '3.7.0']);
});

test('the lowest there is while some are silent', () => {
  const few = led({ 2: '' });
  deepEqual(versionsOf(few), ['3.0.0', '3.0.0', '3.0.0']);
  deepEqual(storedBy(few), [undefined, undefined, undefined]);
});

test('down by one minor, and up again when the servers did not follow', () => {
  const few = led({});
  const { downgrades } = few.one(2).parts;
  const told: (ErrorName | undefined)[] = [];
  const ask = (request: (ended: (error: ErrorName | undefined) => void) => void) => {
    request((error) => told.push(error));
    few.settle();
  };
  ask((ended) => downgrades.cancel(ended));
  ask((ended) => downgrades.validate('3.5', ended));
  ask((ended) => downgrades.enable('three', ended));
  ask((ended) => downgrades.validate('3.6.9', ended));
  ask((ended) => downgrades.enable('3.6', ended));
  deepEqual(told, ['noDowngrade', 'downgradeTargetInvalid', 'downgradeVersionFormat', undefined, undefined]);
  deepEqual(few.one(3).parts.members.downgrade, { enabled: true, targetVersion: '3.6.0' });
  few.pass(5000);
  deepEqual(versionsOf(few), ['3.6.0', '3.6.0', '3.6.0']);
  deepEqual(storedBy(few), ['3.6.0', '3.6.0', '3.6.0']);
  ask((ended) => downgrades.enable('3.5', ended));
  ask((ended) => downgrades.cancel(ended));
  deepEqual(told.slice(-2), ['downgradeInProcess', undefined]);
  few.pass(5000);
  deepEqual(versionsOf(few), ['3.7.0', '3.7.0', '3.7.0']);
});

test('a member of a lower version than its cluster does not go on', () => {
  const few = led({});
  const { members, events } = few.one(1).parts;
  members.setVersion('3.8.0');
  let text = '';
  try {
    events.loaded();
  } catch (error) {
    text = error instanceof Error ? error.message : '';
  }
  equal(text, 'invalid downgrade; server version is lower than determined cluster version');
});
