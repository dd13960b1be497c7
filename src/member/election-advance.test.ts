// Proves: a member that starts waits less for a leader once it has met two others, and not when there is one, or it leads itself.
import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { type MemberId, noMember } from '../base/ids.js';
import { silentLog } from '../base/log.js';
import { ElectionAdvance } from './election-advance.js';

const options = { electionMs: 1000, heartbeatMs: 100, initialElectionTickAdvance: true };

function begin(given: Partial<typeof options> = {}) {
  const advanced: number[] = [];
  const active = new Set<bigint>();
  const member = { memberId: 1n as MemberId, leader: noMember, advance: (ticks: number) => advanced.push(ticks) };
  const list = () =>
    [1n, 2n, 3n].map((id) => ({ id: id as MemberId, name: '', peerUrls: [], clientUrls: [], isLearner: false }));
  const peers = { activeSinceMs: (id: MemberId) => (active.has(id) ? 0 : undefined) };
  const advance = new ElectionAdvance({ ...options, ...given }, { member, members: { list }, peers, log: silentLog });
  advance.tick(0);
  return { advance, advanced, active, member };
}

test('two others are met, once', () => {
  const { advance, advanced, active } = begin();
  active.add(2n);
  advance.tick(100);
  deepEqual(advanced, []);
  active.add(3n);
  advance.tick(200);
  advance.tick(300);
  deepEqual(advanced, [8]);
});

test('whoever knows a leader keeps its patience, for good', () => {
  const { advance, advanced, active, member } = begin();
  member.leader = 2n as MemberId;
  advance.tick(100);
  member.leader = noMember;
  active.add(2n).add(3n);
  advance.tick(200);
  deepEqual(advanced, []);
});

test('too late, or not wanted', () => {
  const { advance, advanced, active } = begin();
  active.add(2n).add(3n);
  advance.tick(5000);
  advance.tick(5100);
  deepEqual(advanced, []);
  const other = begin({ initialElectionTickAdvance: false });
  other.active.add(2n).add(3n);
  other.advance.tick(100);
  deepEqual(other.advanced, []);
});
