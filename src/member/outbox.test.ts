// Proves: messages that are put together say what they said alone, to whom they said it, and nothing else is held back.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { MemberId } from '../base/ids.js';
import { newMessage } from '../raft/message.js';
import { type Message, messageType } from '../wire/raftpb/types.js';
import { Outbox } from './outbox.js';

const { app, appResp, heartbeat } = messageType;

function run(messages: readonly (readonly [Message['type'], bigint, Partial<Message>])[]): string[] {
  const sent: string[] = [];
  const outbox = new Outbox(({ type, to, index, entries, commit, reject }) => {
    const first = entries[0]?.index ?? 0;
    sent.push(`${type}>${to} ${reject ? 'not ' : ''}${index} [${first}+${entries.length}] ${commit}`);
  });
  for (const [type, to, fields] of messages) outbox.add({ ...newMessage(type, to as MemberId), term: 3, ...fields });
  outbox.flush();
  outbox.flush();
  return sent;
}

const entries = (from: number, to: number, bytes = 1) =>
  Array.from({ length: to - from + 1 }, (_, i) => ({
    type: 0 as const,
    term: 3,
    index: from + i,
    data: new Uint8Array(bytes),
  }));

test('appends that follow each other are one, each follower for itself', () => {
  deepEqual(
    run([
      [app, 2n, { index: 4, commit: 3 }],
      [app, 3n, { index: 2, entries: entries(3, 4), commit: 3 }],
      [app, 2n, { index: 4, entries: entries(5, 6), commit: 4 }],
      [app, 2n, { index: 6, entries: entries(7, 7), commit: 4 }],
      [app, 2n, { index: 7, commit: 6 }],
    ]),
    ['3>2 4 [5+3] 6', '3>3 2 [3+2] 3'],
  );
});

test('what does not follow, is of another term, or would be too long, goes by itself and in order', () => {
  const large = 700_000;
  deepEqual(
    run([
      [app, 2n, { index: 4, entries: entries(5, 5) }],
      [app, 2n, { index: 2, entries: entries(3, 4) }],
      [app, 2n, { index: 4, entries: entries(5, 5), term: 4 }],
      [app, 2n, { index: 5, entries: entries(6, 6, large), term: 4 }],
      [app, 2n, { index: 6, entries: entries(7, 7, large), term: 4 }],
    ]),
    ['3>2 4 [5+1] 0', '3>2 2 [3+2] 0', '3>2 4 [5+2] 0', '3>2 6 [7+1] 0'],
  );
});

test('the newest acknowledgement stands for those before it; refusals and the rest go at once', () => {
  const sent = run([
    [appResp, 2n, { index: 5 }],
    [appResp, 2n, { index: 9, reject: true }],
    [heartbeat, 2n, { commit: 1 }],
    [appResp, 2n, { index: 8 }],
    [appResp, 2n, { index: 8, term: 4 }],
    [appResp, 3n, { index: 1 }],
  ]);
  deepEqual(sent.slice(0, 2), ['4>2 not 9 [0+0] 0', '8>2 0 [0+0] 1']);
  deepEqual(sent.slice(2), ['4>2 8 [0+0] 0', '4>2 8 [0+0] 0', '4>3 1 [0+0] 0']);
  equal(sent.length, 5);
});
