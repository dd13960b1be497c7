// Proves: reads that nobody answers in time fail together, and are counted, with a leader and without one.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { FewMembers } from './few-members.js';

test('a minority: while it believes in a leader, and when it has none', () => {
  const few = new FewMembers(3);
  const leader = few.untilLed();
  few.settle();
  const { counters, member } = leader.parts;
  few.isolate(Number(leader.id));
  const early = [leader.read('a'), leader.read('b')];
  few.until(() => member.leader === 0n, 'the end of its leadership');
  const late = [leader.read('a'), leader.read('b')];
  few.until(() => late.every(({ length }) => length > 0), 'answers');
  deepEqual([...early, ...late], [['timeout'], ['timeout'], ['timeout'], ['timeout']]);
  equal(counters.server.slowReadIndexes, 2, 'two rounds');
});
