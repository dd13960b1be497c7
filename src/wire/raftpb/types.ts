/**
 * What raft members say to each other and write down: etcd's `raftpb`, as plain values.
 *
 * Terms and indexes are safe integers (2^53 entries is more than a cluster can write); identities are 64-bit.
 * The codec beside this file turns them into etcd's bytes and back.
 */
import type { MemberId } from '../../base/ids.js';

export const entryType = { normal: 0, confChange: 1, confChangeV2: 2 } as const;
export type EntryType = (typeof entryType)[keyof typeof entryType];

export interface Entry {
  type: EntryType;
  term: number;
  index: number;
  /** Empty for the entry with which a leader opens its term. */
  data: Uint8Array;
}

export interface HardState {
  term: number;
  vote: MemberId;
  commit: number;
}

export interface ConfState {
  voters: MemberId[];
  learners: MemberId[];
  votersOutgoing: MemberId[];
  learnersNext: MemberId[];
  autoLeave: boolean;
}

export interface SnapshotMetadata {
  confState: ConfState;
  index: number;
  term: number;
}

export interface Snapshot {
  data: Uint8Array;
  metadata: SnapshotMetadata;
}

export const messageType = {
  hup: 0,
  beat: 1,
  prop: 2,
  app: 3,
  appResp: 4,
  vote: 5,
  voteResp: 6,
  snap: 7,
  heartbeat: 8,
  heartbeatResp: 9,
  unreachable: 10,
  snapStatus: 11,
  checkQuorum: 12,
  transferLeader: 13,
  timeoutNow: 14,
  readIndex: 15,
  readIndexResp: 16,
  preVote: 17,
  preVoteResp: 18,
  storageAppend: 19,
  storageAppendResp: 20,
  storageApply: 21,
  storageApplyResp: 22,
  forgetLeader: 23,
} as const;
export type MessageType = (typeof messageType)[keyof typeof messageType];

export interface Message {
  type: MessageType;
  to: MemberId;
  from: MemberId;
  term: number;
  logTerm: number;
  index: number;
  entries: readonly Entry[];
  commit: number;
  vote: MemberId;
  snapshot: Snapshot | undefined;
  reject: boolean;
  rejectHint: number;
  context: Uint8Array | undefined;
  /** Only on messages to local storage: what to step once the write is durable. */
  responses: readonly Message[];
}

export const confChangeType = { addNode: 0, removeNode: 1, updateNode: 2, addLearnerNode: 3 } as const;
export type ConfChangeType = (typeof confChangeType)[keyof typeof confChangeType];

/** The single-step change that etcd writes (`EntryConfChange`). */
export interface ConfChange {
  id: bigint;
  type: ConfChangeType;
  nodeId: MemberId;
  context: Uint8Array | undefined;
}

export const confChangeTransition = { auto: 0, jointImplicit: 1, jointExplicit: 2 } as const;
export type ConfChangeTransition = (typeof confChangeTransition)[keyof typeof confChangeTransition];

export interface ConfChangeSingle {
  type: ConfChangeType;
  nodeId: MemberId;
}

/** The joint-consensus change (`EntryConfChangeV2`). */
export interface ConfChangeV2 {
  transition: ConfChangeTransition;
  changes: readonly ConfChangeSingle[];
  context: Uint8Array | undefined;
}
