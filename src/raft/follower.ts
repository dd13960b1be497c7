/**
 * A follower: takes what its leader sends, passes on what only a leader can answer, and campaigns when told to.
 *
 * Whoever appends, beats or sends a snapshot in this term is its leader: there is at most one.
 */
import { idToHex, noMember } from '../base/ids.js';
import { type Message, messageType } from '../wire/raftpb/types.js';
import { hup } from './election.js';
import type { Raft } from './raft.js';
import { receiveAppend, receiveHeartbeat, receiveSnapshot } from './receive.js';
import type { Refusal } from './refusal.js';

export function stepFollower(raft: Raft, message: Message): Refusal | undefined {
  const { logger, name } = raft;
  switch (message.type) {
    case messageType.prop:
      if (raft.lead === noMember) {
        logger.info(`${name} no leader at term ${raft.term}; dropping proposal`);
        return 'proposalDropped';
      }
      if (raft.config.disableProposalForwarding) {
        logger.info(`${name} not forwarding to leader ${idToHex(raft.lead)} at term ${raft.term}; dropping proposal`);
        return 'proposalDropped';
      }
      forward(raft, message);
      return undefined;
    case messageType.app:
      raft.electionElapsed = 0;
      raft.lead = message.from;
      receiveAppend(raft, message);
      return undefined;
    case messageType.heartbeat:
      raft.electionElapsed = 0;
      raft.lead = message.from;
      receiveHeartbeat(raft, message);
      return undefined;
    case messageType.snap:
      raft.electionElapsed = 0;
      raft.lead = message.from;
      receiveSnapshot(raft, message);
      return undefined;
    case messageType.transferLeader:
      if (raft.lead === noMember) {
        logger.info(`${name} no leader at term ${raft.term}; dropping leader transfer msg`);
      } else forward(raft, message);
      return undefined;
    case messageType.forgetLeader:
      if (raft.config.readOnly === 'leaseBased') {
        // The leader counts on this follower's patience for its lease.
        logger.error('ignoring MsgForgetLeader due to ReadOnlyLeaseBased');
      } else if (raft.lead !== noMember) {
        logger.info(`${name} forgetting leader ${idToHex(raft.lead)} at term ${raft.term}`);
        raft.lead = noMember;
      }
      return undefined;
    case messageType.timeoutNow:
      logger.info(
        `${name} [term ${raft.term}] received MsgTimeoutNow from ${idToHex(message.from)} and starts an election to get leadership.`,
      );
      // Nobody is cut off here, so there is nothing to ask in a pre-vote.
      hup(raft, 'transfer');
      return undefined;
    case messageType.readIndex:
      if (raft.lead === noMember) {
        logger.info(`${name} no leader at term ${raft.term}; dropping index reading msg`);
      } else forward(raft, message);
      return undefined;
    case messageType.readIndexResp: {
      const [entry] = message.entries;
      if (entry === undefined || message.entries.length !== 1) {
        logger.error(
          `${name} invalid format of MsgReadIndexResp from ${idToHex(message.from)}, entries count: ${message.entries.length}`,
        );
      } else raft.readStates.push({ index: message.index, context: entry.data });
      return undefined;
    }
    default:
      return undefined;
  }
}

/** The first sender stays the sender: it is the one to be answered. */
function forward(raft: Raft, message: Message): void {
  raft.send({ ...message, to: raft.lead, term: 0 });
}
