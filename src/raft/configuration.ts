/**
 * Who votes and who only listens: the cluster as one entry of the log left it.
 *
 *   plain   voters {1 2 3}              learners {4}
 *   joint   voters {1 2 5} & {1 2 3}    learners {4}   learnersNext {3}
 *
 * In a joint configuration both sets of voters must agree. A voter that is to become a learner stays a voter of the
 * outgoing set until that set is left, and waits in `learnersNext`.
 *
 * A value: changing it makes a new one. All sets are sorted.
 */
import { idToHex, type MemberId } from '../base/ids.js';
import type { ConfState } from '../wire/raftpb/types.js';

export interface Configuration {
  readonly voters: readonly MemberId[];
  /** The set being left; empty but in a joint configuration. */
  readonly outgoing: readonly MemberId[];
  readonly learners: readonly MemberId[];
  readonly learnersNext: readonly MemberId[];
  /** Leave the joint configuration as soon as it is applied. */
  readonly autoLeave: boolean;
}

export const noConfiguration: Configuration = {
  voters: [],
  outgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

export const byId = (a: MemberId, b: MemberId): number => (a < b ? -1 : a > b ? 1 : 0);

export function isJoint(configuration: Configuration): boolean {
  return configuration.outgoing.length > 0;
}

/** Voters of either set. */
export function allVoters(configuration: Configuration): readonly MemberId[] {
  const { voters, outgoing } = configuration;
  if (outgoing.length === 0) return voters;
  return [...new Set([...voters, ...outgoing])].sort(byId);
}

/** The first rule that the configuration breaks, if any. */
export function brokenRule(configuration: Configuration): string | undefined {
  const { voters, outgoing, learners, learnersNext, autoLeave } = configuration;
  for (const id of learnersNext) {
    if (!outgoing.includes(id)) return `${id} is in LearnersNext, but not Voters[1]`;
    if (learners.includes(id)) return `${id} is in LearnersNext, but is already marked as learner`;
  }
  for (const id of learners) {
    if (outgoing.includes(id)) return `${id} is in Learners and Voters[1]`;
    if (voters.includes(id)) return `${id} is in Learners and Voters[0]`;
  }
  if (isJoint(configuration)) return undefined;
  if (learnersNext.length > 0) return 'cfg.LearnersNext must be nil when not joint';
  return autoLeave ? 'AutoLeave must be false when not joint' : undefined;
}

export function toConfState(configuration: Configuration): ConfState {
  return {
    voters: [...configuration.voters],
    learners: [...configuration.learners],
    votersOutgoing: [...configuration.outgoing],
    learnersNext: [...configuration.learnersNext],
    autoLeave: configuration.autoLeave,
  };
}

function sameSet(left: readonly MemberId[], right: readonly MemberId[]): boolean {
  const sorted = [...right].sort(byId);
  return left.length === right.length && [...left].sort(byId).every((id, at) => id === sorted[at]);
}

/** Whether two states describe the same configuration, in whatever order. */
export function sameConfState(left: ConfState, right: ConfState): boolean {
  return (
    sameSet(left.voters, right.voters) &&
    sameSet(left.learners, right.learners) &&
    sameSet(left.votersOutgoing, right.votersOutgoing) &&
    sameSet(left.learnersNext, right.learnersNext) &&
    left.autoLeave === right.autoLeave
  );
}

/** `(1 2 3)`, ids in hex. */
export function describeSet(ids: readonly MemberId[]): string {
  return `(${ids.map(idToHex).join(' ')})`;
}

/** `voters=(1 2)&&(1 2 3) learners_next=(3) autoleave`, as etcd prints it. */
export function describeConfiguration(configuration: Configuration): string {
  const { voters, outgoing, learners, learnersNext, autoLeave } = configuration;
  let text = `voters=${describeSet(voters)}`;
  if (outgoing.length > 0) text += `&&${describeSet(outgoing)}`;
  if (learners.length > 0) text += ` learners=${describeSet(learners)}`;
  if (learnersNext.length > 0) text += ` learners_next=${describeSet(learnersNext)}`;
  return autoLeave ? `${text} autoleave` : text;
}
