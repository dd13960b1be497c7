/** Elections: when to campaign, and how. Thesis 3.4, 3.10, 9.6. */

import { utf8 } from '../base/bytes.js';
import { check } from '../base/check.js';
import { idToHex, noMember } from '../base/ids.js';
import { entryType, type Message, messageType } from '../wire/raftpb/types.js';
import { allVoters } from './configuration.js';
import { newMessage } from './message.js';
import type { Raft } from './raft.js';

/** `transfer`: the leader itself has asked for it, so its followers' lease does not stand in the way. */
export type Campaign = 'preElection' | 'election' | 'transfer';

const transferContext = utf8('CampaignTransfer');

export function isTransfer(request: Message): boolean {
  const { context } = request;
  if (context === undefined || context.length !== transferContext.length) return false;
  return transferContext.every((byte, at) => context[at] === byte);
}

/** Campaigns, unless this node must not or cannot lead. */
export function hup(raft: Raft, kind: Campaign): void {
  const { logger, name } = raft;
  if (raft.role === 'leader') {
    logger.debug(`${name} ignoring MsgHup because already leader`);
  } else if (!raft.promotable) {
    logger.warning(`${name} is unpromotable and can not campaign`);
  } else if (hasUnappliedConfChange(raft)) {
    // It might campaign in a configuration that is no longer the one in force.
    logger.warning(
      `${name} cannot campaign at term ${raft.term} since there are still pending configuration changes to apply`,
    );
  } else {
    logger.info(`${name} is starting a new election at term ${raft.term}`);
    campaign(raft, kind);
  }
}

function hasUnappliedConfChange(raft: Raft): boolean {
  const { log } = raft;
  for (let at = log.applied + 1; at <= log.committed; ) {
    const page = log.slice(at, log.committed + 1, log.maxApplyingBytes);
    check(typeof page !== 'string' && page.length > 0, 'what is committed and not applied can be read');
    if (page.some(({ type }) => type !== entryType.normal)) return true;
    at += page.length;
  }
  return false;
}

/** Asks all voters. The own vote counts like the others', once it is stored. */
export function campaign(raft: Raft, kind: Campaign): void {
  const pre = kind === 'preElection';
  if (pre) raft.becomePreCandidate();
  else raft.becomeCandidate();
  // A pre-vote is about the term that would come.
  const term = pre ? raft.term + 1 : raft.term;
  const lastTerm = raft.log.lastTerm();
  const lastIndex = raft.log.lastIndex();
  for (const id of allVoters(raft.tracker.configuration)) {
    if (id === raft.id) {
      const own = newMessage(pre ? messageType.preVoteResp : messageType.voteResp, id);
      own.term = term;
      raft.send(own);
      continue;
    }
    const what = pre ? 'MsgPreVote' : 'MsgVote';
    const own = `${raft.name} [logterm: ${lastTerm}, index: ${lastIndex}]`;
    raft.logger.info(`${own} sent ${what} request to ${idToHex(id)} at term ${raft.term}`);
    const request = newMessage(pre ? messageType.preVote : messageType.vote, id);
    request.term = term;
    request.index = lastIndex;
    request.logTerm = lastTerm;
    if (kind === 'transfer') request.context = transferContext;
    raft.send(request);
  }
}

/** One tick of a node that does not lead. */
export function tickElection(raft: Raft): void {
  raft.electionElapsed++;
  if (raft.electionElapsed < raft.randomizedElectionTimeout || !raft.promotable) return;
  raft.electionElapsed = 0;
  hup(raft, raft.config.preVote ? 'preElection' : 'election');
}

/** Who asks for a vote, and what its log is like. */
export function describeAsker({ from, logTerm, index }: Message): string {
  return `${idToHex(from)} [logterm: ${logTerm}, index: ${index}]`;
}

/** Answers a request for a vote, in this term or, for a pre-vote, in one to come. */
export function answerVote(raft: Raft, request: Message): void {
  const { log, logger } = raft;
  const pre = request.type === messageType.preVote;
  const mayVote =
    raft.vote === request.from || // The same vote again.
    (raft.vote === noMember && raft.lead === noMember) ||
    (pre && request.term > raft.term); // A question, not yet a vote.
  // A learner votes too: it may have been made a voter without knowing it yet, and then its vote may be needed.
  const granted = mayVote && log.isUpToDate(request.index, request.logTerm);
  const what = pre ? 'MsgPreVote' : 'MsgVote';
  const theirs = `${describeAsker(request)} at term ${raft.term}`;
  logger.info(`${raft.standing} ${granted ? `cast ${what} for` : `rejected ${what} from`} ${theirs}`);
  const answer = newMessage(pre ? messageType.preVoteResp : messageType.voteResp, request.from);
  answer.reject = !granted;
  // Granted, it repeats the term asked about, or the asker would take it for stale; refused, it shows our own.
  answer.term = granted ? request.term : raft.term;
  raft.send(answer);
  if (granted && !pre) {
    raft.electionElapsed = 0;
    raft.vote = request.from;
  }
}
