/** What a node tells of itself. */
import type { MemberId } from '../base/ids.js';
import type { HardState } from '../wire/raftpb/types.js';
import type { Configuration } from './configuration.js';
import type { ProgressState } from './progress.js';
import type { Raft, Role } from './raft.js';

/** What need not be stored: it is known anew after a restart. */
export interface SoftState {
  readonly lead: MemberId;
  readonly role: Role;
}

export interface BasicStatus {
  readonly id: MemberId;
  readonly hardState: HardState;
  readonly softState: SoftState;
  readonly applied: number;
  readonly leadTransferee: MemberId;
}

export interface ProgressStatus {
  readonly id: MemberId;
  readonly match: number;
  readonly next: number;
  readonly state: ProgressState;
  readonly pendingSnapshot: number;
  readonly recentActive: boolean;
  readonly paused: boolean;
  readonly inflight: number;
  readonly isLearner: boolean;
  /** As etcd prints it. */
  readonly text: string;
}

export interface Status extends BasicStatus {
  readonly configuration: Configuration;
  /** One a member, sorted by id; empty but on a leader. */
  readonly progress: readonly ProgressStatus[];
}

export function basicStatus(raft: Raft): BasicStatus {
  return {
    id: raft.id,
    hardState: raft.hardState(),
    softState: { lead: raft.lead, role: raft.role },
    applied: raft.log.applied,
    leadTransferee: raft.leadTransferee,
  };
}

export function status(raft: Raft): Status {
  const progress = raft.role === 'leader' ? raft.tracker.progresses : [];
  return {
    ...basicStatus(raft),
    configuration: raft.tracker.configuration,
    progress: progress.map((of) => ({
      id: of.id,
      match: of.match,
      next: of.next,
      state: of.state,
      pendingSnapshot: of.pendingSnapshot,
      recentActive: of.recentActive,
      paused: of.paused,
      inflight: of.inflights.count,
      isLearner: of.isLearner,
      text: of.toString(),
    })),
  };
}
