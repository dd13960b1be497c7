// Proves: a recorded membership reads back as it was, ids exact to 64 bits, and looks as etcd writes it.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { text } from '../base/bytes.js';
import type { MemberId } from '../base/ids.js';
import { decodeConfState, encodeConfState } from './conf-state-record.js';

const id = (value: bigint) => value as MemberId;
const none = { learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };

test('one voter', () => {
  const state = { ...none, voters: [id(7601040239782319370n)] };
  equal(text(encodeConfState(state)), '{"voters":[7601040239782319370],"auto_leave":false}');
  deepEqual(decodeConfState(encodeConfState(state)), state);
});

test('a joint membership', () => {
  const state = {
    voters: [id(1n), id(18446744073709551615n)],
    learners: [id(3n)],
    votersOutgoing: [id(1n), id(4n)],
    learnersNext: [id(5n)],
    autoLeave: true,
  };
  deepEqual(decodeConfState(encodeConfState(state)), state);
});
