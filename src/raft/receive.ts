/** What a leader's append, heartbeat and snapshot do to the log of who receives them. Thesis 3.5, 5. */
import { idToHex, noMember } from '../base/ids.js';
import { type Message, messageType, type Snapshot } from '../wire/raftpb/types.js';
import { restoreConfState } from './membership.js';
import { emptySnapshot } from './memory-storage.js';
import { newMessage } from './message.js';
import type { Raft } from './raft.js';

export function receiveAppend(raft: Raft, append: Message): void {
  const { log } = raft;
  if (!isConsistent(append)) {
    raft.logger.error(
      `${raft.name} ignored a MsgApp from ${idToHex(append.from)} whose entries do not follow each other`,
    );
    return;
  }
  const answer = newMessage(messageType.appResp, append.from);
  if (append.index < log.committed) {
    // Late or doubled: all that is committed here matches anyway.
    answer.index = log.committed;
    raft.send(answer);
    return;
  }
  const last = log.maybeAppend(append.index, append.logTerm, append.entries, append.commit);
  if (last !== undefined) {
    answer.index = last;
    raft.send(answer);
    return;
  }
  raft.logger.debug(
    `${raft.name} [logterm: ${log.termOrZero(append.index)}, index: ${append.index}] rejected MsgApp [logterm: ${append.logTerm}, index: ${append.index}] from ${idToHex(append.from)}`,
  );
  // The leader's entries up to there have terms of at most `logTerm`: so ours that are higher cannot match, and are skipped.
  const hint = log.findConflictByTerm(Math.min(append.index, log.lastIndex()), append.logTerm);
  answer.index = append.index;
  answer.reject = true;
  answer.rejectHint = hint.index;
  answer.logTerm = hint.term;
  raft.send(answer);
}

/** A leader's entries follow each other and its terms never fall; none is of a term to come. What is not so, no leader sent. */
function isConsistent({ index, logTerm, term, entries }: Message): boolean {
  let atIndex = index;
  let atTerm = logTerm;
  for (const entry of entries) {
    atIndex++;
    if (entry.index !== atIndex || entry.term < atTerm) return false;
    atTerm = entry.term;
  }
  return atTerm <= term;
}

export function receiveHeartbeat(raft: Raft, heartbeat: Message): void {
  if (heartbeat.commit > raft.log.lastIndex()) {
    // A leader tells a follower to commit what it knows to match. Either this is no leader's, or this log has lost its end.
    raft.logger.error(
      `${raft.name} ignored a MsgHeartbeat from ${idToHex(heartbeat.from)} that commits ${heartbeat.commit}: the log ends at ${raft.log.lastIndex()}; was it damaged, cut off or lost?`,
    );
    return;
  }
  raft.log.commitTo(heartbeat.commit);
  const answer = newMessage(messageType.heartbeatResp, heartbeat.from);
  answer.context = heartbeat.context;
  raft.send(answer);
}

export function receiveSnapshot(raft: Raft, message: Message): void {
  const { log } = raft;
  const snapshot = message.snapshot ?? emptySnapshot;
  const { index, term } = snapshot.metadata;
  const restored = restore(raft, snapshot);
  raft.logger.info(
    `${raft.name} [commit: ${log.committed}] ${restored ? 'restored' : 'ignored'} snapshot [index: ${index}, term: ${term}]`,
  );
  const answer = newMessage(messageType.appResp, message.from);
  answer.index = restored ? log.lastIndex() : log.committed;
  raft.send(answer);
}

/** Puts the snapshot in the place of the log. False if it brings nothing new, or is not for this node. */
function restore(raft: Raft, snapshot: Snapshot): boolean {
  const { log, logger, name } = raft;
  const { index, term, confState } = snapshot.metadata;
  if (index <= log.committed) return false;
  if (raft.role !== 'follower') {
    logger.warning(`${name} attempted to restore snapshot as leader; should never happen`);
    raft.becomeFollower(raft.term + 1, noMember);
    return false;
  }
  const members = [confState.voters, confState.learners, confState.votersOutgoing];
  if (!members.some((ids) => ids.includes(raft.id))) {
    logger.warning(`${name} attempted to restore snapshot but it is not in the ConfState; should never happen`);
    return false;
  }
  const position = () =>
    `${name} [commit: ${log.committed}, lastindex: ${log.lastIndex()}, lastterm: ${log.lastTerm()}]`;
  if (log.matches(index, term)) {
    // The log has it all: what it lacked was only to know that it is committed.
    logger.info(`${position()} fast-forwarded commit to snapshot [index: ${index}, term: ${term}]`);
    log.commitTo(index);
    return false;
  }
  log.restore(snapshot);
  restoreConfState(raft, confState);
  logger.info(`${position()} restored snapshot [index: ${index}, term: ${term}]`);
  return true;
}
