/**
 * One replica: turns what services ask into log entries, drives raft once a turn, and applies what is committed.
 *
 * A turn: everything that was proposed is one batch to raft, all reads share one read-index round, and what raft wants
 * written is one batch to the log. Entries are applied the moment they are known to be committed, and never before they are
 * durable on a quorum; with one voter, on its own disk.
 *
 * Events come in (`tick`, `endTurn`, `persisted`, `received`), actions go out through `World`.
 */
import type { Outcome } from '../apply/outcome.js';
import type { Bytes } from '../base/bytes.js';
import type { ServerCounters } from '../base/counters.js';
import { type ClusterId, idToHex, type MemberId, noMember } from '../base/ids.js';
import type { Log } from '../base/log.js';
import type { MembershipBook } from '../cluster/book.js';
import type { MemoryStorage } from '../raft/memory-storage.js';
import { localAppendThread, localApplyThread } from '../raft/message.js';
import type { RawNode } from '../raft/raw-node.js';
import type { ErrorName } from '../wire/errors.js';
import type { InternalRaftRequest } from '../wire/messages/raft-request.js';
import {
  type ConfChange,
  type Entry,
  entryType,
  type HardState,
  type Message,
  messageType,
  type Snapshot,
} from '../wire/raftpb/types.js';
import { AppliedWaits } from './applied-waits.js';
import type { Applier } from './applier.js';
import { ApplyTimes } from './apply-times.js';
import type { Checkpoints } from './checkpoints.js';
import { ConfChangeProposals } from './conf-change-proposals.js';
import { type MemberFront, type ProposalWaiter, type ReadWaiter, type RequestField, requestField } from './front.js';
import { HeartbeatTimes } from './heartbeat-times.js';
import { faultOf } from './incoming.js';
import { LogWriter } from './log-writer.js';
import { requestTimeoutMsOf } from './options.js';
import { Outbox } from './outbox.js';
import { ProposalBatch } from './proposal-batch.js';
import { Proposals } from './proposals.js';
import { ReadIndexing } from './read-indexing.js';
import type { RequestIds } from './request-ids.js';
import type { Restoring } from './restoring.js';
import type { SnapshotSends } from './snapshot-sends.js';
import { timeoutCause } from './timeout-cause.js';
import type { World } from './world.js';

/** Committed entries that may wait to be applied before new requests are refused. Source: etcd `maxGapBetweenApplyAndCommitIndex`. */
const applyGapMax = 5000;
/** The same for what is to go before others where gate PriorityRequest is on. Source: etcd `maxPriorityGap`. */
const priorApplyGapMax = 10_000;
/** No request has this id. */
const noRequest = -1;

export interface MemberConfig {
  /** What takes longer to apply is logged. */
  readonly warningApplyMs: number;
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
  readonly heartbeatMs: number;
  readonly electionMs: number;
  readonly maxRequestBytes: number;
  readonly priorityRequests: boolean;
}

export interface MemberParts {
  readonly world: World;
  readonly node: RawNode;
  readonly storage: MemoryStorage;
  readonly applier: Applier;
  readonly members: MembershipBook;
  readonly checkpoints: Checkpoints;
  readonly restoring: Restoring;
  readonly snapshotSends: SnapshotSends;
  readonly ids: RequestIds;
  readonly log: Log;
  readonly counters: ServerCounters;
}

/** Told when leadership moves, when this leader's term has begun to commit, and when space has run out. */
export interface LeadershipListener {
  leaderChanged(leader: MemberId, isLeader: boolean): void;
  /** This leader has applied everything of the terms before its own. */
  termOpened(): void;
  /** An entry was applied for which there was no room any more. */
  appliedWithoutRoom(): void;
}

export class Member implements MemberFront {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
  readonly #config: MemberConfig;
  readonly #parts: MemberParts;
  readonly #world: World;
  readonly #node: RawNode;
  readonly #reads: ReadIndexing;
  readonly #appliedWaits: AppliedWaits = new AppliedWaits(this);
  readonly #proposals: Proposals;
  readonly #confChanges: ConfChangeProposals;
  readonly #requestTimeoutMs: number;

  readonly #batch: ProposalBatch;
  /** What of it only a leader may propose. */
  readonly #leaderOnly = new Set<number>();
  readonly #logWriter: LogWriter;
  readonly #heartbeats: HeartbeatTimes;
  readonly #outbox: Outbox;
  #listener: LeadershipListener | undefined;
  readonly #tickers: ((nowMs: number) => void)[] = [];
  #stopped = false;
  #driving = false;
  #campaigned = false;
  #termOpened = 0;
  #settling = false;
  readonly #times: ApplyTimes;

  // Facts that every request asks for, kept as plain fields.
  term = 0;
  leader: MemberId = noMember;
  isLeader = false;
  #committed = 0;
  /** When this member last began to lead. */
  #electedMs = Number.NEGATIVE_INFINITY;

  readonly #awaited = (idHi: number, idLo: number) => {
    const id = this.#parts.ids.suffixOf(idHi, idLo);
    return id >= 0 && this.#proposals.has(id);
  };

  constructor(config: MemberConfig, parts: MemberParts) {
    this.memberId = config.memberId;
    this.clusterId = config.clusterId;
    this.#config = config;
    this.#parts = parts;
    this.#world = parts.world;
    this.#node = parts.node;
    this.#requestTimeoutMs = requestTimeoutMsOf(config.electionMs);
    this.#proposals = new Proposals(this.#requestTimeoutMs);
    const { log, counters, ids, node } = parts;
    const nowMs = () => parts.world.nowMs();
    this.#reads = new ReadIndexing({ node, ids, log, counters, nowMs, timeoutMs: this.#requestTimeoutMs });
    this.#times = new ApplyTimes({ log, counters, nowMs, warningApplyMs: config.warningApplyMs });
    this.#batch = new ProposalBatch(parts.ids, config.maxRequestBytes);
    this.#confChanges = new ConfChangeProposals(parts.ids);
    this.#heartbeats = new HeartbeatTimes({
      heartbeatMs: config.heartbeatMs,
      log: parts.log,
      counters: parts.counters,
    });
    this.#outbox = new Outbox((message) => this.#send(message));
    this.#logWriter = new LogWriter({
      world: parts.world,
      storage: parts.storage,
      deliver: (response) => this.#deliver(response),
      install: (snapshot, installed) => parts.restoring.begin(snapshot, installed),
    });
    const { term, commit } = parts.node.basicStatus().hardState;
    this.term = term;
    this.#committed = Math.max(commit, parts.applier.applied);
  }

  get revision(): number {
    return this.#parts.applier.revision;
  }

  get applied(): number {
    return this.#parts.applier.applied;
  }

  get committed(): number {
    return this.#committed;
  }

  get pendingProposals(): number {
    return this.#proposals.count + this.#confChanges.count;
  }

  get failedProposals(): number {
    return this.#proposals.failedTotal;
  }

  get requestTimeoutMs(): number {
    return this.#requestTimeoutMs;
  }

  get node(): RawNode {
    return this.#node;
  }

  /** This leader has told another to be elected, which the others then will not wait with. */
  get isHandingOver(): boolean {
    return this.#node.leadTransferee !== noMember;
  }

  /** The request whose outcome its waiter is being told right now. */
  get applying(): InternalRaftRequest | undefined {
    return this.#settling ? this.#parts.applier.request : undefined;
  }

  nowMs(): number {
    return this.#world.nowMs();
  }

  listen(listener: LeadershipListener): void {
    this.#listener = listener;
  }

  /** Takes up what the log left to do. Afterwards a sole voter campaigns at once: it needs nobody's vote. */
  start(): void {
    this.#drive();
    this.#campaignAlone();
    this.#drive();
  }

  /** Not before all that is known to be committed is applied: a membership change may be among it. */
  #campaignAlone(): void {
    if (this.#campaigned || this.#committed > this.applied || !this.#parts.applier.isSoleVoter(this.memberId)) return;
    this.#campaigned = true;
    this.#node.campaign();
  }

  propose(field: RequestField, bytes: Bytes, start: number, end: number, waiter: ProposalWaiter): void {
    this.#gather(field, bytes, start, end, waiter);
  }

  /**
   * As the leader's duty: refused when this member does not lead, dropped when it leads no more before raft has it. Else it would
   * be handed to the next leader, who has its own mind about what is due.
   */
  proposeAsLeader(field: RequestField, bytes: Bytes, waiter: ProposalWaiter): void {
    if (!this.isLeader) return waiter.failed('notLeader');
    const id = this.#gather(field, bytes, 0, bytes.length, waiter);
    if (id !== noRequest) this.#leaderOnly.add(id);
  }

  /** Answers the request's id, or `noRequest` after it was refused. */
  #gather(field: RequestField, bytes: Bytes, start: number, end: number, waiter: ProposalWaiter): number {
    const refusal = this.#refusal(field);
    if (refusal !== undefined) {
      waiter.failed(refusal);
      return noRequest;
    }
    const id = this.#parts.ids.next();
    if (!this.#batch.add(id, field, bytes, start, end)) {
      waiter.failed('requestTooLarge');
      return noRequest;
    }
    this.#proposals.wait(id, waiter, this.#world.nowMs());
    return id;
  }

  #refusal(field: RequestField): ErrorName | undefined {
    if (this.#stopped) return 'stopped';
    const gap = this.#committed - this.applied;
    if (gap <= applyGapMax) return undefined;
    const isPrior = this.#config.priorityRequests && field === requestField.leaseRevoke;
    return isPrior && gap <= priorApplyGapMax ? undefined : 'tooManyRequests';
  }

  /** Tells when all is applied that is known to be committed now; etcd gives it a second. */
  whenApplied(waiter: ReadWaiter): void {
    if (this.#stopped) waiter.failed('stopped');
    else this.#appliedWaits.whenApplied(waiter);
  }

  proposeConfChange(change: Omit<ConfChange, 'id'>, waiter: ProposalWaiter): void {
    if (this.#stopped) waiter.failed('stopped');
    else this.#confChanges.add(change, waiter, this.#world.nowMs());
  }

  /**
   * True when this member's state answers a linearizable read as it stands: it leads, is the only voter, and has applied all
   * that it committed in its own term. Nobody else can have acknowledged anything that is not in this state.
   */
  get readsNow(): boolean {
    return (
      this.isLeader &&
      this.#termOpened === this.term &&
      this.#committed === this.applied &&
      this.#parts.applier.isSoleVoter(this.memberId)
    );
  }

  readIndex(waiter: ReadWaiter): void {
    if (this.#stopped) waiter.failed('stopped');
    else if (this.readsNow) waiter.confirmed();
    else this.#reads.add(waiter);
  }

  /** The sockets have been read: what they brought goes to raft and to the log in one go. */
  endTurn(): void {
    if (this.#stopped) return;
    const { restoring } = this.#parts;
    if (restoring.wantsStep) restoring.step();
    // A message of this turn may have deposed us, though nothing has been done about it yet.
    if (this.#leaderOnly.size > 0 && this.#node.basicStatus().softState.role !== 'leader') this.#dropLeaderOnly();
    if (this.leader !== noMember) {
      this.#batch.offer(this.#node, this.isLeader);
      if (this.#batch.isEmpty) this.#leaderOnly.clear();
      this.#confChanges.offer(this.#node);
      this.#reads.begin();
    }
    this.#drive();
    this.#outbox.flush();
  }

  /** One heartbeat interval has passed. */
  tick(): void {
    if (this.#stopped) return;
    this.#node.tick();
    const now = this.#world.nowMs();
    this.#expire(now);
    this.#reads.tick(now, this.leader !== noMember);
    this.endTurn();
    this.#parts.checkpoints.tick(now);
    for (const tell of this.#tickers) tell(now);
  }

  /** Called once in a heartbeat interval. */
  onTick(tell: (nowMs: number) => void): void {
    this.#tickers.push(tell);
  }

  #expire(nowMs: number): void {
    const { members } = this.#parts;
    const facts = {
      own: this.memberId,
      leader: this.leader,
      electedMs: this.#electedMs,
      electionMs: this.#config.electionMs,
      members,
      peers: this.#world.peers,
    };
    const expired = this.#proposals.expire(nowMs, (startedMs) => timeoutCause(startedMs, facts));
    if (expired > 0) this.#batch.keep((id) => this.#proposals.has(id));
    this.#confChanges.dropGone();
  }

  #dropLeaderOnly(): void {
    if (this.#leaderOnly.size === 0) return;
    const ids = [...this.#leaderOnly];
    this.#leaderOnly.clear();
    for (const id of ids) this.#proposals.failed(id, 'notLeader');
    this.#batch.keep((id) => this.#proposals.has(id));
  }

  /** A peer has sent a message. What raft makes of it is done at the end of the turn. */
  received(message: Message): void {
    if (this.#stopped) return;
    const fault = faultOf(message, this.memberId, this.#parts.members);
    if (fault === undefined) this.#node.step(message);
    else {
      const from = idToHex(message.from);
      this.#parts.log.warn(fault, { 'local-member-id': idToHex(this.memberId), from, to: idToHex(message.to) });
    }
  }

  /** What was last sent to `id` has probably not arrived. */
  unreachable(id: MemberId): void {
    if (!this.#stopped) this.#node.reportUnreachable(id);
  }

  /** Whether a snapshot for `id` has arrived. */
  snapshotSent(id: MemberId, arrived: boolean): void {
    if (!this.#stopped) this.#node.reportSnapshot(id, arrived ? 'finished' : 'failed');
  }

  /** As leader: what the slowest follower within reach holds of the log; `Infinity` when there is none. */
  neededAfter(): number {
    if (!this.isLeader) return Number.POSITIVE_INFINITY;
    let lowest = Number.POSITIVE_INFINITY;
    for (const { id, match, state, recentActive } of this.#node.status().progress) {
      if (id !== this.memberId && match > 0 && (recentActive || state === 'replicate'))
        lowest = Math.min(lowest, match);
    }
    return lowest;
  }

  /** Writes a snapshot's position into the log, in its place among what the log is writing; tells when it is durable. */
  persistSnapshot(snapshot: Snapshot, durable: () => void): void {
    if (!this.#stopped) this.#logWriter.recordSnapshot(snapshot, durable);
  }

  /** The oldest batch given to `World.persist` is durable. */
  persisted(): void {
    this.#logWriter.persisted();
    if (!this.#stopped) this.#drive();
  }

  /** So many heartbeat intervals count as passed. */
  advance(ticks: number): void {
    if (this.#stopped) return;
    for (let i = 0; i < ticks; i++) this.#node.tick();
    this.#drive();
  }

  /** Since this member heard its leader. */
  get silentTicks(): number {
    return this.#node.silentTicks;
  }

  /** Asks for votes now, however long its patience would have lasted. */
  campaign(): void {
    if (this.#stopped) return;
    this.#node.campaign();
    this.#drive();
  }

  /** Hands leadership to a voter; whether that worked shows in `leader`. */
  transferLeader(to: MemberId): void {
    if (this.#stopped) return;
    this.#node.transferLeader(to);
    this.#drive();
  }

  /** Refuses everything from now on. What is in the log stays; who waits is told. */
  stop(): void {
    this.#stopped = true;
    this.#proposals.failAll('stopped');
    this.#confChanges.failAll('stopped');
    this.#reads.failAll('stopped');
    this.#appliedWaits.failAll('stopped');
  }

  /** The newest hard state when only its commit index has not been written; a closing log takes it along. */
  takeUnwrittenHardState(): HardState | undefined {
    return this.#logWriter.takeUnwrittenHardState();
  }

  /** Does what raft says until it says no more. Stepping its answers can make it say more, so never from within itself. */
  #drive(): void {
    if (this.#driving) return;
    this.#driving = true;
    while (this.#node.hasReady()) {
      const ready = this.#node.ready();
      if (ready.hardState !== undefined) {
        this.term = ready.hardState.term;
        this.#committed = ready.hardState.commit;
      }
      if (ready.softState !== undefined) this.#leadership(ready.softState.lead);
      for (const readState of ready.readStates) this.#reads.answered(readState);
      for (const message of ready.messages) this.#carryOut(message);
      this.#campaignAlone();
    }
    if (!this.#parts.restoring.active) {
      this.#reads.confirm(this.applied);
      this.#appliedWaits.check();
    }
    this.#driving = false;
  }

  #carryOut(message: Message): void {
    if (message.to === localAppendThread) this.#logWriter.write(message);
    else if (message.to === localApplyThread) this.#apply(message);
    else this.#outbox.add(message);
  }

  /** What an append or an application has promised. */
  #deliver(response: Message): void {
    if (response.to === this.memberId) this.#node.step(response);
    else this.#outbox.add(response);
  }

  #send(message: Message): void {
    if (this.#stopped || this.#parts.members.isRemoved(message.to)) return;
    if (message.type === messageType.heartbeat) this.#heartbeats.sent(message.to, this.#world.nowMs());
    if (message.type === messageType.snap) this.#parts.snapshotSends.send(message);
    else this.#world.send(message.to, message);
  }

  #apply(message: Message): void {
    this.#times.begin();
    for (const entry of message.entries) this.#applyEntry(entry);
    for (const response of message.responses) this.#node.step(response);
    this.#parts.checkpoints.applied();
  }

  #applyEntry(entry: Entry): void {
    if (entry.data.length === 0 && entry.type === 0) {
      this.#parts.applier.skip(entry);
      if (entry.term === this.term && this.isLeader) {
        this.#termOpened = entry.term;
        this.#listener?.termOpened();
      }
      // A new leader may not have known what it was asked before its first commit.
      if (this.leader !== noMember) this.#reads.askAgain();
      return;
    }
    const { applier, ids } = this.#parts;
    const outcome = applier.apply(entry, this.#node, this.#awaited);
    const id = ids.suffixOf(applier.idHi, applier.idLo);
    const success = outcome.kind !== 'refused' || outcome.error === 'compacted';
    if (applier.field !== 0) this.#times.applied(applier.field, success, applier.request);
    if (entry.type !== entryType.normal) this.#confChanges.applied(id, outcome);
    else if (id >= 0) this.#settle(id, outcome, success);
    if (outcome.kind === 'refused' && outcome.error === 'noSpace') this.#listener?.appliedWithoutRoom();
  }

  #settle(id: number, outcome: Outcome, success: boolean): void {
    this.#settling = true;
    const startedMs = this.#proposals.applied(id, outcome);
    this.#settling = false;
    if (startedMs >= 0) this.#times.answered(this.#parts.applier.field, success, startedMs);
  }

  #leadership(leader: MemberId): void {
    if (leader === this.leader) return;
    this.leader = leader;
    this.isLeader = leader === this.memberId;
    this.#heartbeats.reset();
    if (this.isLeader) this.#electedMs = this.#world.nowMs();
    if (leader !== noMember) this.#reads.leaderChanged();
    this.#listener?.leaderChanged(leader, this.isLeader);
    if (!this.isLeader) this.#dropLeaderOnly();
  }
}
