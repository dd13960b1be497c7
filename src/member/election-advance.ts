/**
 * A member that starts among others need not wait a whole election's time to find out that nobody leads: once it is connected
 * to two of them, most of that time counts as passed. What is left lets a leader's heartbeat come first.
 * `--initial-election-tick-advance`.
 */
import { printDuration } from '../base/go-text.js';
import { idToHex, noMember } from '../base/ids.js';
import type { Log } from '../base/log.js';
import type { MembershipBook } from '../cluster/book.js';
import type { Member } from './member.js';
import type { MemberOptions } from './options.js';
import type { Peers } from './peers.js';

/** Who has not met the others by then waits as long as everybody. */
const waitMs = 5000;

export interface ElectionAdvanceParts {
  readonly member: Pick<Member, 'memberId' | 'leader' | 'advance'>;
  readonly members: Pick<MembershipBook, 'list'>;
  readonly peers: Pick<Peers, 'activeSinceMs'>;
  readonly log: Log;
}

type ElectionAdvanceOptions = Pick<MemberOptions, 'electionMs' | 'heartbeatMs' | 'initialElectionTickAdvance'>;

export class ElectionAdvance {
  readonly #options: ElectionAdvanceOptions;
  readonly #parts: ElectionAdvanceParts;
  #untilMs: number | undefined;
  #done = false;

  constructor(options: ElectionAdvanceOptions, parts: ElectionAdvanceParts) {
    this.#options = options;
    this.#parts = parts;
  }

  tick(nowMs: number): void {
    if (this.#done) return;
    if (this.#untilMs === undefined) this.#begin(nowMs);
    else if (nowMs >= this.#untilMs) this.#done = true;
    else this.#look();
  }

  get #electionTicks(): number {
    return Math.floor(this.#options.electionMs / this.#options.heartbeatMs);
  }

  #begin(nowMs: number): void {
    this.#untilMs = nowMs + waitMs;
    const { member, members, log } = this.#parts;
    if (members.list().length === 1) {
      // A sole voter has campaigned already.
      this.#done = true;
      return log.info('started as single-node; fast-forwarding election ticks', {
        'local-member-id': idToHex(member.memberId),
        ...this.#forwarded(this.#electionTicks - 1),
      });
    }
    const ticks = { 'election-ticks': this.#electionTicks };
    this.#done = !this.#options.initialElectionTickAdvance;
    if (this.#done) log.info('skipping initial election tick advance', ticks);
    else log.info('starting initial election tick advance', ticks);
  }

  #look(): void {
    const { member, members, peers, log } = this.#parts;
    // Who hears a leader, or leads, has nothing to wait for: a leader would soon miss its quorum, and others would campaign against it.
    this.#done = member.leader !== noMember;
    if (this.#done) return;
    const active = members.list().filter(({ id }) => peers.activeSinceMs(id) !== undefined).length;
    if (active < 2) return;
    this.#done = true;
    const forward = this.#electionTicks - 2;
    log.info('initialized peer connections; fast-forwarding election ticks', {
      'local-member-id': idToHex(member.memberId),
      ...this.#forwarded(forward),
      'active-remote-members': active,
    });
    member.advance(forward);
  }

  #forwarded(ticks: number) {
    const { heartbeatMs } = this.#options;
    return {
      'forward-ticks': ticks,
      'forward-duration': printDuration(ticks * heartbeatMs),
      'election-ticks': this.#electionTicks,
      'election-timeout': printDuration(this.#electionTicks * heartbeatMs),
    };
  }
}
