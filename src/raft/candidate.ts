/** A candidate or pre-candidate: counts votes, and gives way to whoever turns out to lead this term. */
import { idToHex, noMember } from '../base/ids.js';
import { type Message, messageType } from '../wire/raftpb/types.js';
import { campaign } from './election.js';
import type { Raft } from './raft.js';
import { receiveAppend, receiveHeartbeat, receiveSnapshot } from './receive.js';
import type { Refusal } from './refusal.js';
import { broadcastAppend } from './replication.js';

export function stepCandidate(raft: Raft, message: Message): Refusal | undefined {
  const { logger, name } = raft;
  switch (message.type) {
    case messageType.prop:
      logger.info(`${name} no leader at term ${raft.term}; dropping proposal`);
      return 'proposalDropped';
    case messageType.app:
      raft.becomeFollower(message.term, message.from);
      receiveAppend(raft, message);
      return undefined;
    case messageType.heartbeat:
      raft.becomeFollower(message.term, message.from);
      receiveHeartbeat(raft, message);
      return undefined;
    case messageType.snap:
      raft.becomeFollower(message.term, message.from);
      receiveSnapshot(raft, message);
      return undefined;
    case messageType.preVoteResp:
      if (raft.role === 'preCandidate') countVote(raft, message, 'MsgPreVoteResp');
      return undefined;
    case messageType.voteResp:
      if (raft.role === 'candidate') countVote(raft, message, 'MsgVoteResp');
      return undefined;
    case messageType.timeoutNow: {
      const state = raft.role === 'candidate' ? 'StateCandidate' : 'StatePreCandidate';
      logger.debug(`${name} [term ${raft.term} state ${state}] ignored MsgTimeoutNow from ${idToHex(message.from)}`);
      return undefined;
    }
    default:
      return undefined;
  }
}

function countVote(raft: Raft, vote: Message, what: string): void {
  const { logger, name } = raft;
  logger.info(
    `${name} received ${what}${vote.reject ? ' rejection' : ''} from ${idToHex(vote.from)} at term ${raft.term}`,
  );
  raft.tracker.recordVote(vote.from, !vote.reject);
  const { granted, rejected, result } = raft.tracker.tally();
  logger.info(`${name} has received ${granted} ${what} votes and ${rejected} vote rejections`);
  switch (result) {
    case 'won':
      if (raft.role === 'preCandidate') campaign(raft, 'election');
      else {
        raft.becomeLeader();
        broadcastAppend(raft);
      }
      return;
    case 'lost':
      // A pre-vote's answer is about the term to come: the own term stays.
      raft.becomeFollower(raft.term, noMember);
      return;
    case 'pending':
      return;
  }
}
