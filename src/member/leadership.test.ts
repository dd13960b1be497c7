// Proves: a leader is believed for less than an election timeout after it asked a quorum, and not when another leads by then.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { ReadWaiter } from './front.js';
import { Leadership } from './leadership.js';

class Front {
  clockMs = 0;
  isLeader = true;
  isHandingOver = false;
  term = 5;
  readonly rounds: ReadWaiter[] = [];
  readonly told: string[] = [];
  readonly leadership = new Leadership(this, { heartbeatMs: 100, electionMs: 1000 });

  nowMs(): number {
    return this.clockMs;
  }

  readIndex(waiter: ReadWaiter): void {
    this.rounds.push(waiter);
  }

  ask(name: string): void {
    this.leadership.whenSure({
      confirmed: () => this.told.push(`${name} yes`),
      failed: (error) => this.told.push(`${name} ${error}`),
    });
  }
}

test('an answer holds from when it was asked for', () => {
  const front = new Front();
  equal(front.leadership.isSure, false);
  front.ask('a');
  front.clockMs = 500;
  front.ask('b');
  front.rounds.shift()?.confirmed();
  front.clockMs = 799;
  front.ask('c');
  equal(front.rounds.length, 1);
  front.clockMs = 800;
  equal(front.leadership.isSure, false);
  front.rounds.shift()?.confirmed();
  front.clockMs = 1299;
  equal(front.leadership.isSure, true);
  front.clockMs = 1300;
  front.ask('d');
  front.rounds.shift()?.failed('timeout');
  deepEqual(front.told, ['a yes', 'c yes', 'b yes', 'd notPrimaryLessor']);
});

test('another leads by now; a late answer to an old question proves nothing for long', () => {
  const front = new Front();
  front.ask('a');
  front.clockMs = 5000;
  front.rounds.shift()?.confirmed();
  equal(front.leadership.isSure, false);
  front.ask('b');
  front.isLeader = false;
  front.rounds.shift()?.confirmed();
  deepEqual(front.told, ['a yes', 'b notPrimaryLessor']);
});

test('a leader that has begun to hand over is asked about each time, until the next term', () => {
  const front = new Front();
  front.ask('a');
  front.rounds.shift()?.confirmed();
  equal(front.leadership.isSure, true);
  front.isHandingOver = true;
  equal(front.leadership.isSure, false);
  front.leadership.tick();
  front.isHandingOver = false;
  front.ask('b');
  front.rounds.shift()?.confirmed();
  equal(front.leadership.isSure, false);
  front.term = 6;
  front.ask('c');
  deepEqual(front.told, ['a yes', 'b yes', 'c yes']);
  front.clockMs = 900;
  equal(front.leadership.isSure, false);
});
