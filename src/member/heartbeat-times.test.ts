// Proves: a heartbeat later than two intervals after the one before is counted, for each member apart, and none after a change of leader.
import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import type { MemberId } from '../base/ids.js';
import { silentLog } from '../base/log.js';
import { HeartbeatTimes } from './heartbeat-times.js';

test('late heartbeats', () => {
  const counters = { heartbeatSendFailures: 0 };
  const times = new HeartbeatTimes({ heartbeatMs: 100, log: silentLog, counters });
  const counts: number[] = [];
  const send = (to: bigint, nowMs: number) => {
    times.sent(to as MemberId, nowMs);
    counts.push(counters.heartbeatSendFailures);
  };
  send(2n, 1000);
  send(3n, 1150);
  send(2n, 1200);
  send(2n, 1401);
  send(3n, 1401);
  times.reset();
  send(2n, 9000);
  deepEqual(counts, [0, 0, 0, 1, 2, 2]);
});
