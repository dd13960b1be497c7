/** Changes of the membership in etcd's bytes: the data of conf-change entries. */
import type { Bytes } from '../../base/bytes.js';
import { noMember } from '../../base/ids.js';
import { type DecodeFailure, decodeFailure } from '../proto/failure.js';
import { Reader } from '../proto/reader.js';
import { Writer } from '../proto/writer.js';
import { readId } from './codec-snapshot.js';
import {
  type ConfChange,
  type ConfChangeSingle,
  type ConfChangeTransition,
  type ConfChangeType,
  type ConfChangeV2,
  confChangeTransition,
  confChangeType,
} from './types.js';

const reader = new Reader();

/** All fields but an absent context and a zero id, as etcd does: the first members of a group are written without an id. */
export function encodeConfChange(change: ConfChange): Bytes {
  const to = new Writer(64);
  if (change.id !== 0n) {
    to.byte(0x08);
    to.uint64(change.id);
  }
  to.byte(0x10);
  to.varint(change.type);
  to.byte(0x18);
  to.uint64(change.nodeId);
  if (change.context !== undefined) to.bytesField(0x22, change.context, 0, change.context.length);
  return to.copy();
}

export function decodeConfChange(bytes: Bytes, start: number, end: number): ConfChange | DecodeFailure {
  const change: ConfChange = { id: 0n, type: confChangeType.addNode, nodeId: noMember, context: undefined };
  reader.open(bytes, start, end);
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x08) change.id = reader.unsignedBigint();
    else if (tag === 0x10) change.type = readType(reader);
    else if (tag === 0x18) change.nodeId = readId(reader);
    else if (tag === 0x22) change.context = reader.view();
    else reader.skip(tag);
  }
  return reader.failure === decodeFailure.none ? change : reader.failure;
}

export function encodeConfChangeV2(change: ConfChangeV2): Bytes {
  const to = new Writer(64);
  to.int64Field(0x08, change.transition);
  for (const { type, nodeId } of change.changes) {
    const single = to.open(0x12);
    to.byte(0x08);
    to.varint(type);
    to.byte(0x10);
    to.uint64(nodeId);
    to.close(single);
  }
  if (change.context !== undefined) to.bytesField(0x1a, change.context, 0, change.context.length);
  return to.copy();
}

export function decodeConfChangeV2(bytes: Bytes, start: number, end: number): ConfChangeV2 | DecodeFailure {
  let transition: ConfChangeTransition = confChangeTransition.auto;
  const changes: ConfChangeSingle[] = [];
  let context: Bytes | undefined;
  reader.open(bytes, start, end);
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x08) transition = readTransition(reader);
    else if (tag === 0x12) changes.push(readSingle(reader));
    else if (tag === 0x1a) context = reader.view();
    else reader.skip(tag);
  }
  return reader.failure === decodeFailure.none ? { transition, changes, context } : reader.failure;
}

function readSingle(from: Reader): ConfChangeSingle {
  const single: ConfChangeSingle = { type: confChangeType.addNode, nodeId: noMember };
  const outer = from.enter();
  for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
    if (tag === 0x08) single.type = readType(from);
    else if (tag === 0x10) single.nodeId = readId(from);
    else from.skip(tag);
  }
  from.leave(outer);
  return single;
}

/** A change of a kind that raft 3.7 does not know is a fault: no member could apply it. */
function readType(from: Reader): ConfChangeType {
  const type = from.int32();
  if (type < confChangeType.addNode || type > confChangeType.addLearnerNode) from.fail(decodeFailure.malformed);
  return type as ConfChangeType;
}

function readTransition(from: Reader): ConfChangeTransition {
  const transition = from.int32();
  if (transition < confChangeTransition.auto || transition > confChangeTransition.jointExplicit)
    from.fail(decodeFailure.malformed);
  return transition as ConfChangeTransition;
}
