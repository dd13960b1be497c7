// Proves: in our own name, peers may bring back what we passed on to a leader, and nothing else.
import { equal } from 'node:assert/strict';
import { test } from 'node:test';
import { requestField } from '../apply/request-field.js';
import type { MemberId } from '../base/ids.js';
import { newMessage } from '../raft/message.js';
import { RequestHeader, raftRequestSize, writeRaftRequest } from '../wire/messages/raft-request.js';
import { Writer } from '../wire/proto/writer.js';
import { type Entry, type MessageType, messageType } from '../wire/raftpb/types.js';
import { faultOf } from './incoming.js';

const own = 1n as MemberId;
const members = { isRemoved: () => false };

function fromOurselves(type: MessageType, data: Uint8Array): string | undefined {
  const entry: Entry = { type: 0, term: 0, index: 0, data };
  return faultOf({ ...newMessage(type, own), from: own, entries: [entry] }, own, members);
}

/** A put of nothing. */
function proposal(): Uint8Array {
  const header = new RequestHeader();
  const writer = new Writer(raftRequestSize(requestField.put, 0, header));
  writeRaftRequest(writer, requestField.put, { bytes: new Uint8Array(0), start: 0, end: 0 }, header);
  return writer.bytes.slice(0, writer.at);
}

test('a proposal and a read that come back are taken', () => {
  equal(fromOurselves(messageType.prop, proposal()), undefined);
  equal(fromOurselves(messageType.readIndex, new Uint8Array(8)), undefined);
});

test('a type that only a later version knows does not get to raft', () => {
  for (const type of [-1, 24, 92]) {
    const message = { ...newMessage(type as MessageType, own), from: 2n as MemberId, term: 1 };
    equal(faultOf(message, own, members), 'ignored Raft message of an unknown type');
  }
});

test('nobody appends, votes or acknowledges in our name', () => {
  const { app, appResp, heartbeat, vote, preVoteResp, readIndexResp, hup } = messageType;
  for (const type of [app, appResp, heartbeat, vote, preVoteResp, readIndexResp, hup]) {
    equal(fromOurselves(type, new Uint8Array(8)), 'rejected local Raft message from a peer');
  }
});
