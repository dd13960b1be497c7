/**
 * What stands in the data of a record: entries, hard states, positions of snapshots, and the identity of the member.
 * Zeroes are left out when written and may be there or not when read: etcd before 3.7 wrote them.
 */
import type { Bytes } from '../../base/bytes.js';
import type { ClusterId, MemberId } from '../../base/ids.js';
import { decodeFailure } from '../proto/failure.js';
import { Reader } from '../proto/reader.js';
import { bytesFieldSize, varintSize, Writer } from '../proto/writer.js';
import { confStateSize, decodeConfState, writeConfState } from '../raftpb/codec-snapshot.js';
import type { ConfState } from '../raftpb/types.js';

/** Whose log it is. */
export interface WalMetadata {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
}

/** Where a snapshot stands in the log. `confState` is missing in the record with which etcd begins a log. */
export interface SnapshotPosition {
  readonly index: number;
  readonly term: number;
  readonly confState: ConfState | undefined;
}

/** Undefined when the bytes are no metadata. */
export function decodeMetadata(bytes: Bytes): WalMetadata | undefined {
  const reader = new Reader();
  reader.open(bytes, 0, bytes.length);
  let memberId = 0n;
  let clusterId = 0n;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag())
    switch (tag) {
      case 0x08:
        memberId = reader.unsignedBigint();
        break;
      case 0x10:
        clusterId = reader.unsignedBigint();
        break;
      default:
        reader.skip(tag);
    }
  if (reader.failure !== decodeFailure.none) return undefined;
  return { memberId: memberId as MemberId, clusterId: clusterId as ClusterId };
}

export function metadataBytes(metadata: WalMetadata): Bytes {
  const writer = new Writer(32);
  writer.byte(0x08);
  writer.uint64(metadata.memberId);
  writer.byte(0x10);
  writer.uint64(metadata.clusterId);
  return writer.copy();
}

/** Zeroes are written here, as etcd does. */
export function writePosition(writer: Writer, position: SnapshotPosition): void {
  writer.byte(0x08);
  writer.varint(position.index);
  writer.byte(0x10);
  writer.varint(position.term);
  if (position.confState === undefined) return;
  writer.byte(0x1a);
  writer.varint(confStateSize(position.confState));
  writeConfState(writer, position.confState);
}

export function positionSize(position: SnapshotPosition): number {
  const size = 2 + varintSize(position.index) + varintSize(position.term);
  return position.confState === undefined ? size : size + bytesFieldSize(confStateSize(position.confState));
}

/** Undefined when the bytes are no position. */
export function decodePosition(bytes: Bytes, start: number, end: number): SnapshotPosition | undefined {
  const reader = new Reader();
  reader.open(bytes, start, end);
  let index = 0;
  let term = 0;
  let confState: ConfState | undefined;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag())
    switch (tag) {
      case 0x08:
        index = reader.uint64();
        break;
      case 0x10:
        term = reader.uint64();
        break;
      case 0x1a: {
        const stop = reader.bytesField();
        const decoded = decodeConfState(bytes, reader.fieldStart, stop);
        if (typeof decoded === 'number') return undefined;
        confState = decoded;
        break;
      }
      default:
        reader.skip(tag);
    }
  return reader.failure === decodeFailure.none ? { index, term, confState } : undefined;
}
