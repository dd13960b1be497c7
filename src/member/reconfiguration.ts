/**
 * Changes of members that clients ask for: each is looked at for whether the cluster survives it, and then goes through raft,
 * one at a time. The book judges again when the change is applied, for others may have come first.
 *
 * Only a leader knows how far a learner has come, so promotions are decided by it; other members ask it over its peer port.
 */
import { noBytes, text } from '../base/bytes.js';
import type { ServerCounters } from '../base/counters.js';
import { idToHex, type MemberId, noMember } from '../base/ids.js';
import { parseJson } from '../base/json.js';
import type { Log } from '../base/log.js';
import type { MembershipBook } from '../cluster/book.js';
import { memberIdOf } from '../cluster/ids.js';
import { type Member as ClusterMember, encodeContext, membersOfJson } from '../cluster/member.js';
import { quorumOf, readyToAddVoter, readyToPromote, readyToRemoveVoter } from '../cluster/readiness.js';
import { membershipTexts } from '../cluster/texts.js';
import { type ErrorName, errors } from '../wire/errors.js';
import { type ConfChange, type ConfChangeType, confChangeType } from '../wire/raftpb/types.js';
import type { Member } from './member.js';
import type { PeerAnswer } from './peers.js';
import type { World } from './world.js';

export interface ChangeWaiter {
  /** The members as they are after the change. */
  changed(members: readonly ClusterMember[]): void;
  failed(error: ErrorName): void;
  /** See `ProposalWaiter`. */
  gone?(): boolean;
}

/** Members count as connected when they have been for this long. Source: etcd `HealthInterval`. */
const healthyMs = 5000;
/** Of the leader's log, a learner must have this part before it may vote. */
const learnerReadyShare = 0.9;

export interface ReconfigurationParts {
  readonly member: Member;
  readonly world: World;
  readonly log: Log;
  readonly members: MembershipBook;
  readonly counters: ServerCounters;
}

/** A promotion that is for the leader to decide. */
interface Forwarded {
  readonly id: MemberId;
  readonly token: string | undefined;
  readonly waiter: ChangeWaiter;
  readonly untilMs: number;
  asking: boolean;
}

const typeNames: Readonly<Record<ConfChangeType, string>> = {
  [confChangeType.addNode]: 'ConfChangeAddNode',
  [confChangeType.removeNode]: 'ConfChangeRemoveNode',
  [confChangeType.updateNode]: 'ConfChangeUpdateNode',
  [confChangeType.addLearnerNode]: 'ConfChangeAddLearnerNode',
};

export class Reconfiguration {
  readonly #parts: ReconfigurationParts;
  readonly #strict: boolean;
  #forwarded: Forwarded[] = [];

  /** `strict`: refuse what would leave the cluster without a quorum of members that are up. */
  constructor(parts: ReconfigurationParts, strict: boolean) {
    this.#parts = parts;
    this.#strict = strict;
  }

  /** A member as it would be added now: the time is in its id, so that the same URLs may come again. */
  newMember(peerUrls: readonly string[], isLearner: boolean): ClusterMember {
    const seconds = Math.floor(this.#parts.world.wallMs() / 1000);
    return { id: memberIdOf(peerUrls, '', seconds), peerUrls, isLearner, name: '', clientUrls: [] };
  }

  add(added: ClusterMember, waiter: ChangeWaiter): void {
    const refusal = this.#strict ? this.#refusalToAdd(added) : undefined;
    if (refusal !== undefined) return waiter.failed(refusal);
    const type = added.isLearner ? confChangeType.addLearnerNode : confChangeType.addNode;
    const context = encodeContext({ member: added, isPromote: false });
    this.#propose({ type, nodeId: added.id, context }, waiter);
  }

  remove(id: MemberId, waiter: ChangeWaiter): void {
    const refusal = this.#strict || this.#isLastVoter(id) ? this.#refusalToRemove(id) : undefined;
    if (refusal !== undefined) return waiter.failed(refusal);
    this.#propose({ type: confChangeType.removeNode, nodeId: id, context: undefined }, waiter);
  }

  update(id: MemberId, peerUrls: readonly string[], waiter: ChangeWaiter): void {
    const member = { id, peerUrls, isLearner: false, name: '', clientUrls: [] };
    const context = encodeContext({ member, isPromote: false });
    this.#propose({ type: confChangeType.updateNode, nodeId: id, context }, waiter);
  }

  /** `token`: of the user who asks, for the leader to judge. */
  promote(id: MemberId, token: string | undefined, waiter: ChangeWaiter): void {
    const { member } = this.#parts;
    if (!member.isLeader) {
      const untilMs = member.nowMs() + member.requestTimeoutMs;
      this.#forwarded.push({ id, token, waiter, untilMs, asking: false });
      return this.tick(member.nowMs());
    }
    const counted = this.#counted(waiter);
    const refusal = this.#refusalToPromote(id);
    if (refusal !== undefined) return counted.failed(refusal);
    const promoted = { id, peerUrls: [], isLearner: false, name: '', clientUrls: [] };
    const context = encodeContext({ member: promoted, isPromote: true });
    this.#propose({ type: confChangeType.addNode, nodeId: id, context }, counted);
  }

  /** Promotions are counted where they are decided. */
  #counted(waiter: ChangeWaiter): ChangeWaiter {
    const { counters } = this.#parts;
    return {
      changed(members) {
        counters.learnerPromoteSuccesses++;
        waiter.changed(members);
      },
      failed(error) {
        const { learnerPromoteFailures: failures } = counters;
        const reason = errors[error].text;
        failures.set(reason, (failures.get(reason) ?? 0) + 1);
        waiter.failed(error);
      },
      gone: () => waiter.gone?.() === true,
    };
  }

  /** Asks the leader for the promotions that it has not answered. */
  tick(nowMs: number): void {
    if (this.#forwarded.length === 0) return;
    const { leader } = this.#parts.member;
    for (const forwarded of this.#forwarded) {
      if (forwarded.asking) continue;
      if (nowMs >= forwarded.untilMs) this.#end(forwarded, leader === noMember ? 'noLeader' : 'timeout');
      else if (leader !== noMember) this.#ask(forwarded, nowMs);
    }
  }

  #ask(forwarded: Forwarded, nowMs: number): void {
    const { member, world } = this.#parts;
    const { id, token, waiter, untilMs } = forwarded;
    if (member.isLeader) {
      this.#forget(forwarded);
      return this.promote(id, token, waiter);
    }
    forwarded.asking = true;
    const headers: Record<string, string> = token === undefined ? {} : { Authorization: token };
    const path = `/members/promote/${id}`;
    const request = { method: 'POST', path, headers, body: noBytes, timeoutMs: untilMs - nowMs } as const;
    world.peers.ask(member.leader, request, (answer) => {
      forwarded.asking = false;
      const heard = promotionAnswer(answer);
      if (heard.kind === 'again') return;
      if (heard.kind === 'refused') return this.#end(forwarded, heard.error);
      this.#forget(forwarded);
      waiter.changed(heard.members);
    });
  }

  #end(forwarded: Forwarded, error: ErrorName): void {
    this.#forget(forwarded);
    forwarded.waiter.failed(error);
  }

  #forget(forwarded: Forwarded): void {
    this.#forwarded = this.#forwarded.filter((other) => other !== forwarded);
  }

  #propose(change: Omit<ConfChange, 'id'>, waiter: ChangeWaiter): void {
    const { member, members, log } = this.#parts;
    member.proposeConfChange(change, {
      applied(outcome) {
        log.info('applied a configuration change through raft', {
          'local-member-id': idToHex(member.memberId),
          'raft-conf-change': typeNames[change.type],
          'raft-conf-change-node-id': idToHex(change.nodeId),
        });
        if (outcome.kind === 'refused') waiter.failed(outcome.error);
        else waiter.changed(members.list());
      },
      failed: (error) => waiter.failed(error),
      gone: () => waiter.gone?.() === true,
    });
  }

  #refusalToAdd(added: ClusterMember): ErrorName | undefined {
    const members = this.#parts.members.list();
    const asked = { 'requested-member-add': `${idToHex(added.id)} [${added.peerUrls.join(' ')}]` };
    if (!added.isLearner && !readyToAddVoter(members)) {
      return this.#reject('rejecting member add request; not enough healthy members', asked, 'notEnoughStarted');
    }
    const voters = members.filter(({ isLearner }) => !isLearner);
    // The new one is not up yet, and counts.
    if (voters.length === 1 || this.#connected(voters) >= quorumOf(voters.length + 1)) return undefined;
    const why =
      'rejecting member add request; local member has not been connected to majority peers, reconfigure breaks active quorum';
    return this.#reject(why, asked, 'unhealthy');
  }

  /** Without it there is no cluster, and no log that could be read: that is refused however lax we are. */
  #isLastVoter(id: MemberId): boolean {
    const voters = this.#parts.members.list().filter(({ isLearner }) => !isLearner);
    return voters.length === 1 && voters[0]?.id === id;
  }

  #refusalToRemove(id: MemberId): ErrorName | undefined {
    const { member, members, world } = this.#parts;
    if (members.member(id)?.isLearner === true) return undefined;
    const asked = { 'requested-member-remove-id': idToHex(id) };
    if (!readyToRemoveVoter(members.list(), id)) {
      return this.#reject('rejecting member remove request; not enough healthy members', asked, 'notEnoughStarted');
    }
    // One that is down is not part of the quorum that is up.
    if (id !== member.memberId && world.peers.activeSinceMs(id) === undefined) return undefined;
    const voters = members.list().filter(({ isLearner }) => !isLearner);
    const active = this.#connected(voters);
    if (active - 1 >= quorumOf(voters.length - 1)) return undefined;
    const why =
      'rejecting member remove request; local member has not been connected to all peers, reconfigure breaks active quorum';
    return this.#reject(why, { ...asked, 'active-peers': active }, 'unhealthy');
  }

  #refusalToPromote(id: MemberId): ErrorName | undefined {
    const { member, members, log } = this.#parts;
    const { progress } = member.node.status();
    const learner = progress.find((of) => of.id === id);
    const leader = progress.find((of) => of.id === member.memberId);
    if (learner === undefined) return 'memberNotFound';
    const share = learner.match / (leader?.match ?? member.committed);
    if (share < learnerReadyShare) {
      const shares = { 'learner-ready-percent': share, 'ready-percent-threshold': learnerReadyShare };
      log.error('rejecting promote learner: learner is not ready', shares);
      return 'learnerNotReady';
    }
    if (!this.#strict || readyToPromote(members.list())) return undefined;
    const asked = { 'requested-member-remove-id': idToHex(id) };
    return this.#reject('rejecting member promote request; not enough healthy members', asked, 'notEnoughStarted');
  }

  #reject(msg: string, asked: Readonly<Record<string, string | number>>, error: ErrorName): ErrorName {
    const { member, log } = this.#parts;
    log.warn(msg, { 'local-member-id': idToHex(member.memberId), ...asked, error: errors[error].text });
    return error;
  }

  /** Ourselves, and those that have been connected for a while. */
  #connected(members: readonly ClusterMember[]): number {
    const { member, world } = this.#parts;
    const beforeMs = world.nowMs() - healthyMs;
    return members.filter(({ id }) => {
      return id === member.memberId || (world.peers.activeSinceMs(id) ?? Number.POSITIVE_INFINITY) < beforeMs;
    }).length;
  }
}

type Heard =
  | { readonly kind: 'done'; readonly members: readonly ClusterMember[] }
  | { readonly kind: 'refused'; readonly error: ErrorName }
  /** No answer, or one that says nothing of the learner: whoever leads next may know. */
  | { readonly kind: 'again' };

function promotionAnswer(answer: PeerAnswer | undefined): Heard {
  if (answer === undefined) return { kind: 'again' };
  const body = text(answer.body);
  const refused = (error: ErrorName): Heard => ({ kind: 'refused', error });
  if (answer.status === 404) return refused('memberNotFound');
  if (answer.status === 412 && body.includes(errors.learnerNotReady.text)) return refused('learnerNotReady');
  if (answer.status === 412 && body.includes(membershipTexts.memberNotLearner)) return refused('memberNotLearner');
  const members = answer.status === 200 ? membersOfJson(parseJson(body)) : undefined;
  return members === undefined ? { kind: 'again' } : { kind: 'done', members };
}
