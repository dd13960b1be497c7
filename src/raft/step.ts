/** The rules for every message, whatever the role: terms first, then votes and storage, then the role's own page. */
import { idToHex, noMember } from '../base/ids.js';
import { type Message, messageType, type Snapshot } from '../wire/raftpb/types.js';
import { stepCandidate } from './candidate.js';
import { encodeConfChange } from './conf-change-codec.js';
import { describeConfiguration } from './configuration.js';
import { describeMessageType } from './describe.js';
import { answerVote, describeAsker, hup, isTransfer } from './election.js';
import { encodedSizeOf, payloadSizeOf } from './entry-size.js';
import { stepFollower } from './follower.js';
import { stepLeader } from './leader.js';
import { newMessage } from './message.js';
import type { Raft } from './raft.js';
import { type Refusal, refusals } from './refusal.js';

export function step(raft: Raft, message: Message): Refusal | undefined {
  // Term 0 marks what is of no term: local messages, and requests that any leader may serve.
  if (message.term > raft.term) {
    if (!enterTerm(raft, message)) return undefined;
  } else if (message.term < raft.term && message.term !== 0) {
    answerLate(raft, message);
    return undefined;
  }
  switch (message.type) {
    case messageType.hup:
      hup(raft, raft.config.preVote ? 'preElection' : 'election');
      return undefined;
    case messageType.vote:
    case messageType.preVote:
      answerVote(raft, message);
      return undefined;
    case messageType.storageAppendResp:
      if (message.index !== 0) raft.log.unstable.stableTo(message.index, message.logTerm);
      if (message.snapshot !== undefined) snapshotPersisted(raft, message.snapshot);
      return undefined;
    case messageType.storageApplyResp: {
      const last = message.entries[message.entries.length - 1];
      if (last === undefined) return undefined;
      appliedTo(raft, last.index, encodedSizeOf(message.entries));
      raft.reduceUncommitted(payloadSizeOf(message.entries));
      return undefined;
    }
    default:
      break;
  }
  switch (raft.role) {
    case 'leader':
      return stepLeader(raft, message);
    case 'follower':
      return stepFollower(raft, message);
    case 'candidate':
    case 'preCandidate':
      return stepCandidate(raft, message);
  }
}

/** A message of a later term. Mostly that term becomes ours; false where the message is to be ignored. */
function enterTerm(raft: Raft, message: Message): boolean {
  const { logger, name } = raft;
  const { type } = message;
  const asksVote = type === messageType.vote || type === messageType.preVote;
  if (asksVote && !isTransfer(message) && hearsLeader(raft)) {
    // Thesis 4.2.3: who still hears of a leader helps nobody to unseat it, not even by taking over the term.
    const remaining = raft.config.electionTicks - raft.electionElapsed;
    logger.info(
      `${raft.standing} ignored ${describeMessageType(type)} from ${describeAsker(message)} at term ${raft.term}: lease is not expired (remaining ticks: ${remaining})`,
    );
    return false;
  }
  // A pre-vote only asks about a term, and a grant only answers that: nobody is in it yet.
  if (type === messageType.preVote || (type === messageType.preVoteResp && !message.reject)) return true;
  logger.info(
    `${name} [term: ${raft.term}] received a ${describeMessageType(type)} message with higher term from ${idToHex(message.from)} [term: ${message.term}]`,
  );
  const fromLeader = type === messageType.app || type === messageType.heartbeat || type === messageType.snap;
  raft.becomeFollower(message.term, fromLeader ? message.from : noMember);
  return true;
}

function hearsLeader(raft: Raft): boolean {
  return raft.config.checkQuorum && raft.lead !== noMember && raft.electionElapsed < raft.config.electionTicks;
}

/** A message of an earlier term: its sender is behind, or it was long on its way. */
function answerLate(raft: Raft, message: Message): void {
  const { logger, name, config } = raft;
  const { type, from } = message;
  if ((config.checkQuorum || config.preVote) && (type === messageType.heartbeat || type === messageType.app)) {
    // Its vote requests would be ignored by those who hear a leader, so it could neither lead nor come back. The answer's
    // term unseats the old leader, and the next election takes this node in.
    raft.send(newMessage(messageType.appResp, from));
  } else if (type === messageType.preVote) {
    // Were it ignored, nodes with a higher term but a shorter log, and those without pre-vote, could wait for each other for ever.
    const asker = describeAsker(message);
    logger.info(`${raft.standing} rejected ${describeMessageType(type)} from ${asker} at term ${raft.term}`);
    const answer = newMessage(messageType.preVoteResp, from);
    answer.term = raft.term;
    answer.reject = true;
    raft.send(answer);
  } else if (type === messageType.storageAppendResp) {
    if (message.index !== 0) {
      // Other entries may be on their way to the same place on disk: see `storageAppendResponse`.
      logger.info(
        `${name} [term: ${raft.term}] ignored entry appends from a ${describeMessageType(type)} message with lower term [term: ${message.term}]`,
      );
    }
    // A snapshot holds what is committed, whatever the term.
    if (message.snapshot !== undefined) snapshotPersisted(raft, message.snapshot);
  } else {
    logger.info(
      `${name} [term: ${raft.term}] ignored a ${describeMessageType(type)} message with lower term from ${idToHex(from)} [term: ${message.term}]`,
    );
  }
}

function snapshotPersisted(raft: Raft, snapshot: Snapshot): void {
  raft.log.unstable.stableSnapshotTo(snapshot.metadata.index);
  appliedTo(raft, snapshot.metadata.index, 0);
}

/** The application has applied up to `index`. A joint configuration that leaves by itself does so as soon as it is applied. */
function appliedTo(raft: Raft, index: number, bytes: number): void {
  const { log, logger, tracker } = raft;
  const applied = Math.max(index, log.applied);
  log.appliedTo(applied, bytes);
  if (!tracker.configuration.autoLeave || raft.role !== 'leader' || applied < raft.pendingConfIndex) return;
  const leave = newMessage(messageType.prop, noMember);
  leave.entries = [{ ...encodeConfChange(undefined), term: 0, index: 0 }];
  // Refused, it is tried again with the next entry applied, here or at the next leader.
  const configuration = describeConfiguration(tracker.configuration);
  const refused = step(raft, leave);
  if (refused === undefined) {
    logger.info(`initiating automatic transition out of joint configuration ${configuration}`);
  } else {
    logger.debug(
      `not initiating automatic transition out of joint configuration ${configuration}: ${refusals[refused]}`,
    );
  }
}
