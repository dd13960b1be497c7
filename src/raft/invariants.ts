/**
 * What must hold of a node between any two calls, whatever it has been through: the rules written at its fields, in one place.
 * Too many to be checked on every message in earnest; the simulation and the twin check them after every step.
 */
import { check } from '../base/check.js';
import { noMember } from '../base/ids.js';
import { brokenRule } from './configuration.js';
import type { Progress } from './progress.js';
import type { Raft } from './raft.js';

export function checkInvariants(raft: Raft): void {
  checkRole(raft);
  checkLog(raft);
  checkMembers(raft);
  for (const message of raft.messages) check(message.to !== raft.id, 'what leaves at once goes to others');
}

function checkRole(raft: Raft): void {
  const { role, id, lead, vote, tracker, leadTransferee, config } = raft;
  switch (role) {
    case 'leader':
      check(lead === id, 'a leader knows that it leads');
      check(raft.term > 0, 'a leader was elected in a term');
      break;
    case 'candidate':
      check(vote === id, 'a candidate votes for itself');
      check(lead === noMember, 'a candidate knows of no leader');
      break;
    case 'preCandidate':
      check(lead === noMember, 'a pre-candidate knows of no leader');
      break;
    case 'follower':
      break;
  }
  const own = tracker.get(id);
  check(raft.isLearner === (own?.isLearner ?? false), 'a node knows whether it is a learner');
  check(leadTransferee === noMember || role === 'leader', 'only a leader hands over');
  check(leadTransferee !== id, 'nobody hands over to itself');
  const { electionTicks } = config;
  const timeout = raft.randomizedElectionTimeout;
  check(
    timeout >= electionTicks && timeout < 2 * electionTicks,
    'an election timeout is one to two times the given one',
  );
  check(raft.uncommittedBytes >= 0, 'what is uncommitted has a size');
}

function checkLog({ log }: Raft): void {
  const { unstable } = log;
  check(log.applied <= log.applying, 'what is applied was handed out');
  check(log.applying <= log.committed, 'what is handed out is committed');
  check(log.committed <= log.lastIndex(), 'what is committed is in the log');
  check(unstable.offset <= unstable.offsetInProgress, 'what is being written is not stored yet');
  check(unstable.offsetInProgress <= unstable.end, 'what is being written is in the log');
  const { snapshot } = unstable;
  check(
    snapshot === undefined || snapshot.metadata.index <= log.committed,
    'a snapshot holds nothing that is not committed',
  );
}

function checkMembers({ tracker, role, id, log }: Raft): void {
  check(brokenRule(tracker.configuration) === undefined, 'the configuration keeps its rules');
  let before = noMember;
  for (const progress of tracker.progresses) {
    check(progress.id > before, 'members are sorted, and each is there once');
    before = progress.id;
    if (role === 'leader') checkProgress(progress, log.lastIndex());
  }
  const own = tracker.get(id);
  if (role === 'leader' && own !== undefined) {
    check(own.recentActive, 'a leader is in touch with itself');
    check(own.match < log.unstable.end, 'a leader acknowledges what it has');
  }
}

function checkProgress(progress: Progress, last: number): void {
  const { state, match, next, pendingSnapshot, inflights } = progress;
  check(match < next, 'what has matched was sent before');
  check(match <= last, 'a follower matches what the leader has');
  check(state === 'snapshot' || pendingSnapshot === 0, 'only in `snapshot` one is on its way');
  check(state === 'replicate' || inflights.count === 0, 'only in `replicate` appends stream');
  check(inflights.count <= inflights.maxMessages, 'the window is kept');
}
