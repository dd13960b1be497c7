// Proves: appends of one turn that come in reverse, as from etcd 3.7, are let through in order; none is lost, doubled or held for ever.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { type MemberId, noMember } from '../../base/ids.js';
import { forSeeds } from '../../base/seeds.js';
import { type Message, messageType } from '../raftpb/types.js';
import { AppendOrder } from './append-order.js';

function append(index: number, entries: number, term = 1): Message {
  const made = Array.from({ length: entries }, (_, i) => ({
    type: 0 as const,
    term,
    index: index + 1 + i,
    data: new Uint8Array(0),
  }));
  return {
    ...{ type: messageType.app, to: 1n as MemberId, from: 2n as MemberId, term, logTerm: term, index, entries: made },
    ...{
      commit: 0,
      vote: noMember,
      snapshot: undefined,
      reject: false,
      rejectHint: 0,
      context: undefined,
      responses: [],
    },
  };
}

test('what a leader sent in turns, each in reverse, comes without a gap', () => {
  forSeeds(200, (random) => {
    const sent: Message[] = [];
    const passed: Message[] = [];
    const order = new AppendOrder((message) => passed.push(message));
    let index = 10;
    for (let turn = 0; turn < 20; turn++) {
      const batch: Message[] = [];
      for (let i = random.below(8); i >= 0; i--) {
        const next = append(index, random.below(4));
        index += next.entries.length;
        batch.push(next);
      }
      // The first message ever says where the log goes on, so it is alone.
      if (turn === 0) batch.length = 1;
      if (turn === 0) index = (batch[0] as Message).index + (batch[0] as Message).entries.length;
      sent.push(...batch);
      for (const message of batch.reverse()) order.add(message);
      equal(order.waiting, 0);
    }
    equal(new Set(passed).size, sent.length);
    equal(passed.length, sent.length);
    let end = (passed[0] as Message).index;
    for (const message of passed) {
      ok(message.index <= end, `${message.index} leaves a gap behind ${end}`);
      end = Math.max(end, message.index + message.entries.length);
    }
    equal(end, index);
  });
});

test('what leaves a gap waits until it is released, or until there are too many', () => {
  const passed: number[] = [];
  const order = new AppendOrder(({ index }) => passed.push(index));
  order.add(append(5, 1));
  order.add(append(9, 1));
  order.add(append(7, 1));
  deepEqual([passed, order.waiting], [[5], 2]);
  order.release();
  deepEqual([passed, order.waiting], [[5, 7, 9], 0]);
  for (let i = 0; i < 513; i++) order.add(append(1000 - i, 0));
  deepEqual([passed.length, order.waiting], [516, 0]);
});

test('a leader that goes back, or another term, waits for nothing', () => {
  const passed: number[] = [];
  const order = new AppendOrder(({ index }) => passed.push(index));
  for (const message of [append(5, 3), append(2, 1), append(3, 5), append(8, 0), append(20, 1), append(90, 1, 2)])
    order.add(message);
  deepEqual([passed, order.waiting], [[5, 2, 3, 8, 20, 90], 0]);
});
