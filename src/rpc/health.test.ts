// Proves: the health service knows the server and no other name, and tells those who watch of each change.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { silentLog } from '../base/log.js';
import { HealthCheckRequestSchema } from '../gen/grpc/health/v1/health_pb.js';
import type { Method } from '../wire/grpc/service.js';
import { Health } from './health.js';
import { RecordingCall } from './recording-call.js';

function ask(method: Method | undefined, service: string): RecordingCall {
  const call = new RecordingCall(method ?? { kind: 'unary', message: () => {} });
  call.write(toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service })));
  return call;
}

test('check and watch', () => {
  const health = new Health(silentLog, true);
  const methods = new Map(health.methods());
  const check = methods.get('/grpc.health.v1.Health/Check');
  const watch = methods.get('/grpc.health.v1.Health/Watch');
  const bytes = (call: RecordingCall) => call.sent.map((each) => [...each]);
  deepEqual(bytes(ask(check, '')), [[8, 1]]);
  deepEqual(ask(check, 'etcdserverpb.KV').status, { code: 5, text: 'unknown service' });
  const watching = ask(watch, '');
  const unknown = ask(watch, 'etcdserverpb.KV');
  health.defragBegan();
  health.defragBegan();
  deepEqual(bytes(ask(check, '')), [[8, 2]]);
  health.defragEnded();
  deepEqual(bytes(watching), [
    [8, 1],
    [8, 2],
    [8, 1],
  ]);
  deepEqual(bytes(unknown), [[8, 3]]);
  equal(unknown.ended, false);
  watching.cancel();
  health.defragBegan();
  equal(watching.sent.length, 3);
});

test("without its gate, defragmentation is nobody's business", () => {
  const health = new Health(silentLog, false);
  health.defragBegan();
  equal(health.isServing, true);
});
