/** Messages as the library makes them: one shape, born with all fields, so that every reader stays monomorphic. */
import { type MemberId, noMember } from '../base/ids.js';
import { type Entry, type Message, type MessageType, messageType } from '../wire/raftpb/types.js';

/** The local log writer, as a target of messages: what it has written, it answers. */
export const localAppendThread = 0xffff_ffff_ffff_ffffn as MemberId;
/** The local state machine, as a target of messages. */
export const localApplyThread = 0xffff_ffff_ffff_fffen as MemberId;

export const noEntries: readonly Entry[] = [];
export const noMessages: readonly Message[] = [];

export function newMessage(type: MessageType, to: MemberId): Message {
  return {
    type,
    to,
    from: noMember,
    term: 0,
    logTerm: 0,
    index: 0,
    entries: noEntries,
    commit: 0,
    vote: noMember,
    snapshot: undefined,
    reject: false,
    rejectHint: 0,
    context: undefined,
    responses: noMessages,
  };
}

export function isLocalTarget(id: MemberId): boolean {
  return id === localAppendThread || id === localApplyThread;
}

/** Whether there is such a type: a peer may be of a later version. */
export function isKnownType(type: MessageType): boolean {
  return type >= messageType.hup && type <= messageType.forgetLeader;
}

/** Messages that never cross the network: a node, its application or its storage sends them to itself. */
export function isLocalMessage(type: MessageType): boolean {
  switch (type) {
    case messageType.hup:
    case messageType.beat:
    case messageType.unreachable:
    case messageType.snapStatus:
    case messageType.checkQuorum:
    case messageType.storageAppend:
    case messageType.storageAppendResp:
    case messageType.storageApply:
    case messageType.storageApplyResp:
      return true;
    default:
      return false;
  }
}

/** Answers, which only a known member may give. */
export function isResponse(type: MessageType): boolean {
  switch (type) {
    case messageType.appResp:
    case messageType.voteResp:
    case messageType.heartbeatResp:
    case messageType.unreachable:
    case messageType.readIndexResp:
    case messageType.preVoteResp:
    case messageType.storageAppendResp:
    case messageType.storageApplyResp:
      return true;
    default:
      return false;
  }
}
