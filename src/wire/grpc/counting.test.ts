// Proves: each call and message is counted once for its method, whichever way the call ends.
import { deepEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { utf8 } from '../../base/bytes.js';
import { Counters } from '../../base/counters.js';
import { countMethods } from '../../http/grpc-metrics.js';
import { CallHead } from './client-call.js';
import { Pipe } from './pipe.js';
import { createGrpcServer } from './server.js';
import { grpcCode, type Method } from './service.js';

const unary: Method = {
  kind: 'unary',
  message: (call, bytes, start, end) => {
    if (end > start) call.reply(bytes, start, end);
    else call.fail(grpcCode.notFound, 'nothing');
  },
};
const chat: Method = {
  kind: 'bidi',
  message: (call, bytes, start, end) => call.send(bytes, start, end),
  halfClosed: (call) => call.end(),
};
const events = { message: () => {}, ended: () => {} };

test('counts', () => {
  const services = new Map([
    ['/t.T/Unary', unary],
    ['/t.T/Chat', chat],
  ]);
  const counters = new Counters();
  const pipe = new Pipe(createGrpcServer(services, { counters: countMethods(counters, services) }));
  const unaryHead = new CallHead('/t.T/Unary', 'h');
  for (const body of ['a', 'b', '']) pipe.client.call(unaryHead, utf8(body), events);
  pipe.client.call(new CallHead('/t.T/None', 'h'), utf8('a'), events);
  const chatHead = new CallHead('/t.T/Chat', 'h');
  const [ended, canceled] = [pipe.client.open(chatHead, events), pipe.client.open(chatHead, events)];
  for (const call of [ended, canceled]) call.send(utf8('x'));
  ended.send(utf8('y'));
  ended.halfClose();
  pipe.settle();
  canceled.cancel();
  pipe.settle();
  const seen = counters.methods.map((method) => {
    const codes = [...method.handled.entries()].filter(([, count]) => count > 0);
    return [method.path, method.started, method.received, method.sent, codes];
  });
  deepEqual(seen, [
    [
      '/t.T/Unary',
      3,
      3,
      2,
      [
        [grpcCode.ok, 2],
        [grpcCode.notFound, 1],
      ],
    ],
    [
      '/t.T/Chat',
      2,
      3,
      3,
      [
        [grpcCode.ok, 1],
        [grpcCode.canceled, 1],
      ],
    ],
  ]);
});
