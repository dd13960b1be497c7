// Proves: chores run when due, rest as asked, wake early, and may end or wake themselves from within a step.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type Chore, Chores } from './chores.js';

test('a chore rests as long as it asked', () => {
  const chores = new Chores();
  const ran: number[] = [];
  chores.wake({ step: (now) => ran.push(now) && 10 });
  equal(chores.run(100), 10);
  equal(chores.run(105), 5);
  equal(chores.run(110), 10);
  deepEqual(ran, [100, 110]);
});

test('a chore that asks for Infinity runs again only when woken', () => {
  const chores = new Chores();
  let runs = 0;
  let told = 0;
  chores.onWake(() => told++);
  const chore = {
    step: () => {
      runs++;
      return Number.POSITIVE_INFINITY;
    },
  };
  chores.wake(chore);
  equal(chores.run(0), Number.POSITIVE_INFINITY);
  equal(chores.run(1000), Number.POSITIVE_INFINITY);
  equal(runs, 1);
  chores.wake(chore);
  chores.run(1001);
  equal(runs, 2);
  equal(told, 2);
});

test('a step may wake or remove its own chore', () => {
  const chores = new Chores();
  let runs = 0;
  const waker: Chore = {
    step: () => {
      if (++runs < 3) chores.wake(waker);
      return Number.POSITIVE_INFINITY;
    },
  };
  chores.wake(waker);
  equal(chores.run(5), Number.POSITIVE_INFINITY);
  const remover: Chore = {
    step: () => {
      chores.remove(remover);
      return 0;
    },
  };
  chores.wake(remover);
  equal(chores.run(6), Number.POSITIVE_INFINITY);
});
