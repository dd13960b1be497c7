// Proves: a member publishes itself through whoever leads, asks at once the next leader, and again after a snapshot, and is done when
// any of it has been done.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { RequestField } from '../apply/request-field.js';
import { type ClusterId, type MemberId, noMember } from '../base/ids.js';
import { silentLog } from '../base/log.js';
import type { ProposalWaiter } from './front.js';
import { Publication } from './publication.js';

class Front {
  readonly memberId = 1n as MemberId;
  readonly clusterId = 1n as ClusterId;
  readonly requestTimeoutMs = 7000;
  leader: MemberId = noMember;
  term = 1;
  readonly asked: ProposalWaiter[] = [];
  propose(_field: RequestField, _bytes: Uint8Array, _start: number, _end: number, waiter: ProposalWaiter): void {
    this.asked.push(waiter);
  }
  leads(id: bigint, term: number): void {
    this.leader = id as MemberId;
    this.term = term;
  }
}

function begin() {
  const front = new Front();
  const publication = new Publication({ name: 'a', clientUrls: [] }, front, silentLog);
  const told: string[] = [];
  publication.whenDone(() => told.push('done'));
  return { front, publication, told };
}

test('it is asked once of each leader, not before there is one, and told once', () => {
  const { front, publication, told } = begin();
  publication.tick();
  equal(front.asked.length, 0);
  front.leads(2n, 2);
  publication.tick();
  publication.tick();
  equal(front.asked.length, 1);
  front.leads(3n, 3);
  publication.tick();
  equal(front.asked.length, 2);
  front.asked[0]?.failed('timeout');
  publication.tick();
  equal(front.asked.length, 2, 'the next leader has been asked already');
  front.asked[1]?.applied({ kind: 'done', revision: 1 });
  front.leads(2n, 4);
  publication.tick();
  deepEqual([publication.done, told, front.asked.length], [true, ['done'], 2]);
});

test('what the leader before was asked counts when it comes true after all', () => {
  const { front, publication, told } = begin();
  front.leads(2n, 2);
  publication.tick();
  front.leads(3n, 3);
  publication.tick();
  front.asked[0]?.applied({ kind: 'done', revision: 1 });
  front.asked[1]?.failed('timeout');
  deepEqual([publication.done, told], [true, ['done']]);
});

test('it is asked again of a leader that did not do it', () => {
  const { front, publication, told } = begin();
  front.leads(2n, 2);
  publication.tick();
  front.asked[0]?.failed('timeout');
  publication.tick();
  equal(front.asked.length, 2);
  deepEqual(told, []);
});

test('it is asked again after a snapshot, of whoever leads then, and not while one is taken in', () => {
  const { front, publication, told } = begin();
  front.leads(2n, 2);
  publication.tick();
  publication.began();
  front.leads(3n, 3);
  publication.tick();
  equal(front.asked.length, 1);
  publication.ended();
  equal(front.asked.length, 2);
  publication.tick();
  publication.began();
  front.leads(noMember, 3);
  publication.ended();
  equal(front.asked.length, 2, 'nobody leads');
  front.leads(3n, 3);
  publication.tick();
  publication.tick();
  equal(front.asked.length, 3);
  for (const lost of [0, 1]) front.asked[lost]?.failed('timeout');
  publication.tick();
  equal(front.asked.length, 3, 'the last has not been answered');
  front.asked[2]?.applied({ kind: 'done', revision: 1 });
  publication.began();
  publication.ended();
  deepEqual([publication.done, told, front.asked.length], [true, ['done'], 3]);
});

test('what was asked before a snapshot counts when it comes true after it', () => {
  const { front, publication, told } = begin();
  front.leads(2n, 2);
  publication.tick();
  publication.began();
  publication.ended();
  equal(front.asked.length, 2);
  front.asked[0]?.applied({ kind: 'done', revision: 1 });
  front.asked[1]?.applied({ kind: 'done', revision: 1 });
  deepEqual([publication.done, told], [true, ['done']]);
});
