/**
 * Membership changes as arithmetic on configurations. Thesis 4.
 *
 *   simple      C      -> C'          at most one voter differs: every majority of C meets every one of C'
 *   enterJoint  C      -> C' & C      any number of changes
 *   leaveJoint  C' & C -> C'
 *
 * A change is asked for as a list of single ones, applied in order. Who leaves the configuration and comes back within
 * one change is a new member: nothing known of it holds any more.
 */
import { type MemberId, noMember } from '../base/ids.js';
import {
  type ConfChange,
  type ConfChangeSingle,
  type ConfChangeType,
  type ConfChangeV2,
  type ConfState,
  confChangeTransition,
  confChangeType,
} from '../wire/raftpb/types.js';
import { brokenRule, byId, type Configuration, isJoint, noConfiguration } from './configuration.js';

export type AnyConfChange = ConfChange | ConfChangeV2;

/** `fresh`: members of which nothing is known yet, though one may have been known before. */
export type Changed =
  | { readonly ok: true; readonly configuration: Configuration; readonly fresh: readonly MemberId[] }
  | { readonly ok: false; readonly error: string };

export function isV2(change: AnyConfChange): change is ConfChangeV2 {
  return 'changes' in change;
}

export function asV2(change: AnyConfChange): ConfChangeV2 {
  if (isV2(change)) return change;
  return {
    transition: confChangeTransition.auto,
    changes: [{ type: change.type, nodeId: change.nodeId }],
    context: change.context,
  };
}

export function leavesJoint(change: ConfChangeV2): boolean {
  return change.transition === confChangeTransition.auto && change.changes.length === 0;
}

/** One change is applied as a simple one unless a joint one is asked for; several always go through a joint one. */
export function change(from: Configuration, asked: ConfChangeV2): Changed {
  if (leavesJoint(asked)) return leaveJoint(from);
  if (asked.transition === confChangeTransition.auto && asked.changes.length === 1) return simple(from, asked.changes);
  return enterJoint(from, asked.changes, asked.transition !== confChangeTransition.jointExplicit);
}

const refuse = (error: string): Changed => ({ ok: false, error });

export function simple(from: Configuration, changes: readonly ConfChangeSingle[]): Changed {
  if (isJoint(from)) return refuse("can't apply simple config change in joint config");
  const draft = new Draft(from);
  const refused = draft.apply(changes);
  if (refused !== undefined) return refuse(refused);
  const added = [...draft.voters].filter((id) => !from.voters.includes(id)).length;
  const removed = from.voters.filter((id) => !draft.voters.has(id)).length;
  if (added + removed > 1) return refuse('more than one voter changed without entering joint config');
  return draft.finish(false);
}

export function enterJoint(from: Configuration, changes: readonly ConfChangeSingle[], autoLeave: boolean): Changed {
  if (isJoint(from)) return refuse('config is already joint');
  if (from.voters.length === 0) return refuse("can't make a zero-voter config joint");
  const draft = new Draft({ ...from, outgoing: from.voters });
  const refused = draft.apply(changes);
  return refused === undefined ? draft.finish(autoLeave) : refuse(refused);
}

export function leaveJoint(from: Configuration): Changed {
  if (!isJoint(from)) return refuse("can't leave a non-joint config");
  const learners = [...from.learners, ...from.learnersNext].sort(byId);
  const configuration = { voters: from.voters, outgoing: [], learners, learnersNext: [], autoLeave: false };
  return { ok: true, configuration, fresh: [] };
}

/** The configuration that a stored state describes, reached by changes from nothing, so that their rules hold of it too. */
export function restore(state: ConfState): Changed {
  const add = (ids: readonly MemberId[], type: ConfChangeType) => ids.map((nodeId) => ({ type, nodeId }));
  const incoming = [
    ...add(state.votersOutgoing, confChangeType.removeNode),
    ...add(state.voters, confChangeType.addNode),
    ...add(state.learners, confChangeType.addLearnerNode),
    ...add(state.learnersNext, confChangeType.addLearnerNode),
  ];
  let at = noConfiguration;
  // A plain configuration is built one member at a time; a joint one by entering it from its outgoing set.
  const joint = state.votersOutgoing.length > 0;
  for (const single of joint ? add(state.votersOutgoing, confChangeType.addNode) : incoming) {
    const changed = simple(at, [single]);
    if (!changed.ok) return changed;
    at = changed.configuration;
  }
  const reached = joint
    ? enterJoint(at, incoming, state.autoLeave)
    : { ok: true as const, configuration: at, fresh: [] };
  if (!reached.ok) return reached;
  const { voters, outgoing, learners } = reached.configuration;
  return { ...reached, fresh: [...voters, ...outgoing, ...learners] };
}

/** A configuration being changed. */
class Draft {
  readonly voters: Set<MemberId>;
  readonly #outgoing: ReadonlySet<MemberId>;
  readonly #learners: Set<MemberId>;
  readonly #learnersNext: Set<MemberId>;
  readonly #fresh = new Set<MemberId>();

  constructor(from: Configuration) {
    this.voters = new Set(from.voters);
    this.#outgoing = new Set(from.outgoing);
    this.#learners = new Set(from.learners);
    this.#learnersNext = new Set(from.learnersNext);
  }

  /** Why the changes are refused, if they are. */
  apply(changes: readonly ConfChangeSingle[]): string | undefined {
    for (const { type, nodeId } of changes) {
      if (nodeId === noMember) continue; // etcd writes 0 over what it has decided not to apply.
      switch (type) {
        case confChangeType.addNode:
          this.#makeVoter(nodeId);
          break;
        case confChangeType.addLearnerNode:
          this.#makeLearner(nodeId);
          break;
        case confChangeType.removeNode:
          this.#remove(nodeId);
          break;
        case confChangeType.updateNode:
          break;
        default:
          return `unexpected conf type ${String(type)}`;
      }
    }
    return this.voters.size === 0 ? 'removed all voters' : undefined;
  }

  finish(autoLeave: boolean): Changed {
    const sorted = (ids: ReadonlySet<MemberId>) => [...ids].sort(byId);
    const configuration = {
      voters: sorted(this.voters),
      outgoing: sorted(this.#outgoing),
      learners: sorted(this.#learners),
      learnersNext: sorted(this.#learnersNext),
      autoLeave,
    };
    const broken = brokenRule(configuration);
    if (broken !== undefined) return refuse(broken);
    return { ok: true, configuration, fresh: sorted(this.#fresh).filter((id) => this.#isMember(id)) };
  }

  #isMember(id: MemberId): boolean {
    return this.voters.has(id) || this.#outgoing.has(id) || this.#learners.has(id);
  }

  #makeVoter(id: MemberId): void {
    if (!this.#isMember(id)) this.#fresh.add(id);
    this.#learners.delete(id);
    this.#learnersNext.delete(id);
    this.voters.add(id);
  }

  #makeLearner(id: MemberId): void {
    if (!this.#isMember(id)) this.#fresh.add(id);
    if (this.#learners.has(id)) return;
    this.voters.delete(id);
    this.#learnersNext.delete(id);
    (this.#outgoing.has(id) ? this.#learnersNext : this.#learners).add(id);
  }

  #remove(id: MemberId): void {
    this.voters.delete(id);
    this.#learners.delete(id);
    this.#learnersNext.delete(id);
  }
}
