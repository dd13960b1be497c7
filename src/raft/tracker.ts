/**
 * The active configuration, what is known of each member in it, and the votes of the election under way.
 *
 * Invariant: there is a `Progress` for each member and for nobody else; they are sorted by id.
 */
import { check } from '../base/check.js';
import type { MemberId } from '../base/ids.js';
import { byId, type Configuration, noConfiguration } from './configuration.js';
import { Inflights } from './inflights.js';
import { Progress } from './progress.js';
import * as joint from './quorum/joint.js';
import type { VoteResult } from './quorum/majority.js';

export interface Tally {
  readonly granted: number;
  readonly rejected: number;
  readonly result: VoteResult;
}

export class Tracker {
  configuration: Configuration = noConfiguration;
  progresses: readonly Progress[] = [];
  /** The voters' progress, one list a set: so that nothing is looked up while counting. */
  #incoming: readonly Progress[] = [];
  #outgoing: readonly Progress[] = [];
  readonly #votes = new Map<MemberId, boolean>();
  readonly #ackedIncoming: number[] = [];
  readonly #ackedOutgoing: number[] = [];

  constructor(
    readonly maxInflightMessages: number,
    readonly maxInflightBytes: number,
  ) {}

  get(id: MemberId): Progress | undefined {
    for (const progress of this.progresses) if (progress.id === id) return progress;
    return undefined;
  }

  /** Whether `id` is the only voter, and no change is under way: then what it stores is committed, and nobody else can lead. */
  isOnlyVoter(id: MemberId): boolean {
    return this.#incoming.length === 1 && this.#outgoing.length === 0 && this.#incoming[0]?.id === id;
  }

  /** Makes `configuration` the active one. What is known of a member is kept, unless it is `fresh`. */
  adopt(configuration: Configuration, fresh: readonly MemberId[], lastIndex: number): void {
    const { voters, outgoing, learners } = configuration;
    const known = new Map(this.progresses.map((progress) => [progress.id, progress]));
    for (const id of fresh) known.delete(id);
    const ids = [...new Set([...voters, ...outgoing, ...learners])].sort(byId);
    const of = new Map<MemberId, Progress>();
    for (const id of ids) of.set(id, known.get(id) ?? this.#newProgress(id, lastIndex));
    for (const [id, progress] of of) progress.isLearner = learners.includes(id);
    const list = (members: readonly MemberId[]) =>
      members.map((id) => {
        const progress = of.get(id);
        check(progress !== undefined, 'each member has a progress');
        return progress;
      });
    this.configuration = configuration;
    this.progresses = list(ids);
    this.#incoming = list(voters);
    this.#outgoing = list(outgoing);
  }

  /** Probing begins at our last entry. New members count as active, or a quorum check could fail before they are asked. */
  #newProgress(id: MemberId, lastIndex: number): Progress {
    const inflights = new Inflights(this.maxInflightMessages, this.maxInflightBytes);
    const progress = new Progress(id, Math.max(lastIndex, 1), false, inflights);
    progress.recentActive = true;
    return progress;
  }

  /** Highest index that the voters have acknowledged by the quorum rule. */
  committed(): number {
    this.#ackedIncoming.length = 0;
    this.#ackedOutgoing.length = 0;
    for (const progress of this.#incoming) this.#ackedIncoming.push(progress.match);
    for (const progress of this.#outgoing) this.#ackedOutgoing.push(progress.match);
    return joint.committedIndex(this.#ackedIncoming, this.#ackedOutgoing);
  }

  /** The quorum rule over any acknowledgement: `acked` gives what each voter has acknowledged, 0 for nothing. */
  quorumOf(acked: (id: MemberId) => number): number {
    return joint.committedIndex(
      this.#incoming.map(({ id }) => acked(id)),
      this.#outgoing.map(({ id }) => acked(id)),
    );
  }

  quorumActive(): boolean {
    // Who is about to become a learner still votes in the outgoing set.
    const active = (progress: Progress) => progress.recentActive;
    return joint.voteResult(this.#incoming.map(active), this.#outgoing.map(active)) === 'won';
  }

  resetVotes(): void {
    this.#votes.clear();
  }

  /** The first vote of each member counts. */
  recordVote(id: MemberId, granted: boolean): void {
    if (!this.#votes.has(id)) this.#votes.set(id, granted);
  }

  tally(): Tally {
    let granted = 0;
    let rejected = 0;
    for (const { id, isLearner } of this.progresses) {
      const vote = isLearner ? undefined : this.#votes.get(id);
      if (vote === true) granted++;
      else if (vote === false) rejected++;
    }
    const vote = ({ id }: Progress) => this.#votes.get(id);
    return { granted, rejected, result: joint.voteResult(this.#incoming.map(vote), this.#outgoing.map(vote)) };
  }
}
