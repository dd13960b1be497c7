// Proves: whatever is written to a peer's stream is read from it, however the bytes are cut on the way; and bytes that no
// member sends end the stream without a throw and without memory for what they promise.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import type { Bytes } from '../../base/bytes.js';
import { type MemberId, noMember } from '../../base/ids.js';
import type { Random } from '../../base/random.js';
import { forSeeds } from '../../base/seeds.js';
import { Writer } from '../proto/writer.js';
import { decodeMessage, entrySize, messageSize, writeEntry, writeMessage } from '../raftpb/codec.js';
import { type Entry, type EntryType, type Message, type MessageType, messageType } from '../raftpb/types.js';
import { AppendDecoder, AppendEncoder } from './append-stream.js';
import {
  MessageDecoder,
  MessageEncoder,
  type StreamDecoder,
  type StreamEncoder,
  writeUint64,
} from './message-stream.js';
import { SnapshotPostReader } from './snapshot-post.js';
import { indexMax } from './sound.js';

const [local, remote] = [0xa1n as MemberId, 0xb2n as MemberId];

/** All that comes out when `bytes` come in as random pieces; stops at a fault. */
function readInPieces(random: Random, decoder: StreamDecoder, bytes: Bytes): Message[] {
  const messages: Message[] = [];
  for (let at = 0; at < bytes.length && decoder.fault === undefined; ) {
    const end = Math.min(bytes.length, at + 1 + random.below(random.pick([1, 20, 400, 5000])));
    // A chunk is a place in something larger, as a socket hands it out.
    const before = random.below(3);
    const chunk = new Uint8Array(before + end - at + 2);
    chunk.set(bytes.subarray(at, end), before);
    decoder.add(chunk, before, before + end - at);
    for (let message = decoder.next(); message !== undefined; message = decoder.next()) messages.push(message);
    at = end;
  }
  return messages;
}

const plain = (message: Message) => ({
  ...message,
  entries: message.entries.map((entry) => ({ ...entry, data: Uint8Array.from(entry.data) })),
  context: message.context && Uint8Array.from(message.context),
  snapshot: message.snapshot && { ...message.snapshot, data: Uint8Array.from(message.snapshot.data) },
});

function message(type: MessageType, more: Partial<Message>): Message {
  const numbers = { term: 0, logTerm: 0, index: 0, commit: 0, rejectHint: 0 };
  const rest = { vote: noMember, snapshot: undefined, reject: false, context: undefined, entries: [], responses: [] };
  return { type, to: local, from: remote, ...numbers, ...rest, ...more };
}

/** As entries of a log are: each has the next index, terms do not fall, and none is above the sender's. */
function entriesAfter(random: Random, { index, logTerm, term }: Record<'index' | 'logTerm' | 'term', number>): Entry[] {
  let at = logTerm;
  return Array.from({ length: random.below(4) }, (_, i) => {
    if (random.oneIn(2)) at = term;
    const data = random.bytes(random.pick([0, 1, 100, 3000]));
    return { type: random.pick([0, 0, 0, 1, 2]), term: at, index: index + 1 + i, data };
  });
}

/** What a leader sends: mostly what follows, now and then from somewhere else or of another term. */
function appends(random: Random): Message[] {
  let [term, index] = [1 + random.below(5), random.below(100)];
  return Array.from({ length: 30 }, () => {
    if (random.oneIn(6)) index = random.pick([0, 7, 2 ** 33, indexMax - 1000]);
    if (random.oneIn(6)) term += 1 + random.below(3);
    const logTerm = random.oneIn(4) ? term - 1 : term;
    const entries = entriesAfter(random, { index, logTerm, term });
    const append = message(messageType.app, { term, logTerm, index, entries, commit: random.below(1000) });
    index += entries.length;
    return append;
  });
}

function anyMessage(random: Random): Message {
  const type = random.pick([2, 4, 5, 6, 8, 9, 13, 14, 15, 16, 17, 18] as const);
  return message(type, {
    term: random.below(9),
    index: random.pick([0, 1, 2 ** 40]),
    commit: random.below(9),
    reject: random.oneIn(2),
    rejectHint: random.below(9),
    vote: random.pick([noMember, local]),
    context: random.oneIn(2) ? random.bytes(8) : undefined,
    entries: type === messageType.prop ? [{ type: 0, term: 0, index: 0, data: random.bytes(500) }] : [],
  });
}

function written(random: Random, encoder: StreamEncoder, messages: readonly Message[]): Bytes {
  const to = new Writer(1);
  for (const each of messages) {
    if (random.oneIn(4)) encoder.writeHeartbeat(to);
    encoder.write(to, each);
  }
  return to.copy();
}

test('the message stream brings what was sent, link heartbeats left out', () => {
  forSeeds(200, (random) => {
    const sent = Array.from({ length: 20 }, () => anyMessage(random));
    const bytes = written(random, new MessageEncoder(), sent);
    deepEqual(readInPieces(random, new MessageDecoder(), bytes).map(plain), sent);
  });
});

test('the append stream brings what was sent, link heartbeats left out', () => {
  forSeeds(200, (random) => {
    const sent = appends(random);
    const bytes = written(random, new AppendEncoder(), sent);
    deepEqual(readInPieces(random, new AppendDecoder(local, remote), bytes).map(plain), sent);
  });
});

test('the first append is sent whole, and one that follows it without what is known', () => {
  const entry: Entry = { type: 0, term: 3, index: 8, data: Uint8Array.of(0xaa) };
  const first = message(messageType.app, { term: 3, logTerm: 2, index: 7, entries: [entry], commit: 6 });
  const next = message(messageType.app, {
    term: 3,
    logTerm: 3,
    index: 8,
    entries: [{ ...entry, index: 9 }],
    commit: 8,
  });
  const expected = new Writer();
  expected.byte(2);
  writeUint64(expected, messageSize(first));
  writeMessage(expected, first);
  expected.byte(1);
  writeUint64(expected, 1);
  writeUint64(expected, entrySize(entry));
  writeEntry(expected, { ...entry, index: 9 });
  writeUint64(expected, 8);
  expected.byte(0);
  const to = new Writer();
  const encoder = new AppendEncoder();
  encoder.write(to, first);
  encoder.write(to, next);
  encoder.writeHeartbeat(to);
  deepEqual(to.copy(), expected.copy());
});

/** The fault that `bytes` end in, after no message. */
function faultOf(decoder: StreamDecoder, write: (to: Writer) => void): string | undefined {
  const to = new Writer();
  write(to);
  decoder.add(to.bytes, 0, to.at);
  equal(decoder.next(), undefined);
  return decoder.fault;
}

const sized = (to: Writer, each: Message) => {
  writeUint64(to, messageSize(each));
  writeMessage(to, each);
};

test('what no member sends is a fault', () => {
  const entry: Entry = { type: 0, term: 1, index: 2, data: new Uint8Array(0) };
  const unsound: readonly Message[] = [
    message(messageType.heartbeat, { commit: indexMax + 1 }),
    message(messageType.heartbeat, { term: Number.MAX_SAFE_INTEGER }),
    message(messageType.app, { term: 1, logTerm: 1, index: 4, entries: [entry] }),
    message(messageType.app, { term: 1, logTerm: 1, index: 1, entries: [{ ...entry, term: 2 }] }),
    message(messageType.app, { term: 3, logTerm: 2, index: 1, entries: [entry] }),
    message(messageType.app, {
      term: 3,
      index: 1,
      entries: [
        { ...entry, term: 2 },
        { ...entry, index: 3 },
      ],
    }),
    message(messageType.app, { term: 1, logTerm: 1, index: 1, entries: [{ ...entry, type: 3 as EntryType }] }),
    message(messageType.prop, { entries: [{ ...entry, type: 3 as EntryType }] }),
    message(messageType.snap, { term: 1 }),
  ];
  for (const each of unsound) {
    equal(
      faultOf(new MessageDecoder(), (to) => sized(to, each)),
      'malformed',
    );
    const asAppend = (to: Writer) => {
      to.byte(2);
      sized(to, each);
    };
    equal(faultOf(new AppendDecoder(local, remote), asAppend), 'malformed');
  }
  equal(
    faultOf(new MessageDecoder(), (to) => writeUint64(to, 512 * 1024 * 1024 + 1)),
    'tooLarge',
  );
  const garbage = (to: Writer) => to.raw(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 2, 0xff, 0xff), 0, 10);
  equal(faultOf(new MessageDecoder(), garbage), 'malformed');
});

test('appends that do not hold together are a fault', () => {
  const append = (write: (to: Writer) => void) => faultOf(new AppendDecoder(local, remote), write);
  equal(
    append((to) => to.byte(3)),
    'malformed',
  );
  const oneEntry = (size: number, more: (to: Writer) => void) => (to: Writer) => {
    to.byte(1);
    writeUint64(to, 1);
    writeUint64(to, size);
    more(to);
  };
  equal(append(oneEntry(2 ** 40, () => {})), 'tooLarge');
  equal(append(oneEntry(0, () => {})), 'malformed');
  // Nothing came before it that it could follow.
  const entry: Entry = { type: 0, term: 1, index: 1, data: new Uint8Array(0) };
  equal(append(oneEntry(entrySize(entry), (to) => writeEntry(to, entry))), 'malformed');
});

test('a promised length takes no memory', () => {
  const decoder = new MessageDecoder();
  const to = new Writer();
  writeUint64(to, 500 * 1024 * 1024);
  to.byte(8);
  const before = process.memoryUsage().arrayBuffers;
  decoder.add(to.bytes, 0, to.at);
  equal(decoder.next(), undefined);
  equal(decoder.fault, undefined);
  ok(process.memoryUsage().arrayBuffers - before < 1024 * 1024);
});

test('random bytes end in a fault or wait for more, and never in a throw', () => {
  forSeeds(500, (random) => {
    const bytes = random.bytes(300);
    if (random.oneIn(2)) bytes.fill(0, 0, 7);
    readInPieces(random, new MessageDecoder(), bytes);
    readInPieces(random, new AppendDecoder(local, remote), bytes);
  });
});

test('a snapshot post is a message, and what follows it as it came', () => {
  forSeeds(200, (random) => {
    const confState = { voters: [local, remote], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
    const snapshot = { data: random.bytes(300), metadata: { confState, index: 7, term: 2 } };
    const sent = message(messageType.snap, { term: 2, snapshot });
    const to = new Writer();
    new MessageEncoder().write(to, sent);
    const database = random.bytes(random.pick([0, 1, 1000]));
    to.raw(database, 0, database.length);
    const bytes = to.copy();
    const reader = new SnapshotPostReader();
    const rest: number[] = [];
    equal(reader.midway, false);
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + 1 + random.below(200));
      rest.push(...reader.add(bytes.subarray(at, end)));
      if (end < 8) equal(reader.midway, true);
      at = end;
    }
    deepEqual(reader.message && plain(reader.message), sent);
    deepEqual(Uint8Array.from(rest), database);
    equal(reader.messageBytes, messageSize(sent));
  });
});

test('a snapshot message that is too long or cannot be read is a fault', () => {
  const fault = (write: (to: Writer) => void) => {
    const to = new Writer();
    write(to);
    const reader = new SnapshotPostReader();
    equal(reader.add(to.copy()).length, 0);
    return reader.fault;
  };
  equal(
    fault((to) => writeUint64(to, 64 * 1024 * 1024 + 1)),
    'tooLarge',
  );
  equal(
    fault((to) => sized(to, message(messageType.snap, { term: 1 }))),
    'malformed',
  );
});

test('a message survives its own codec', () => {
  forSeeds(50, (random) => {
    const sent = anyMessage(random);
    const to = new Writer();
    writeMessage(to, sent);
    const read = decodeMessage(to.bytes, 0, to.at);
    ok(typeof read !== 'number');
    deepEqual(plain(read), sent);
  });
});
