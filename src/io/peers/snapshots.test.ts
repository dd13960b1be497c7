// Proves: over real sockets, snapshots cross whole, no faster than they are taken in, and what is cut short or spoiled leaves
// nothing behind.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { Random } from '../../base/random.js';
import { messageType } from '../../wire/raftpb/types.js';
import { a, b, closeAll, pair, snapMessage, TestDump, until } from './places.js';

afterEach(closeAll);

test('a snapshot arrives whole, made no faster than it is taken in, and its message after it', async () => {
  const { left, right, stop } = await pair();
  right.intakeDelayMs = 2;
  const dump = new TestDump(new Random(3).bytes(8_000_000));
  let arrived: boolean | undefined;
  let aheadMax = 0;
  left.transport?.sendSnapshot(b, snapMessage(a, b, dump), dump, (ok) => {
    arrived = ok;
  });
  const watch = setInterval(() => {
    const taken = right.intakes[0]?.pieces.reduce((sum, piece) => sum + piece.length, 0) ?? 0;
    aheadMax = Math.max(aheadMax, dump.pulled - taken);
  }, 1);
  await until(() => arrived !== undefined, 'snapshot');
  clearInterval(watch);
  equal(arrived, true);
  equal(dump.closed, 1);
  ok(right.intakes[0]?.kept?.equals(dump.bytes));
  ok(aheadMax < 7_000_000, `${aheadMax} bytes ahead`);
  deepEqual(
    right.received.map(({ type }) => type),
    [messageType.snap],
  );
  equal(left.counters.of('b2').snapshotsSent, 1);
  equal(right.counters.of('a1').snapshotsReceived, 1);
  equal(right.counters.of('a1').snapshotsReceiving, 0);
  stop();
});

test('a snapshot of one piece is kept only when that piece is written', async () => {
  const { left, right, stop } = await pair();
  right.intakeDelayMs = 20;
  const dump = new TestDump(new Random(4).bytes(1000));
  let arrived: boolean | undefined;
  left.transport?.sendSnapshot(b, snapMessage(a, b, dump), dump, (ok) => {
    arrived = ok;
  });
  await until(() => arrived !== undefined, 'snapshot');
  equal(arrived, true);
  ok(right.intakes[0]?.kept?.equals(dump.bytes));
  stop();
});

test('a snapshot cut short leaves nothing behind, and both sides say so', async () => {
  const { left, right, stop } = await pair();
  right.intakeDelayMs = 10;
  const dump = new TestDump(new Uint8Array(20_000_000));
  let arrived: boolean | undefined;
  left.transport?.sendSnapshot(b, snapMessage(a, b, dump), dump, (ok) => {
    arrived = ok;
  });
  await until(() => right.intakes[0] !== undefined && right.intakes[0].pieces.length > 2, 'begin');
  left.transport?.stop();
  await until(() => right.intakes[0]?.aborted === true && arrived !== undefined, 'abort');
  equal(arrived, false);
  equal(dump.closed, 1);
  equal(right.received.length, 0);
  equal(right.counters.of('a1').snapshotsUnreceived, 1);
  ok(right.log.has('failed to save incoming database snapshot'));
  ok(left.log.has('failed to send database snapshot'));
  stop();
});
