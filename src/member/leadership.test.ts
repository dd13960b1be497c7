// Proves: a member that was stopped for a while asks a quorum before it acts as leader again, and believes what it hears.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { ReadWaiter } from './front.js';
import { Leadership } from './leadership.js';

class Front {
  clockMs = 0;
  isLeader = true;
  readonly rounds: ReadWaiter[] = [];
  nowMs(): number {
    return this.clockMs;
  }
  readIndex(waiter: ReadWaiter): void {
    this.rounds.push(waiter);
  }
}

test('a gap in the ticks is doubt until a round has answered', () => {
  const front = new Front();
  const leadership = new Leadership(front, 100);
  const told: string[] = [];
  const ask = (name: string) =>
    leadership.whenSure({
      confirmed: () => told.push(`${name} yes`),
      failed: (error) => told.push(`${name} ${error}`),
    });
  const tick = (afterMs: number) => {
    front.clockMs += afterMs;
    leadership.tick();
  };
  tick(100);
  tick(290);
  ask('a');
  equal(leadership.isSure, true);
  front.clockMs += 300;
  equal(leadership.isSure, false, 'in the gap itself');
  ask('b');
  tick(0);
  equal(leadership.isSure, false, 'and after it');
  ask('c');
  front.rounds.splice(0, 1)[0]?.failed('timeout');
  tick(100);
  equal(leadership.isSure, false);
  front.rounds.splice(0, 1)[0]?.confirmed();
  equal(leadership.isSure, true);
  deepEqual(told, ['a yes', 'b notPrimaryLessor', 'c yes']);
});

test('another leads by now; a round begun before a second gap says nothing about it', () => {
  const front = new Front();
  const leadership = new Leadership(front, 100);
  const told: string[] = [];
  const waiter = { confirmed: () => told.push('yes'), failed: (error: string) => told.push(error) };
  front.clockMs = 1000;
  leadership.tick();
  leadership.whenSure(waiter);
  front.clockMs = 2000;
  leadership.tick();
  front.rounds.shift()?.confirmed();
  equal(leadership.isSure, false);
  leadership.whenSure(waiter);
  front.isLeader = false;
  front.rounds.shift()?.confirmed();
  deepEqual(told, ['yes', 'notPrimaryLessor']);
});
