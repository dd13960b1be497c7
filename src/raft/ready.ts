/**
 * What a node wants done next.
 *
 * Storage in step (`asyncStorageWrites` off): store `hardState`, `snapshot` and `entries`, the snapshot before the entries,
 * for both may come at once; make them durable if `mustSync`, a snapshot always. Then send `messages`, apply `snapshot` and
 * `committedEntries`, and call `advance`.
 *
 * Storage by messages (on): deal with `messages` alone, and never call `advance`. One to `localAppendThread` says what to
 * store, one to `localApplyThread` what to apply. Each thread works in order; when a message's work is done (for an
 * append: is durable), its `responses` are delivered, to this node by `step`, to others by the network. Without responses
 * nothing has to be durable. All other messages leave at once: a leader's entries reach its followers while its own disk
 * still writes them.
 */
import { type Entry, type HardState, type Message, messageType, type Snapshot } from '../wire/raftpb/types.js';
import { localAppendThread, localApplyThread, newMessage } from './message.js';
import type { Raft } from './raft.js';
import type { ReadState } from './read-only.js';
import type { SoftState } from './status.js';

export interface Ready {
  /** Undefined when unchanged. */
  readonly softState: SoftState | undefined;
  /** Undefined when unchanged. */
  readonly hardState: HardState | undefined;
  /** Reads that may be answered once their index is applied. */
  readonly readStates: readonly ReadState[];
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | undefined;
  readonly committedEntries: readonly Entry[];
  readonly messages: Message[];
  /** False when only the commit index moved, or nothing. */
  readonly mustSync: boolean;
}

/** The instruction to the log writer, with all promises that wait for it; undefined if it has nothing to do. */
export function storageAppend(raft: Raft, ready: Ready): Message | undefined {
  const { hardState, entries, snapshot } = ready;
  const promises = raft.messagesAfterAppend;
  if (entries.length === 0 && hardState === undefined && snapshot === undefined && promises.length === 0) {
    return undefined;
  }
  const message = newMessage(messageType.storageAppend, localAppendThread);
  message.from = raft.id;
  message.entries = entries;
  if (hardState !== undefined) {
    message.term = hardState.term;
    message.vote = hardState.vote;
    message.commit = hardState.commit;
  }
  message.snapshot = snapshot;
  // The node's own acknowledgement goes before `storageAppendResp`: it reads the new entries' term from the unstable log.
  const response = storageAppendResponse(raft, ready);
  if (response !== undefined) promises.push(response);
  message.responses = promises;
  return message;
}

/**
 * What the log writer answers to this node: the log up to its last entry is stored.
 *
 * It carries the term in which that was asked. If the term has changed when it comes back, it is ignored: entries of
 * another leader may be on their way to the same place on disk, even such as look the same again (A's, then B's, then
 * A's). And since an ignored answer may have been the last one, every append that finds anything unstable asks for one,
 * with entries or without; and each new term brings one, for its hard state must be stored.
 */
export function storageAppendResponse(raft: Raft, ready: Ready): Message | undefined {
  const holdsUnstable = raft.log.unstable.length > 0;
  if (!holdsUnstable && ready.snapshot === undefined) return undefined;
  const message = newMessage(messageType.storageAppendResp, raft.id);
  message.from = localAppendThread;
  message.term = raft.term;
  if (holdsUnstable) {
    message.index = raft.log.lastIndex();
    message.logTerm = raft.log.lastTerm();
  }
  message.snapshot = ready.snapshot;
  return message;
}

/** The instruction to the state machine. What is committed belongs to no term. */
export function storageApply(raft: Raft, entries: readonly Entry[]): Message {
  const message = newMessage(messageType.storageApply, localApplyThread);
  message.from = raft.id;
  message.entries = entries;
  message.responses = [storageApplyResponse(raft, entries)];
  return message;
}

export function storageApplyResponse(raft: Raft, entries: readonly Entry[]): Message {
  const message = newMessage(messageType.storageApplyResp, raft.id);
  message.from = localApplyThread;
  message.entries = entries;
  return message;
}
