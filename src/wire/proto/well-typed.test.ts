// Proves: a known field of the wrong wire type is passed over, as Go does, at any depth, and nothing else is lost.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { AlarmResponseSchema, LeaseGrantRequestSchema } from '../../gen/etcdserverpb/rpc_pb.js';
import { decodeGenerated } from '../messages/generated.js';

test('TTL as eight fixed bytes is no TTL', () => {
  const bytes = Uint8Array.from(Buffer.from('0938078549533814c6', 'hex'));
  const decoded = decodeGenerated(LeaseGrantRequestSchema, bytes, 0, bytes.length);
  equal(decoded.ok && decoded.message.TTL, 0n);
});

test('what stands beside it is kept', () => {
  const bytes = Uint8Array.of(0x10, 7, 0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x08, 9);
  const decoded = decodeGenerated(LeaseGrantRequestSchema, bytes, 0, bytes.length);
  deepEqual(decoded.ok && [decoded.message.TTL, decoded.message.ID], [9n, 7n]);
});

test('inside an inner message too', () => {
  const bytes = Uint8Array.of(0x12, 7, 0x08, 5, 0x15, 1, 2, 3, 4);
  const decoded = decodeGenerated(AlarmResponseSchema, bytes, 0, bytes.length);
  equal(decoded.ok && decoded.message.alarms[0]?.memberID, 5n);
});

test('bytes that are no message stay refused', () => {
  equal(decodeGenerated(LeaseGrantRequestSchema, Uint8Array.of(0x08), 0, 1).ok, false);
  // A number sent as bytes, and more of them than there are: the generated codec alone reads it as 255.
  equal(decodeGenerated(LeaseGrantRequestSchema, Uint8Array.of(0x0a, 0xff, 0x01), 0, 3).ok, false);
});
