/**
 * What other members send: why a message is not for this member's raft, if so.
 *
 * The codec has judged its form, the transport its sender's cluster. Here stands what raft, and the state machine after it,
 * take for granted: no peer plays this member or its storage, names are those of members, numbers leave room to count on,
 * and what is proposed can be read by all who will have to apply it.
 */
import type { MemberId } from '../base/ids.js';
import type { MembershipBook } from '../cluster/book.js';
import { isV2 } from '../raft/conf-change.js';
import { decodeConfChange } from '../raft/conf-change-codec.js';
import { isKnownType, isLocalMessage, isLocalTarget } from '../raft/message.js';
import { InternalRaftRequest } from '../wire/messages/raft-request.js';
import { decodeFailure } from '../wire/proto/failure.js';
import { type Entry, entryType, type Message, messageType } from '../wire/raftpb/types.js';

/** No cluster counts this far; nobody may make ours begin there. */
const countedMax = 2 ** 50;
/** A read's name as etcd gives it. */
const readNameBytes = 8;

const request = new InternalRaftRequest();

export function faultOf(
  message: Message,
  own: MemberId,
  members: Pick<MembershipBook, 'isRemoved'>,
): string | undefined {
  const { type, from, to } = message;
  if (to !== own) return 'rejected Raft message to mismatch member';
  if (members.isRemoved(from)) return 'rejected Raft message from removed member';
  if (!isKnownType(type)) return 'ignored Raft message of an unknown type';
  if (isLocalTarget(from) || isLocalMessage(type)) return 'rejected local Raft message from a peer';
  if (from === own && !comesBack(type)) return 'rejected local Raft message from a peer';
  if (message.term > countedMax || message.index > countedMax || message.commit > countedMax)
    return 'rejected Raft message with an impossible term or index';
  const { entries } = message;
  switch (type) {
    case messageType.prop:
      return entries.every(isReadable) ? undefined : 'rejected Raft proposal that cannot be read';
    case messageType.readIndex:
    case messageType.readIndexResp:
      return entries.length === 1 && entries[0]?.data.length === readNameBytes
        ? undefined
        : 'rejected Raft read index without a name';
    case messageType.snap:
      return message.snapshot !== undefined && message.snapshot.metadata.index <= countedMax
        ? undefined
        : 'rejected Raft snapshot message without a snapshot';
    default:
      return undefined;
  }
}

/** What we passed on to a leader that has lost the lead to us meanwhile: it passes it on, in our name still. */
function comesBack(type: Message['type']): boolean {
  return type === messageType.prop || type === messageType.readIndex;
}

function isReadable(entry: Entry): boolean {
  if (entry.type === entryType.normal) {
    return request.decode(entry.data, 0, entry.data.length) === decodeFailure.none;
  }
  const change = decodeConfChange(entry);
  return change !== undefined && !isV2(change);
}
