// Proves: what each role does with what seldom comes, and what transcripts and simulation do not reach.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { noBytes, utf8 } from '../base/bytes.js';
import type { MemberId } from '../base/ids.js';
import { type Entry, type Message, type MessageType, messageType, type Snapshot } from '../wire/raftpb/types.js';
import { type Config, defaults } from './config.js';
import { describeEntry, describeMessage, quote } from './describe.js';
import type { Logger } from './logger.js';
import { emptyConfState, MemoryStorage } from './memory-storage.js';
import { newMessage } from './message.js';
import { RawNode } from './raw-node.js';
import type { Storage } from './storage.js';

const id = (digit: number) => BigInt(digit) as MemberId;

class Lines implements Logger {
  lines: string[] = [];
  debug(text: string): void {
    this.lines.push(text);
  }
  info(): void {}
  warning(text: string): void {
    this.lines.push(text);
  }
  error(text: string): void {
    this.lines.push(text);
  }
}

/** Node 1 of three, whose log begins with a snapshot at index 2. */
function start(changed: Partial<Config> = {}) {
  const storage = new MemoryStorage();
  const confState = { ...emptyConfState, voters: [id(1), id(2), id(3)] };
  storage.applySnapshot({ data: noBytes, metadata: { confState, index: 2, term: 1 } });
  const log = new Lines();
  const node = new RawNode({ ...defaults, id: id(1), storage, random: () => 0, applied: 2, logger: log, ...changed });
  return { node, storage, log, confState };
}

/** Stores and applies; gives what is sent. */
function advance(node: RawNode, storage: MemoryStorage): Message[] {
  const sent: Message[] = [];
  while (node.hasReady()) {
    const { hardState, snapshot, entries, messages } = node.ready();
    if (hardState !== undefined) storage.setHardState(hardState);
    if (snapshot !== undefined) storage.applySnapshot(snapshot);
    storage.append(entries);
    sent.push(...messages);
    node.advance();
  }
  return sent;
}

const from = (sender: number, type: MessageType, changed: Partial<Message> = {}): Message => ({
  ...newMessage(type, id(1)),
  from: id(sender),
  ...changed,
});

function elect(node: RawNode, storage: MemoryStorage): void {
  node.campaign();
  advance(node, storage);
  node.step(from(2, messageType.voteResp, { term: node.raft.term }));
  advance(node, storage);
  equal(node.basicStatus().softState.role, 'leader');
}

test('a candidate gives way to the snapshot of a leader of its term, and is not made to campaign twice', () => {
  const { node, storage, log, confState } = start();
  node.campaign();
  advance(node, storage);
  const { term } = node.raft;
  node.step(from(2, messageType.timeoutNow, { term }));
  equal(node.raft.term, term);
  equal(log.lines.at(-1), `1 [term ${term} state StateCandidate] ignored MsgTimeoutNow from 2`);
  const snapshot: Snapshot = { data: noBytes, metadata: { confState, index: 9, term: 1 } };
  node.step(from(2, messageType.snap, { term, snapshot }));
  deepEqual(node.basicStatus().softState, { lead: id(2), role: 'follower' });
  const [answer] = advance(node, storage).filter(({ type }) => type === messageType.appResp);
  equal(answer?.index, 9);
  equal(node.basicStatus().hardState.commit, 9);
});

test('a snapshot for others, or none at all, is not taken', () => {
  const { node, storage, log } = start();
  const metadata = { confState: { ...emptyConfState, voters: [id(2)] }, index: 9, term: 1 };
  node.step(from(2, messageType.snap, { term: 1, snapshot: { data: noBytes, metadata } }));
  equal(log.lines.at(-1), '1 attempted to restore snapshot but it is not in the ConfState; should never happen');
  node.step(from(2, messageType.snap, { term: 1 }));
  deepEqual(
    advance(node, storage).map(({ type, index }) => [type, index]),
    [
      [messageType.appResp, 2],
      [messageType.appResp, 2],
    ],
  );
});

test('a follower that must not forward refuses', () => {
  const { node } = start({ disableProposalForwarding: true });
  node.step(from(2, messageType.heartbeat, { term: 1 }));
  equal(node.propose([utf8('x')]), 'proposalDropped');
});

test('an answer to a read that answers nothing is passed over', () => {
  const { node, storage, log } = start();
  node.step(from(2, messageType.heartbeat, { term: 1 }));
  advance(node, storage);
  node.step(from(2, messageType.readIndexResp, { term: 1, index: 2 }));
  equal(log.lines.at(-1), '1 invalid format of MsgReadIndexResp from 2, entries count: 0');
  equal(node.hasReady(), false);
});

test('a snapshot is sent to who has been heard of, once there is one', () => {
  let snapshot: Snapshot | undefined;
  const storage = new MemoryStorage();
  const confState = { ...emptyConfState, voters: [id(1), id(2), id(3)] };
  storage.applySnapshot({ data: noBytes, metadata: { confState, index: 2, term: 1 } });
  const preparing: Storage = {
    initialState: () => storage.initialState(),
    entries: (low, high, maxBytes) => storage.entries(low, high, maxBytes),
    term: (index) => storage.term(index),
    firstIndex: () => storage.firstIndex(),
    lastIndex: () => storage.lastIndex(),
    snapshot: () => snapshot,
  };
  const { node, log } = start({ storage: preparing });
  elect(node, storage);
  const { term } = node.raft;
  node.step(from(2, messageType.appResp, { term, index: 3 }));
  advance(node, storage);
  node.raft.log.appliedTo(3, 0);
  storage.compact(3);
  const refusal = from(3, messageType.appResp, { term, index: 2, reject: true, rejectHint: 0 });
  node.step(refusal);
  equal(log.lines.at(-1), '1 failed to send snapshot to 3 because snapshot is temporarily unavailable');
  snapshot = { data: noBytes, metadata: { confState, index: 3, term } };
  node.step(from(3, messageType.heartbeatResp, { term }));
  deepEqual(
    advance(node, storage).map(({ type, to }) => [type, to]),
    [[messageType.snap, id(3)]],
  );
  equal(node.status().progress[2]?.state, 'snapshot');
  node.reportSnapshot(id(3), 'failed');
  equal(node.status().progress[2]?.state, 'probe');
});

test('a removed leader takes no proposals, and a change that cannot be read is none', () => {
  const { node, storage } = start();
  elect(node, storage);
  const broken: Entry = { type: 1, term: 0, index: 0, data: new Uint8Array([0x08]) };
  equal(node.step(from(1, messageType.prop, { entries: [broken] })), 'proposalDropped');
  node.applyConfChange({ id: 0n, type: 1, nodeId: id(1), context: undefined });
  equal(node.propose([utf8('x')]), 'proposalDropped');
  equal(node.basicStatus().softState.role, 'leader');
});

test('texts', () => {
  equal(quote(utf8('a"b\\c\n\u0001é')), '"a\\"b\\\\c\\n\\x01é"');
  equal(describeEntry({ type: 1, term: 2, index: 3, data: new Uint8Array([8]) }), '2/3 EntryConfChange undecodable');
  equal(describeMessage(newMessage(messageType.hup, id(0))), 'None->None MsgHup Term:0 Log:0/0');
});
