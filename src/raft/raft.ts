/**
 * One node's state, and the moves between roles. What each role does with a message stands in `follower.ts`,
 * `candidate.ts` and `leader.ts`; what holds for all of them in `step.ts`.
 *
 *                 timeout            quorum says it could win         quorum votes
 *   follower ----------------> pre-candidate ----------> candidate ----------> leader
 *      ^  (without pre-vote straight to candidate)           |                    |
 *      +------------- a higher term, or a leader of this term, or a lost vote ----+
 *
 * Nothing here waits, draws or reads a clock: messages, ticks and `config.random` come in; messages, entries and states
 * to be stored go out through `RawNode.ready`.
 */
import { noBytes } from '../base/bytes.js';
import { check } from '../base/check.js';
import { idToHex, type MemberId, noMember } from '../base/ids.js';
import { type Entry, type HardState, type Message, messageType } from '../wire/raftpb/types.js';
import type { Config } from './config.js';
import { noLimit, payloadSizeOf } from './entry-size.js';
import { Log } from './log.js';
import type { Logger } from './logger.js';
import { newMessage } from './message.js';
import { ReadOnly, type ReadState } from './read-only.js';
import { Tracker } from './tracker.js';

export type Role = 'follower' | 'candidate' | 'leader' | 'preCandidate';

export class Raft {
  readonly id: MemberId;
  /** `1` -> "1": as log lines name this node. */
  readonly name: string;
  readonly config: Config;
  readonly logger: Logger;
  readonly log: Log;
  readonly tracker: Tracker;

  /** Highest term seen. Never falls; stored before anything said in it is acted upon. */
  term = 0;
  /** Who got this node's vote in `term`: at most one, ever. */
  vote: MemberId = noMember;
  role: Role = 'follower';
  /** The leader of `term`, as far as known. Invariant: a leader's is itself. */
  lead: MemberId = noMember;
  isLearner = false;
  /** To whom leadership is being handed; only on a leader. Thesis 3.10. */
  leadTransferee: MemberId = noMember;

  /** May leave at once. Invariant: none is addressed to this node. */
  messages: Message[] = [];
  /** Promise something: they leave only when all that is unstable now has been stored. */
  messagesAfterAppend: Message[] = [];
  readStates: ReadState[] = [];

  readonly readOnly = new ReadOnly();
  /** Reads that arrived before this leader has committed anything in its term: it cannot know the commit index yet. */
  pendingReads: Message[] = [];

  /**
   * A leader appends a membership change only when it has applied up to here: there is at most one change
   * in the log that is not applied. Invariant: at least the index of the last change appended in this term.
   */
  pendingConfIndex = 0;
  /** Payload bytes of this leader's entries that are not known to be applied. An estimate, never too high. */
  uncommittedBytes = 0;

  /** Ticks since the last election timeout, or since a follower has heard of its leader. */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  /** In [electionTicks, 2 * electionTicks), drawn anew with each change of role, so that rivals seldom collide. */
  randomizedElectionTimeout = 0;

  constructor(config: Config) {
    this.id = config.id;
    this.name = idToHex(config.id);
    this.config = config;
    this.logger = config.logger;
    this.log = new Log(config.storage, config.logger, config.maxApplyingBytes || config.maxMessageBytes);
    this.tracker = new Tracker(config.maxInflightMessages, config.maxInflightBytes);
  }

  hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.committed };
  }

  /** A voter that knows its own place and is not about to swallow a snapshot. */
  get promotable(): boolean {
    const own = this.tracker.get(this.id);
    return own !== undefined && !own.isLearner && this.log.unstable.snapshot === undefined;
  }

  /** How log lines about votes name this node, its log and its vote. */
  get standing(): string {
    const { log } = this;
    return `${this.name} [logterm: ${log.lastTerm()}, index: ${log.lastIndex()}, vote: ${idToHex(this.vote)}]`;
  }

  get committedInTerm(): boolean {
    return this.log.termOrZero(this.log.committed) === this.term;
  }

  /** Queues a message. Votes carry the term they are about; proposals and reads none, for any leader may serve them. */
  send(message: Message): void {
    if (message.from === noMember) message.from = this.id;
    switch (message.type) {
      case messageType.vote:
      case messageType.voteResp:
      case messageType.preVote:
      case messageType.preVoteResp:
        check(message.term !== 0, 'a vote says for which term it is');
        break;
      case messageType.prop:
      case messageType.readIndex:
        check(message.term === 0, 'a proposal or a read belongs to no term');
        break;
      default:
        check(message.term === 0, "all other messages are of the sender's term");
        message.term = this.term;
    }
    // Thesis 3.8: a vote or an acknowledgement is a promise, and must not outrun what it rests on to the disk.
    switch (message.type) {
      case messageType.appResp:
      case messageType.voteResp:
      case messageType.preVoteResp:
        this.messagesAfterAppend.push(message);
        break;
      default:
        check(message.to !== this.id, 'what a node tells itself waits for storage');
        this.messages.push(message);
    }
  }

  becomeFollower(term: number, lead: MemberId): void {
    this.#reset(term);
    this.lead = lead;
    this.role = 'follower';
    this.logger.info(`${this.name} became follower at term ${this.term}`);
  }

  becomeCandidate(): void {
    check(this.role !== 'leader', 'a leader never campaigns');
    this.#reset(this.term + 1);
    this.vote = this.id;
    this.role = 'candidate';
    this.logger.info(`${this.name} became candidate at term ${this.term}`);
  }

  /** Asks first: neither term nor vote changes. */
  becomePreCandidate(): void {
    check(this.role !== 'leader', 'a leader never campaigns');
    this.tracker.resetVotes();
    this.lead = noMember;
    this.role = 'preCandidate';
    this.logger.info(`${this.name} became pre-candidate at term ${this.term}`);
  }

  becomeLeader(): void {
    check(this.role !== 'follower', 'a leader was a candidate first');
    this.#reset(this.term);
    this.lead = this.id;
    this.role = 'leader';
    const own = this.tracker.get(this.id);
    check(own !== undefined, 'a leader is a member');
    own.becomeReplicate();
    own.recentActive = true;
    // There may be a membership change anywhere in the tail. Rather than search it, no new one is taken before all of it is applied.
    this.pendingConfIndex = this.log.lastIndex();
    // With an entry of its own term it learns what is committed, and so what it may answer to reads. Thesis 3.6.2, 6.4.
    const taken = this.appendEntries([{ type: 0, term: 0, index: 0, data: noBytes }]);
    check(taken, 'an empty entry is never too large');
    this.logger.info(`${this.name} became leader at term ${this.term}`);
  }

  /** A leader's append to its own log. The entries become the log's own. False if too much is uncommitted. */
  appendEntries(entries: readonly Entry[]): boolean {
    const bytes = payloadSizeOf(entries);
    const max = this.config.maxUncommittedBytes || noLimit;
    // The first large proposal passes, and an empty one always: or nothing could move any more.
    if (this.uncommittedBytes > 0 && bytes > 0 && this.uncommittedBytes + bytes > max) {
      this.logger.warning(
        `${this.name} appending new entries to log would exceed uncommitted entry size limit; dropping proposal`,
      );
      return false;
    }
    this.uncommittedBytes += bytes;
    let index = this.log.lastIndex();
    for (const entry of entries) {
      entry.term = this.term;
      entry.index = ++index;
    }
    const acknowledgement = newMessage(messageType.appResp, this.id);
    acknowledgement.index = this.log.append(entries);
    // Counts like a follower's, once the entries are stored here. Others may commit them before that. Thesis 10.2.1.
    this.send(acknowledgement);
    return true;
  }

  reduceUncommitted(bytes: number): void {
    this.uncommittedBytes = Math.max(0, this.uncommittedBytes - bytes);
  }

  #reset(term: number): void {
    if (this.term !== term) {
      check(term > this.term, 'a term never falls');
      this.term = term;
      this.vote = noMember;
    }
    this.lead = noMember;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    const { electionTicks, random } = this.config;
    this.randomizedElectionTimeout = electionTicks + random(electionTicks);
    this.leadTransferee = noMember;
    this.tracker.resetVotes();
    const last = this.log.lastIndex();
    for (const progress of this.tracker.progresses) progress.reset(progress.id === this.id ? last : 0, last + 1);
    this.pendingConfIndex = 0;
    this.uncommittedBytes = 0;
    this.readOnly.reset();
  }
}
