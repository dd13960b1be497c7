/**
 * A leader: takes proposals into its log, replicates them, and counts who has stored what.
 *
 * It never removes or replaces an entry of its own log (thesis 3.5), and commits by counting only entries of its own term.
 */

import { noBytes } from '../base/bytes.js';
import { check } from '../base/check.js';
import { idToHex, noMember } from '../base/ids.js';
import { type Entry, entryType, type Message, messageType } from '../wire/raftpb/types.js';
import { asV2 } from './conf-change.js';
import { decodeConfChange } from './conf-change-codec.js';
import { describeConfiguration, isJoint } from './configuration.js';
import { describeConfChange } from './describe.js';
import { newMessage } from './message.js';
import type { Progress } from './progress.js';
import type { Raft } from './raft.js';
import { confirmReads, readAtLeader, releasePendingReads } from './reading.js';
import type { Refusal } from './refusal.js';
import { broadcastAppend, broadcastHeartbeat, maybeCommit, sendAppend } from './replication.js';

export function stepLeader(raft: Raft, message: Message): Refusal | undefined {
  switch (message.type) {
    case messageType.prop:
      if (message.entries.length === 0) return 'proposalDropped';
      // The sender may hold on to its entries, or the network may bring them twice: the log gets its own.
      return proposeAtLeader(
        raft,
        message.entries.map((entry) => ({ ...entry })),
      );
    case messageType.readIndex:
      readAtLeader(raft, message);
      return undefined;
    default: {
      const from = raft.tracker.get(message.from);
      if (from === undefined) {
        if (message.type !== messageType.forgetLeader) {
          raft.logger.debug(`${raft.name} no progress available for ${idToHex(message.from)}`);
        }
      } else stepFromMember(raft, from, message);
      return undefined;
    }
  }
}

function stepFromMember(raft: Raft, from: Progress, message: Message): void {
  switch (message.type) {
    case messageType.appResp:
      if (message.index > raft.log.lastIndex()) {
        // No follower can hold what its leader does not. Go's library takes it, and may commit nothing more for it.
        raft.logger.error(`${raft.name} ignored a MsgAppResp from ${idToHex(from.id)} for index ${message.index}`);
        return;
      }
      from.recentActive = true;
      if (message.reject) appendRefused(raft, from, message);
      else appendAccepted(raft, from, message.index);
      break;
    case messageType.heartbeatResp:
      heartbeatAnswered(raft, from, message);
      break;
    case messageType.snapStatus:
      snapshotReported(raft, from, message.reject);
      break;
    case messageType.unreachable:
      // What streamed to it is probably lost.
      if (from.state === 'replicate') from.becomeProbe();
      raft.logger.debug(
        `${raft.name} failed to send message to ${idToHex(from.id)} because it is unreachable [${from}]`,
      );
      break;
    case messageType.transferLeader:
      transferLeader(raft, from);
      break;
    default:
  }
}

/** Takes entries into the log, stamping term and index into them. They become the log's own. */
export function proposeAtLeader(raft: Raft, entries: readonly Entry[]): Refusal | undefined {
  check(entries.length > 0, 'a proposal proposes something');
  // Removed while leading: it goes on only to let the others hear of that.
  if (raft.tracker.get(raft.id) === undefined) return 'proposalDropped';
  if (raft.leadTransferee !== noMember) {
    raft.logger.debug(
      `${raft.name} [term ${raft.term}] transfer leadership to ${idToHex(raft.leadTransferee)} is in progress; dropping proposal`,
    );
    return 'proposalDropped';
  }
  for (let at = 0; at < entries.length; at++) {
    const entry = entries[at] as Entry;
    if (entry.type !== entryType.normal && !admitConfChange(raft, entry, at)) return 'proposalDropped';
  }
  if (!raft.appendEntries(entries)) return 'proposalDropped';
  broadcastAppend(raft);
  return undefined;
}

/**
 * Whether a membership change may stand at position `at` of the batch. One that must not be made now becomes an empty
 * entry, so that its proposer sees it pass by without effect. False if it cannot even be read.
 */
function admitConfChange(raft: Raft, entry: Entry, at: number): boolean {
  const decoded = decodeConfChange(entry);
  if (decoded === undefined) return false;
  const asked = asV2(decoded);
  const { configuration } = raft.tracker;
  let fault: string | undefined;
  if (raft.pendingConfIndex > raft.log.applied) {
    fault = `possible unapplied conf change at index ${raft.pendingConfIndex} (applied to ${raft.log.applied})`;
  } else if (isJoint(configuration) && asked.changes.length > 0) {
    fault = 'must transition out of joint config first';
  } else if (!isJoint(configuration) && asked.changes.length === 0) {
    fault = 'not in joint state; refusing empty conf change';
  }
  if (fault === undefined || raft.config.disableConfChangeValidation) {
    raft.pendingConfIndex = raft.log.lastIndex() + at + 1;
    return true;
  }
  raft.logger.info(
    `${raft.name} ignoring conf change ${describeConfChange(asked)} at config ${describeConfiguration(configuration)}: ${fault}`,
  );
  entry.type = entryType.normal;
  entry.data = noBytes;
  return true;
}

/** One tick. */
export function tickLeader(raft: Raft): void {
  raft.heartbeatElapsed++;
  raft.electionElapsed++;
  if (raft.electionElapsed >= raft.config.electionTicks) {
    raft.electionElapsed = 0;
    if (raft.config.checkQuorum) checkQuorum(raft);
    // Whoever was to take over has not done so in time.
    if (raft.role === 'leader') raft.leadTransferee = noMember;
  }
  if (raft.role === 'leader' && raft.heartbeatElapsed >= raft.config.heartbeatTicks) {
    raft.heartbeatElapsed = 0;
    broadcastHeartbeat(raft);
  }
}

/** Steps down unless a quorum has been heard of since the last check. Thesis 6.2. */
function checkQuorum(raft: Raft): void {
  if (!raft.tracker.quorumActive()) {
    raft.logger.warning(`${raft.name} stepped down to follower since quorum is not active`);
    raft.becomeFollower(raft.term, noMember);
  }
  for (const progress of raft.tracker.progresses) if (progress.id !== raft.id) progress.recentActive = false;
}

/**
 * The follower's log does not match after `refusal.index`. Its hint is where it guesses that the logs part, with its
 * term there: our entries with higher terms before it cannot match either, and are skipped. At most one probe a term.
 *
 *   index     1 2 3 4 5 6 7 8 9
 *   ours      1 3 3 3 5 5 5 5 5     probed after 9; refused, hint (6, 2)
 *   theirs    1 1 1 1 2 2           so 6 to 2 cannot match: probe after 1
 */
function appendRefused(raft: Raft, from: Progress, refusal: Message): void {
  const { log, logger, name } = raft;
  const fromName = idToHex(from.id);
  logger.debug(
    `${name} received MsgAppResp(rejected, hint: (index ${refusal.rejectHint}, term ${refusal.logTerm})) from ${fromName} for index ${refusal.index}`,
  );
  let probeAfter = refusal.rejectHint;
  if (refusal.logTerm > 0) probeAfter = log.findConflictByTerm(refusal.rejectHint, refusal.logTerm).index;
  if (!from.refused(refusal.index, probeAfter)) return;
  logger.debug(`${name} decreased progress of ${fromName} to [${from}]`);
  if (from.state === 'replicate') from.becomeProbe();
  sendAppend(raft, from, true);
}

/** The member has stored everything up to `index`; for the leader itself, its own disk says so. */
function appendAccepted(raft: Raft, from: Progress, index: number): void {
  const { log, logger, name } = raft;
  // A probe may be answered with what was known already: that too ends the probing.
  const answersProbe = from.state === 'probe' && from.match === index;
  if (!from.acknowledged(index) && !answersProbe) return;
  if (from.state === 'probe') {
    from.becomeReplicate();
  } else if (from.state === 'snapshot') {
    // Wherever it got a snapshot from, and of whatever index: once the log reaches it again, it is caught up with.
    if (from.match + 1 >= log.firstIndex()) {
      logger.debug(
        `${name} recovered from needing snapshot, resumed sending replication messages to ${idToHex(from.id)} [${from}]`,
      );
      from.becomeProbe();
      from.becomeReplicate();
    }
  } else from.inflights.freeTo(index);

  const isSelf = from.id === raft.id;
  if (maybeCommit(raft)) {
    releasePendingReads(raft);
    broadcastAppend(raft);
  } else if (!isSelf && from.canBumpCommit(log.committed)) {
    // The next heartbeat would tell it too, but later.
    sendAppend(raft, from, true);
  }
  if (isSelf) return;
  // There may be room for several messages now.
  while (sendAppend(raft, from, false)) {}
  if (from.id === raft.leadTransferee && from.match === log.lastIndex()) {
    logger.info(`${name} sent MsgTimeoutNow to ${idToHex(from.id)} after received MsgAppResp`);
    raft.send(newMessage(messageType.timeoutNow, from.id));
  }
}

function heartbeatAnswered(raft: Raft, from: Progress, answer: Message): void {
  from.recentActive = true;
  from.flowPaused = false;
  // Should all that was in flight be lost, an append now shows it; and a probe goes out.
  if (from.match < raft.log.lastIndex() || from.state === 'probe') sendAppend(raft, from, true);
  if (raft.config.readOnly !== 'safe' || answer.context === undefined || answer.context.length === 0) return;
  confirmReads(raft, from.id, answer.context);
}

function snapshotReported(raft: Raft, from: Progress, failed: boolean): void {
  if (from.state !== 'snapshot') return;
  if (failed) from.pendingSnapshot = 0;
  from.becomeProbe();
  raft.logger.debug(
    `${raft.name} snapshot ${failed ? 'failed' : 'succeeded'}, resumed sending replication messages to ${idToHex(from.id)} [${from}]`,
  );
  // Arrived, its own answer comes next; failed, nothing is tried before the next heartbeat.
  from.flowPaused = true;
}

/** Hands leadership over once the other has all entries. Thesis 3.10. */
function transferLeader(raft: Raft, to: Progress): void {
  const { logger, name, term } = raft;
  const toName = idToHex(to.id);
  if (to.isLearner) {
    logger.debug(`${name} is learner. Ignored transferring leadership`);
    return;
  }
  if (raft.leadTransferee !== noMember) {
    if (raft.leadTransferee === to.id) {
      logger.info(
        `${name} [term ${term}] transfer leadership to ${toName} is in progress, ignores request to same node ${toName}`,
      );
      return;
    }
    const previous = idToHex(raft.leadTransferee);
    raft.leadTransferee = noMember;
    logger.info(`${name} [term ${term}] abort previous transferring leadership to ${previous}`);
  }
  if (to.id === raft.id) {
    logger.debug(`${name} is already leader. Ignored transferring leadership to self`);
    return;
  }
  logger.info(`${name} [term ${term}] starts to transfer leadership to ${toName}`);
  // It has one election timeout from now.
  raft.electionElapsed = 0;
  raft.leadTransferee = to.id;
  if (to.match === raft.log.lastIndex()) {
    raft.send(newMessage(messageType.timeoutNow, to.id));
    logger.info(`${name} sends MsgTimeoutNow to ${toName} immediately as ${toName} already has up-to-date log`);
  } else sendAppend(raft, to, true);
}
