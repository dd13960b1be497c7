// Proves: raft's messages are written as Go's raft 3.7 reads and writes them, and read in every form members have written them.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import { type Bytes, utf8 } from '../../base/bytes.js';
import type { MemberId } from '../../base/ids.js';
import type { Random } from '../../base/random.js';
import { forSeeds } from '../../base/seeds.js';
import * as raft from '../../gen/raftpb/raft_pb.js';
import { decodeFailure } from '../proto/failure.js';
import { type Shape, scramble } from '../proto/scramble.js';
import { Writer } from '../proto/writer.js';
import * as codec from './codec.js';
import { decodeConfChange, decodeConfChangeV2, encodeConfChange, encodeConfChangeV2 } from './codec-conf-change.js';
import {
  confStateSize,
  decodeConfState,
  decodeSnapshot,
  snapshotSize,
  writeConfState,
  writeSnapshot,
} from './codec-snapshot.js';
import type { ConfChange, ConfChangeV2, ConfState, Entry, HardState, Message, Snapshot } from './types.js';

const to = new Writer(1);
function written(write: (to: Writer) => void): Bytes {
  to.reset();
  write(to);
  return to.copy();
}

const member = (random: Random) =>
  random.pick([0n, 1n, 2n ** 64n - 1n, (BigInt(random.uint32()) << 32n) | BigInt(random.uint32())]) as MemberId;
const number = (random: Random) => random.pick([0, 1, 127, 128, 2 ** 32, Number.MAX_SAFE_INTEGER]);
const members = (random: Random) => Array.from({ length: random.below(4) }, () => member(random));
const data = (random: Random) => random.bytes(random.pick([0, 1, 60, 200]));
const context = (random: Random) => random.pick([undefined, new Uint8Array(0), utf8('{"id":1}')]);

const entry = (random: Random): Entry => ({
  type: random.pick([0, 1, 2]),
  term: number(random),
  index: number(random),
  data: data(random),
});
const hardState = (random: Random): HardState => ({
  term: number(random),
  vote: member(random),
  commit: number(random),
});
const confState = (random: Random): ConfState => ({
  voters: members(random),
  learners: members(random),
  votersOutgoing: members(random),
  learnersNext: members(random),
  autoLeave: random.oneIn(2),
});
const snapshot = (random: Random): Snapshot => ({
  data: data(random),
  metadata: { confState: confState(random), index: number(random), term: number(random) },
});
const message = (random: Random, depth: number): Message => ({
  type: random.pick([0, 3, 7, 8, 23]),
  to: member(random),
  from: member(random),
  term: number(random),
  logTerm: number(random),
  index: number(random),
  entries: Array.from({ length: random.below(3) }, () => entry(random)),
  commit: number(random),
  vote: member(random),
  snapshot: random.oneIn(2) ? snapshot(random) : undefined,
  reject: random.oneIn(2),
  rejectHint: number(random),
  context: context(random),
  responses: Array.from({ length: depth > 0 ? random.below(3) : 0 }, () => message(random, depth - 1)),
});

// The generated form of each, in our terms: absent and zero are one.
const plainEntry = (cold: raft.Entry) => ({
  type: cold.Type,
  term: Number(cold.Term),
  index: Number(cold.Index),
  data: Uint8Array.from(cold.Data),
});
const plainHardState = ({ term, vote, commit }: raft.HardState) => ({
  term: Number(term),
  vote,
  commit: Number(commit),
});
const plainConfState = (cold: raft.ConfState | undefined) => ({
  voters: cold?.voters ?? [],
  learners: cold?.learners ?? [],
  votersOutgoing: cold?.votersOutgoing ?? [],
  learnersNext: cold?.learnersNext ?? [],
  autoLeave: cold?.autoLeave ?? false,
});
const plainSnapshot = (cold: raft.Snapshot) => ({
  data: Uint8Array.from(cold.data),
  metadata: {
    confState: plainConfState(cold.metadata?.confState),
    index: Number(cold.metadata?.index ?? 0),
    term: Number(cold.metadata?.term ?? 0),
  },
});
const has = (cold: raft.Message, field: 'context') => Object.hasOwn(cold, field);
const plainMessage = (cold: raft.Message): unknown => ({
  type: cold.type,
  to: cold.to,
  from: cold.from,
  term: Number(cold.term),
  logTerm: Number(cold.logTerm),
  index: Number(cold.index),
  entries: cold.entries.map(plainEntry),
  commit: Number(cold.commit),
  vote: cold.vote,
  snapshot: cold.snapshot === undefined ? undefined : plainSnapshot(cold.snapshot),
  reject: cold.reject,
  rejectHint: Number(cold.rejectHint),
  context: has(cold, 'context') ? Uint8Array.from(cold.context) : undefined,
  responses: cold.responses.map(plainMessage),
});

type Case<Desc extends DescMessage, T extends object> = {
  readonly schema: Desc;
  readonly make: (random: Random) => T;
  readonly write: (to: Writer, one: T) => void;
  readonly size: (one: T) => number;
  readonly decode: (bytes: Bytes, start: number, end: number) => T | number;
  readonly plain: (cold: MessageShape<Desc>) => unknown;
  readonly shape: Shape;
};

function holds<Desc extends DescMessage, T extends object>(name: string, one: Case<Desc, T>): void {
  test(`${name} is written and read as the generated codec has it`, () => {
    forSeeds(300, (random) => {
      const meant = one.make(random);
      const bytes = written((writer) => one.write(writer, meant));
      equal(bytes.length, one.size(meant));
      deepEqual(one.plain(fromBinary(one.schema, bytes)), meant);
      deepEqual(one.decode(bytes, 0, bytes.length), meant);
      const other = scramble(random, bytes, one.shape);
      deepEqual(one.decode(other, 0, other.length), one.plain(fromBinary(one.schema, other)));
    });
  });
  test(`${name}, cut anywhere or damaged, is refused or read`, () => {
    forSeeds(40, (random) => {
      const bytes = written((writer) => one.write(writer, one.make(random)));
      for (let cut = 0; cut < bytes.length; cut++) one.decode(bytes, 0, cut);
      for (let flips = 0; flips < 20 && bytes.length > 0; flips++) {
        bytes[random.below(bytes.length)] = random.below(256);
        one.decode(bytes, 0, bytes.length);
      }
    });
  });
}

const metadataShape: Shape = { 10: {} };
const snapshotShape: Shape = { 18: metadataShape };
holds('Entry', {
  schema: raft.EntrySchema,
  make: entry,
  write: codec.writeEntry,
  size: codec.entrySize,
  decode: codec.decodeEntry,
  plain: plainEntry,
  shape: {},
});
holds('HardState', {
  schema: raft.HardStateSchema,
  make: hardState,
  write: codec.writeHardState,
  size: codec.hardStateSize,
  decode: codec.decodeHardState,
  plain: plainHardState,
  shape: {},
});
holds('ConfState', {
  schema: raft.ConfStateSchema,
  make: confState,
  write: writeConfState,
  size: confStateSize,
  decode: decodeConfState,
  plain: plainConfState,
  shape: {},
});
holds('Snapshot', {
  schema: raft.SnapshotSchema,
  make: snapshot,
  write: writeSnapshot,
  size: snapshotSize,
  decode: decodeSnapshot,
  plain: plainSnapshot,
  shape: snapshotShape,
});
holds('Message', {
  schema: raft.MessageSchema,
  make: (random) => message(random, 2),
  write: codec.writeMessage,
  size: codec.messageSize,
  decode: codec.decodeMessage,
  plain: plainMessage,
  shape: { 58: {}, 74: snapshotShape, 114: { 58: {} } },
});

test('bytes as Go writes them', () => {
  const hex = (bytes: Bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  const noop = written((writer) => codec.writeEntry(writer, { type: 0, term: 2, index: 2, data: new Uint8Array(0) }));
  equal(hex(noop), '10021802');
  const state = { term: 2, vote: 0n as MemberId, commit: 3 };
  equal(hex(written((writer) => codec.writeHardState(writer, state))), '080210001803');
  const change: ConfChange = { id: 0n, type: 0, nodeId: 1n as MemberId, context: utf8('{}') };
  equal(hex(encodeConfChange(change)), '1000180122027b7d');
});

test('zeros, empty data and packed lists that older members write are read', () => {
  const bytes = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  const old = bytes('0800100218022200');
  deepEqual(codec.decodeEntry(old, 0, old.length), { type: 0, term: 2, index: 2, data: new Uint8Array(0) });
  const packed = bytes('0a020102100312010428010801');
  const state = { voters: [1n, 2n, 1n], learners: [3n, 4n], votersOutgoing: [], learnersNext: [], autoLeave: true };
  deepEqual(decodeConfState(packed, 0, packed.length), state);
});

test('types of a later version are read in messages, as Go reads them, and not in a log', () => {
  const bytes = (text: string) => Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  const typed = (text: string) => {
    const read = codec.decodeMessage(bytes(text), 0, text.length / 2);
    return typeof read === 'number' ? undefined : [read.type, ...read.entries.map(({ type }) => type)];
  };
  deepEqual(typed('085c'), [92]);
  deepEqual(typed('0878b9800000000000000000000806'), [6]);
  deepEqual(typed('3a0208053a00'), [0, 5, 0]);
  const entry = bytes('0805');
  equal(codec.decodeEntry(entry, 0, entry.length), decodeFailure.malformed);
});

test('changes of the membership', () => {
  forSeeds(200, (random) => {
    const change: ConfChange = {
      id: member(random),
      type: random.pick([0, 1, 2, 3]),
      nodeId: member(random),
      context: context(random),
    };
    const bytes = encodeConfChange(change);
    deepEqual(decodeConfChange(bytes, 0, bytes.length), change);
    const cold = create(raft.ConfChangeSchema, {
      ...(change.id === 0n ? {} : { id: change.id }),
      type: change.type,
      nodeId: change.nodeId,
      ...(change.context === undefined ? {} : { context: change.context }),
    });
    deepEqual(bytes, toBinary(raft.ConfChangeSchema, cold));

    const joint: ConfChangeV2 = {
      transition: random.pick([0, 1, 2]),
      changes: Array.from({ length: random.below(4) }, () => ({
        type: random.pick([0, 1, 2, 3] as const),
        nodeId: member(random),
      })),
      context: context(random),
    };
    const jointBytes = encodeConfChangeV2(joint);
    deepEqual(decodeConfChangeV2(jointBytes, 0, jointBytes.length), joint);
    const jointCold = fromBinary(raft.ConfChangeV2Schema, jointBytes);
    const singles = jointCold.changes.map(({ type, nodeId }) => ({ type, nodeId }));
    deepEqual([jointCold.transition, singles], [joint.transition, joint.changes]);
  });
  equal(decodeConfChange(Uint8Array.of(0x10, 9), 0, 2), decodeFailure.malformed);
});

test('responses within responses end somewhere', () => {
  let nested: Bytes = new Uint8Array(0);
  for (let i = 0; i < 20; i++) {
    const inner = nested;
    nested = written((writer) => writer.bytesField(0x72, inner, 0, inner.length));
  }
  equal(codec.decodeMessage(nested, 0, nested.length), decodeFailure.tooDeep);
});
