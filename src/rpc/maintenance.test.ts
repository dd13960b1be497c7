// Proves: Status answers whatever the quota and the alarms are.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { AlarmBook } from '../apply/alarm-book.js';
import { noBytes } from '../base/bytes.js';
import { AlarmType, StatusResponseSchema } from '../gen/etcdserverpb/rpc_pb.js';
import type { Method } from '../wire/grpc/service.js';
import { maintenanceMethods } from './maintenance.js';
import { RecordingCall } from './recording-call.js';
import { SoloMember } from './solo-member.js';

function statusWith(quotaBytes: number, alarmType?: number) {
  const { answers, values, memberId } = new SoloMember();
  const alarms = new AlarmBook(values);
  if (alarmType !== undefined) alarms.activate(memberId, alarmType);
  const sizes = { raftIndex: 9, appliedIndex: 8, sizeBytes: () => 100, sizeInUseBytes: () => 50 };
  const standing = { storageVersion: '3.7.0', isLearner: false, downgrade: { enabled: false, targetVersion: '' } };
  const keeper = { alarms, quotaBytes, ...sizes, ...standing, defragment() {}, hash() {}, hashKv() {} };
  const status = new Map(maintenanceMethods(answers, keeper, { defragBegan() {}, defragEnded() {} })).get(
    '/etcdserverpb.Maintenance/Status',
  );
  const call = new RecordingCall(status as Method);
  call.write(noBytes);
  return fromBinary(StatusResponseSchema, call.sent[0] ?? noBytes);
}

test('a quota that is none is answered as etcd answers the flag', () => {
  equal(statusWith(Number.POSITIVE_INFINITY).dbSizeQuota, -1n);
  equal(statusWith(8 * 2 ** 30).dbSizeQuota, 8n * 2n ** 30n);
});

test('alarms are listed, one of an unknown kind by its number', () => {
  deepEqual(statusWith(1, AlarmType.NOSPACE).errors, ['memberID:162 alarm:NOSPACE']);
  deepEqual(statusWith(1, 7).errors, ['memberID:162 alarm:7']);
});
