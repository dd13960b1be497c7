// Proves: a stream that wants a leader ends when there has been none for three election timeouts, and no sooner; and messages that
// come while the store is being replaced are handed on afterwards, in their order.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, utf8 } from '../base/bytes.js';
import { type MemberId, noMember } from '../base/ids.js';
import type { Call, Method } from '../wire/grpc/service.js';
import { LeaderWatch } from './leader-watch.js';
import { RecordingCall } from './recording-call.js';
import { ServedMethod, Waiting } from './served-method.js';

const one = 1n as MemberId;
const noLeader = { code: 14, text: 'etcdserver: no leader' };

class Seen implements Method {
  readonly told: string[] = [];

  constructor(readonly kind: Method['kind']) {}

  open(): void {
    this.told.push('open');
  }

  message(_: Call, bytes: Bytes, start: number, end: number): void {
    this.told.push(String.fromCharCode(...bytes.subarray(start, Math.min(end, start + 9))));
  }

  halfClosed(): void {
    this.told.push('halfClosed');
  }

  canceled(): void {
    this.told.push('canceled');
  }
}

class Store {
  active = false;
  #waiting: (() => void)[] = [];

  whenWhole(then: () => void): void {
    if (this.active) this.#waiting.push(then);
    else then();
  }

  end(): void {
    this.active = false;
    for (const then of this.#waiting.splice(0)) then();
  }
}

function served(kind: Method['kind'] = 'bidi') {
  const front = { leader: one };
  const leaders = new LeaderWatch(front, 1000);
  const store = new Store();
  const seen = new Seen(kind);
  const waiting = new Waiting();
  return {
    front,
    leaders,
    store,
    seen,
    method: new ServedMethod(seen, { restoring: store, leaders, waiting }),
    waiting,
  };
}

test('only streams that ask for it end, after three looks without a leader in a row', () => {
  const { front, leaders, seen, method } = served();
  const careful = new RecordingCall(method, '/w', { hasleader: 'true' });
  const careless = new RecordingCall(method, '/w');
  const gone = new RecordingCall(method, '/w', { hasleader: 'true' });
  gone.cancel();
  equal(leaders.streams, 1);
  leaders.tick(0);
  front.leader = noMember;
  for (const nowMs of [500, 1000, 1900, 2000]) leaders.tick(nowMs);
  front.leader = one;
  leaders.tick(3000);
  front.leader = noMember;
  for (const nowMs of [4000, 5000]) leaders.tick(nowMs);
  equal(careful.status, undefined);
  leaders.tick(6000);
  deepEqual(careful.status, noLeader);
  equal(careless.status, undefined);
  deepEqual(seen.told, ['open', 'open', 'open', 'canceled', 'canceled']);
  equal(leaders.streams, 0);
});

test('a stream that wants a leader is not opened without one', () => {
  const { front, seen, method } = served();
  front.leader = noMember;
  deepEqual(new RecordingCall(method, '/w', { hasleader: 'true' }).status, noLeader);
  equal(new RecordingCall(method, '/w').status, undefined);
  deepEqual(seen.told, ['open']);
});

test('messages wait for a store that is being replaced', () => {
  const { store, seen, method } = served();
  const call = new RecordingCall(method, '/w');
  const other = new RecordingCall(method, '/w');
  call.write(utf8('a'));
  store.active = true;
  const bytes = utf8('b');
  call.write(bytes);
  bytes[0] = 0;
  other.write(utf8('x'));
  other.cancel();
  call.write(utf8('c'));
  method.halfClosed(call);
  deepEqual(seen.told.slice(2), ['a', 'canceled']);
  store.end();
  call.write(utf8('d'));
  deepEqual(seen.told.slice(4), ['b', 'c', 'halfClosed', 'd']);
});

test('what waits has a bound', () => {
  const { store, seen, method, waiting } = served('unary');
  store.active = true;
  const calls = Array.from({ length: 70 }, () => new RecordingCall(method, '/p'));
  for (const call of calls) call.write(new Uint8Array(1 << 20));
  equal(calls.filter(({ status }) => status?.text === 'etcdserver: too many requests').length, 7);
  store.end();
  equal(seen.told.length, 70 + 63);
  equal(waiting.bytes, 0);
});
