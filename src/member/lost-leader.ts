/**
 * Followers whose connections to the leader have broken, as they do when its process dies, campaign in turn.
 *
 * raft draws each follower's patience from one to two election timeouts, so that rivals seldom collide; when they do, they
 * split the votes and wait as long again. A broken connection tells more than silence: the followers need not draw lots then,
 * for the order of their ids sets them apart.
 *
 *     last heard      an election timeout later     first  second
 *     |------------------------------|-----------------|------|----- as raft has it
 *
 * Each has one turn, so that on a network slower than that they do not upset each other for good. Whoever is connected, or
 * merely hears nothing, waits as raft has it; and a campaign begins with a pre-vote, which all refuse who hear the leader.
 */
import { type MemberId, noMember } from '../base/ids.js';
import type { MembershipBook } from '../cluster/book.js';
import type { Member } from './member.js';
import type { MemberOptions } from './options.js';
import type { Peers } from './peers.js';

/** Between two in turn: a campaign takes two round trips and a write, and ticks are not in step. */
const turnTicks = 2;

export interface LostLeaderParts {
  readonly member: Pick<Member, 'memberId' | 'leader' | 'isLeader' | 'silentTicks' | 'campaign'>;
  readonly members: Pick<MembershipBook, 'list'>;
  readonly peers: Pick<Peers, 'activeSinceMs'>;
}

type LostLeaderOptions = Pick<MemberOptions, 'preVote' | 'electionMs' | 'heartbeatMs'>;

export class LostLeader {
  readonly #parts: LostLeaderParts;
  readonly #enabled: boolean;
  readonly #firstTicks: number;
  /** The leader that was within reach. */
  #known: MemberId = noMember;
  /** Ticks since it was last heard; 0 while it is within reach, or the lead was given up otherwise. */
  #ticks = 0;

  constructor({ preVote, electionMs, heartbeatMs }: LostLeaderOptions, parts: LostLeaderParts) {
    this.#parts = parts;
    this.#enabled = preVote;
    // One more than others need to see that its lease is over.
    this.#firstTicks = Math.floor(electionMs / heartbeatMs) + 1;
  }

  tick(): void {
    const { member, peers } = this.#parts;
    const { leader } = member;
    if (!this.#enabled || member.isLeader) return this.#forget();
    if (leader === noMember) {
      // It was given up in a campaign of ours, which came to nothing; or by its own will.
      if (this.#ticks === 0) return;
      this.#ticks++;
    } else if (peers.activeSinceMs(leader) !== undefined) {
      this.#known = leader;
      this.#ticks = 0;
    } else if (this.#known === leader) {
      this.#ticks = member.silentTicks;
    } else {
      return this.#forget();
    }
    if (this.#isOurTurn()) member.campaign();
  }

  #forget(): void {
    this.#known = noMember;
    this.#ticks = 0;
  }

  #isOurTurn(): boolean {
    const { member, members } = this.#parts;
    const sinceFirst = this.#ticks - this.#firstTicks;
    // Its patience was the shortest, and it campaigns already.
    const campaigns = member.leader === noMember && member.silentTicks < turnTicks;
    if (sinceFirst < 0 || campaigns) return false;
    const rivals = members.list().filter(({ id, isLearner }) => id !== this.#known && !isLearner);
    const rank = rivals.filter(({ id }) => id < member.memberId).length;
    return sinceFirst === rank * turnTicks && rivals.some(({ id }) => id === member.memberId);
  }
}
