/**
 * Raft's entries, states and messages in etcd's bytes (proto2): write-ahead log, snapshots and peer streams hold these.
 *
 * What is written is what raft 3.7 writes: an entry omits a zero type and empty data, a hard state has all three fields
 * always. What is read is anything older members write too: zeros and empty bytes that are there, packed or unpacked lists.
 * A member that omits a zero and one that writes it mean the same.
 */
import { type Bytes, noBytes } from '../../base/bytes.js';
import { type MemberId, noMember } from '../../base/ids.js';
import { type DecodeFailure, decodeFailure } from '../proto/failure.js';
import { Reader } from '../proto/reader.js';
import { bytesFieldSize, varintSize, type Writer } from '../proto/writer.js';
import { idSize, readId, readSnapshot, snapshotSize, writeSnapshot } from './codec-snapshot.js';
import {
  type Entry,
  type EntryType,
  entryType,
  type HardState,
  type Message,
  type MessageType,
  messageType,
} from './types.js';

/** What was decoded, or why it could not be. */
export type Decoded<T> = T | DecodeFailure;

const reader = new Reader();

export function entrySize(entry: Entry): number {
  let size = 2 + varintSize(entry.term) + varintSize(entry.index);
  if (entry.type !== entryType.normal) size += 2;
  if (entry.data.length > 0) size += bytesFieldSize(entry.data.length);
  return size;
}

export function writeEntry(to: Writer, entry: Entry): void {
  if (entry.type !== entryType.normal) {
    to.byte(0x08);
    to.byte(entry.type);
  }
  to.byte(0x10);
  to.varint(entry.term);
  to.byte(0x18);
  to.varint(entry.index);
  if (entry.data.length > 0) to.bytesField(0x22, entry.data, 0, entry.data.length);
}

/** `data` is a view into `bytes`: copy it where it must outlive them. */
export function decodeEntry(bytes: Bytes, start: number, end: number): Decoded<Entry> {
  reader.open(bytes, start, end);
  const entry = readEntry(reader);
  // A type that raft 3.7 does not know is a fault: such an entry cannot be applied.
  if (!isKnownEntry(entry)) reader.fail(decodeFailure.malformed);
  return reader.failure === decodeFailure.none ? entry : reader.failure;
}

function readEntry(from: Reader): Entry {
  let type = 0;
  let term = 0;
  let index = 0;
  let data = noBytes;
  for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
    if (tag === 0x08) type = from.int32();
    else if (tag === 0x10) term = from.uint64();
    else if (tag === 0x18) index = from.uint64();
    else if (tag === 0x22) data = from.view();
    else from.skip(tag);
  }
  return { type: type as EntryType, term, index, data };
}

/** Whether there is such a type. A message with others decodes, as in Go: who it is for is looked at first. */
export function isKnownEntry({ type }: Entry): boolean {
  return type >= entryType.normal && type <= entryType.confChangeV2;
}

export function hardStateSize(state: HardState): number {
  return 3 + varintSize(state.term) + idSize(state.vote) + varintSize(state.commit);
}

export function writeHardState(to: Writer, state: HardState): void {
  to.byte(0x08);
  to.varint(state.term);
  to.byte(0x10);
  to.uint64(state.vote);
  to.byte(0x18);
  to.varint(state.commit);
}

export function decodeHardState(bytes: Bytes, start: number, end: number): Decoded<HardState> {
  let term = 0;
  let vote = noMember;
  let commit = 0;
  reader.open(bytes, start, end);
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === 0x08) term = reader.uint64();
    else if (tag === 0x10) vote = readId(reader);
    else if (tag === 0x18) commit = reader.uint64();
    else reader.skip(tag);
  }
  return reader.failure === decodeFailure.none ? { term, vote, commit } : reader.failure;
}

export function messageSize(message: Message): number {
  let size = 0;
  if (message.type !== messageType.hup) size += 2;
  if (message.to !== noMember) size += 1 + idSize(message.to);
  if (message.from !== noMember) size += 1 + idSize(message.from);
  size += numberFieldSize(message.term) + numberFieldSize(message.logTerm) + numberFieldSize(message.index);
  for (const entry of message.entries) size += bytesFieldSize(entrySize(entry));
  size += numberFieldSize(message.commit);
  if (message.snapshot !== undefined) size += bytesFieldSize(snapshotSize(message.snapshot));
  if (message.reject) size += 2;
  size += numberFieldSize(message.rejectHint);
  if (message.context !== undefined) size += bytesFieldSize(message.context.length);
  if (message.vote !== noMember) size += 1 + idSize(message.vote);
  for (const response of message.responses) size += bytesFieldSize(messageSize(response));
  return size;
}

export function writeMessage(to: Writer, message: Message): void {
  to.int64Field(0x08, message.type);
  idField(to, 0x10, message.to);
  idField(to, 0x18, message.from);
  to.int64Field(0x20, message.term);
  to.int64Field(0x28, message.logTerm);
  to.int64Field(0x30, message.index);
  for (const entry of message.entries) {
    to.byte(0x3a);
    to.varint(entrySize(entry));
    writeEntry(to, entry);
  }
  to.int64Field(0x40, message.commit);
  if (message.snapshot !== undefined) {
    to.byte(0x4a);
    to.varint(snapshotSize(message.snapshot));
    writeSnapshot(to, message.snapshot);
  }
  to.boolField(0x50, message.reject);
  to.int64Field(0x58, message.rejectHint);
  if (message.context !== undefined) to.bytesField(0x62, message.context, 0, message.context.length);
  idField(to, 0x68, message.vote);
  for (const response of message.responses) {
    to.byte(0x72);
    to.varint(messageSize(response));
    writeMessage(to, response);
  }
}

/** Entries' data, context and snapshot are views into `bytes`. */
export function decodeMessage(bytes: Bytes, start: number, end: number): Decoded<Message> {
  reader.open(bytes, start, end);
  const message = readMessage(reader, 1);
  return reader.failure === decodeFailure.none ? message : reader.failure;
}

/** Responses only ever pass between a member and its own storage: one level of them is more than peers send. */
const messageNestingMax = 8;

function readMessage(from: Reader, depth: number): Message {
  const entries: Entry[] = [];
  const responses: Message[] = [];
  const message: Message = {
    type: messageType.hup,
    to: noMember,
    from: noMember,
    term: 0,
    logTerm: 0,
    index: 0,
    entries,
    commit: 0,
    vote: noMember,
    snapshot: undefined,
    reject: false,
    rejectHint: 0,
    context: undefined,
    responses,
  };
  if (depth > messageNestingMax) from.fail(decodeFailure.tooDeep);
  for (let tag = from.tag(); tag !== 0; tag = from.tag()) {
    if (tag === 0x3a) {
      const outer = from.enter();
      entries.push(readEntry(from));
      from.leave(outer);
    } else if (tag === 0x72) {
      const outer = from.enter();
      responses.push(readMessage(from, depth + 1));
      from.leave(outer);
    } else {
      readMessageField(from, tag, message);
    }
  }
  return message;
}

function readMessageField(from: Reader, tag: number, message: Message): void {
  switch (tag) {
    case 0x08:
      // One that we do not know must not end a stream: members of a later version may send it, and raft passes over it.
      message.type = from.int32() as MessageType;
      break;
    case 0x10:
      message.to = readId(from);
      break;
    case 0x18:
      message.from = readId(from);
      break;
    case 0x20:
      message.term = from.uint64();
      break;
    case 0x28:
      message.logTerm = from.uint64();
      break;
    case 0x30:
      message.index = from.uint64();
      break;
    case 0x40:
      message.commit = from.uint64();
      break;
    case 0x4a: {
      const outer = from.enter();
      message.snapshot = readSnapshot(from, message.snapshot);
      from.leave(outer);
      break;
    }
    case 0x50:
      message.reject = from.bool();
      break;
    case 0x58:
      message.rejectHint = from.uint64();
      break;
    case 0x62:
      message.context = from.view();
      break;
    case 0x68:
      message.vote = readId(from);
      break;
    default:
      from.skip(tag);
  }
}

function idField(to: Writer, tag: number, id: MemberId): void {
  if (id === noMember) return;
  to.byte(tag);
  to.uint64(id);
}

function numberFieldSize(value: number): number {
  return value === 0 ? 0 : 1 + varintSize(value);
}
