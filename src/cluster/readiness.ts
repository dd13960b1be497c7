/**
 * Whether a change of voters would leave fewer started members than a quorum (`--strict-reconfig-check`).
 * A member counts as started once it has told its name.
 */
import type { MemberId } from '../base/ids.js';
import type { Member } from './member.js';

const voters = (members: readonly Member[]) => members.filter((member) => !member.isLearner);
const started = (members: readonly Member[]) => members.filter((member) => member.name !== '').length;
export const quorumOf = (count: number) => Math.floor(count / 2) + 1;

export function readyToAddVoter(members: readonly Member[]): boolean {
  const now = voters(members);
  // A cluster of one may always grow: that is how a cluster is restored.
  if (now.length === 1 && started(now) === 1) return true;
  return started(now) >= quorumOf(now.length + 1);
}

export function readyToRemoveVoter(members: readonly Member[], id: MemberId): boolean {
  const left = voters(members).filter((member) => member.id !== id);
  return started(left) >= quorumOf(left.length);
}

/** The learner to be promoted counts as a started voter. */
export function readyToPromote(members: readonly Member[]): boolean {
  const now = voters(members);
  return started(now) + 1 >= quorumOf(now.length + 1);
}
