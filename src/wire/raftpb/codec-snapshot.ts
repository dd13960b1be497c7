/** Raft's snapshots and configurations in etcd's bytes. */
import { type Bytes, noBytes } from '../../base/bytes.js';
import { type MemberId, noMember } from '../../base/ids.js';
import { type DecodeFailure, decodeFailure } from '../proto/failure.js';
import { highOf, lowOf, unsignedOf } from '../proto/int64.js';
import { Reader } from '../proto/reader.js';
import { bytesFieldSize, varint64Size, varintSize, type Writer } from '../proto/writer.js';
import type { ConfState, Snapshot, SnapshotMetadata } from './types.js';

const reader = new Reader();

/** The ids met lately, by their low bits: a bigint is not made anew for each message of the same few members. */
const recentIds: MemberId[] = new Array(64).fill(noMember);
const recentLo = new Uint32Array(64);
const recentHi = new Uint32Array(64);

export function readId(from: Reader): MemberId {
  if (!from.varint()) return noMember;
  const slot = from.lo & 63;
  if (recentLo[slot] !== from.lo || recentHi[slot] !== from.hi) {
    recentLo[slot] = from.lo;
    recentHi[slot] = from.hi;
    recentIds[slot] = unsignedOf(from.lo, from.hi) as MemberId;
  }
  return recentIds[slot] as MemberId;
}

export function idSize(id: MemberId): number {
  return varint64Size(lowOf(id), highOf(id));
}

export function emptyConfState(): ConfState {
  return { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
}

export function confStateSize(state: ConfState): number {
  let size = 2;
  for (const id of state.voters) size += 1 + idSize(id);
  for (const id of state.learners) size += 1 + idSize(id);
  for (const id of state.votersOutgoing) size += 1 + idSize(id);
  for (const id of state.learnersNext) size += 1 + idSize(id);
  return size;
}

export function writeConfState(to: Writer, state: ConfState): void {
  writeIds(to, 0x08, state.voters);
  writeIds(to, 0x10, state.learners);
  writeIds(to, 0x18, state.votersOutgoing);
  writeIds(to, 0x20, state.learnersNext);
  // Raft sets it always, so it is written when false too.
  to.byte(0x28);
  to.byte(state.autoLeave ? 1 : 0);
}

function writeIds(to: Writer, tag: number, ids: readonly MemberId[]): void {
  for (const id of ids) {
    to.byte(tag);
    to.uint64(id);
  }
}

export function decodeConfState(bytes: Bytes, start: number, end: number): ConfState | DecodeFailure {
  reader.open(bytes, start, end);
  const state = emptyConfState();
  readConfState(reader, state);
  return reader.failure === decodeFailure.none ? state : reader.failure;
}

function readConfState(from: Reader, state: ConfState): void {
  for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
    const ids = idsOfField(state, tag >>> 3);
    if (ids !== undefined && (tag & 7) === 0) ids.push(readId(from));
    else if (ids !== undefined && (tag & 7) === 2) readPackedIds(from, ids);
    else if (tag === 0x28) state.autoLeave = from.bool();
    else from.skip(tag);
  }
}

function idsOfField(state: ConfState, field: number): MemberId[] | undefined {
  if (field === 1) return state.voters;
  if (field === 2) return state.learners;
  if (field === 3) return state.votersOutgoing;
  return field === 4 ? state.learnersNext : undefined;
}

function readPackedIds(from: Reader, ids: MemberId[]): void {
  const outer = from.enter();
  while (from.at < from.end) ids.push(readId(from));
  from.leave(outer);
}

function metadataSize(metadata: SnapshotMetadata): number {
  return bytesFieldSize(confStateSize(metadata.confState)) + 2 + varintSize(metadata.index) + varintSize(metadata.term);
}

export function snapshotSize(snapshot: Snapshot): number {
  const data = snapshot.data.length === 0 ? 0 : bytesFieldSize(snapshot.data.length);
  return data + bytesFieldSize(metadataSize(snapshot.metadata));
}

export function writeSnapshot(to: Writer, snapshot: Snapshot): void {
  if (snapshot.data.length > 0) to.bytesField(0x0a, snapshot.data, 0, snapshot.data.length);
  const { metadata } = snapshot;
  to.byte(0x12);
  to.varint(metadataSize(metadata));
  to.byte(0x0a);
  to.varint(confStateSize(metadata.confState));
  writeConfState(to, metadata.confState);
  to.byte(0x10);
  to.varint(metadata.index);
  to.byte(0x18);
  to.varint(metadata.term);
}

/** `data` is a view into `bytes`. */
export function decodeSnapshot(bytes: Bytes, start: number, end: number): Snapshot | DecodeFailure {
  reader.open(bytes, start, end);
  const snapshot = readSnapshot(reader, undefined);
  return reader.failure === decodeFailure.none ? snapshot : reader.failure;
}

/** Reads on into `begun`, when the field came before. */
export function readSnapshot(from: Reader, begun: Snapshot | undefined): Snapshot {
  const snapshot = begun ?? { data: noBytes, metadata: { confState: emptyConfState(), index: 0, term: 0 } };
  for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
    if (tag === 0x0a) {
      snapshot.data = from.view();
    } else if (tag === 0x12) {
      const outer = from.enter();
      readMetadata(from, snapshot.metadata);
      from.leave(outer);
    } else {
      from.skip(tag);
    }
  }
  return snapshot;
}

function readMetadata(from: Reader, metadata: SnapshotMetadata): void {
  for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
    if (tag === 0x0a) {
      const outer = from.enter();
      readConfState(from, metadata.confState);
      from.leave(outer);
    } else if (tag === 0x10) {
      metadata.index = from.uint64();
    } else if (tag === 0x18) {
      metadata.term = from.uint64();
    } else {
      from.skip(tag);
    }
  }
}
