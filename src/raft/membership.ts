/** Making a configuration the active one: from an applied change, from a snapshot, or at the start. Thesis 4. */
import { check } from '../base/check.js';
import { noMember } from '../base/ids.js';
import type { ConfChangeV2, ConfState } from '../wire/raftpb/types.js';
import { type Changed, change, restore } from './conf-change.js';
import { allVoters, describeConfiguration, sameConfState, toConfState } from './configuration.js';
import type { Raft } from './raft.js';
import { broadcastAppend, maybeCommit, sendAppend } from './replication.js';

/** Applies a committed change. One that cannot be applied was let into the log by a bug, and the members would part. */
export function applyConfChange(raft: Raft, asked: ConfChangeV2): ConfState {
  return adopt(raft, change(raft.tracker.configuration, asked));
}

/** The configuration that storage or a snapshot holds; nothing known of anybody is kept. */
export function restoreConfState(raft: Raft, state: ConfState): void {
  raft.tracker.resetVotes();
  const reached = adopt(raft, restore(state));
  check(sameConfState(state, reached), 'a restored configuration is the one that was stored');
}

function adopt(raft: Raft, changed: Changed): ConfState {
  check(changed.ok, changed.ok ? '' : changed.error);
  raft.tracker.adopt(changed.configuration, changed.fresh, raft.log.lastIndex());
  raft.logger.info(`${raft.name} switched to configuration ${describeConfiguration(changed.configuration)}`);
  const state = toConfState(changed.configuration);
  const own = raft.tracker.get(raft.id);
  raft.isLearner = own?.isLearner ?? false;
  if (raft.role !== 'leader') return state;
  if (own === undefined || own.isLearner) {
    if (raft.config.stepDownOnRemoval) raft.becomeFollower(raft.term, noMember);
    return state;
  }
  if (state.voters.length === 0) return state;
  if (maybeCommit(raft)) {
    // A smaller quorum may have committed more.
    broadcastAppend(raft);
  } else {
    // New members need not wait for the next heartbeat.
    for (const progress of raft.tracker.progresses) if (progress.id !== raft.id) sendAppend(raft, progress, false);
  }
  if (raft.leadTransferee !== noMember && !allVoters(changed.configuration).includes(raft.leadTransferee)) {
    raft.leadTransferee = noMember;
  }
  return state;
}
