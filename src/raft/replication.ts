/** What a leader sends to the others: entries, snapshots, heartbeats; and when it may count an entry as committed. */
import { check } from '../base/check.js';
import { idToHex } from '../base/ids.js';
import { messageType } from '../wire/raftpb/types.js';
import { payloadSizeOf } from './entry-size.js';
import { newMessage, noEntries } from './message.js';
import type { Progress } from './progress.js';
import type { Raft } from './raft.js';

/**
 * Sends what comes next to a follower, if it may be sent to. Without entries only if `evenEmpty`: that tells it the commit index.
 * True if something was sent.
 */
export function sendAppend(raft: Raft, to: Progress, evenEmpty: boolean): boolean {
  if (to.paused) return false;
  const { log } = raft;
  const before = to.next - 1;
  const beforeTerm = log.term(before);
  if (typeof beforeTerm !== 'number') return sendSnapshot(raft, to);
  // Into a full window only empty appends go: should all that filled it be lost, one of them shows it.
  const room = to.state !== 'replicate' || !to.inflights.full;
  const entries = room ? log.entriesFrom(to.next, raft.config.maxMessageBytes) : noEntries;
  if (typeof entries === 'string') return evenEmpty ? sendSnapshot(raft, to) : false;
  if (entries.length === 0 && !evenEmpty) return false;
  const message = newMessage(messageType.app, to.id);
  message.index = before;
  message.logTerm = beforeTerm;
  message.entries = entries;
  message.commit = log.committed;
  raft.send(message);
  to.sentEntries(entries.length, payloadSizeOf(entries));
  to.sentCommit = log.committed;
  return true;
}

function sendSnapshot(raft: Raft, to: Progress): boolean {
  const { log, logger, name } = raft;
  const toName = idToHex(to.id);
  if (!to.recentActive) {
    logger.debug(`ignore sending snapshot to ${toName} since it is not recently active`);
    return false;
  }
  const snapshot = log.snapshot();
  if (snapshot === undefined) {
    logger.debug(`${name} failed to send snapshot to ${toName} because snapshot is temporarily unavailable`);
    return false;
  }
  const { index, term } = snapshot.metadata;
  check(index > 0, 'where entries are compacted away there is a snapshot of them');
  logger.debug(
    `${name} [firstindex: ${log.firstIndex()}, commit: ${log.committed}] sent snapshot[index: ${index}, term: ${term}] to ${toName} [${to}]`,
  );
  to.becomeSnapshot(index);
  logger.debug(`${name} paused sending replication messages to ${toName} [${to}]`);
  const message = newMessage(messageType.snap, to.id);
  message.snapshot = snapshot;
  raft.send(message);
  return true;
}

export function broadcastAppend(raft: Raft): void {
  for (const progress of raft.tracker.progresses) if (progress.id !== raft.id) sendAppend(raft, progress, true);
}

/** Heartbeats also ask for the confirmations that waiting reads need. */
export function broadcastHeartbeat(raft: Raft): void {
  const context = raft.readOnly.heartbeatContext();
  for (const progress of raft.tracker.progresses) {
    if (progress.id === raft.id) continue;
    // A follower is never told to commit beyond what is known to match.
    const commit = Math.min(progress.match, raft.log.committed);
    const message = newMessage(messageType.heartbeat, progress.id);
    message.commit = commit;
    message.context = context;
    raft.send(message);
    progress.sentCommit = commit;
  }
}

/** Commits what a quorum has stored, if it is of this term. True if the commit index moved: then all should hear of it. */
export function maybeCommit(raft: Raft): boolean {
  return raft.log.maybeCommit(raft.tracker.committed(), raft.term);
}
