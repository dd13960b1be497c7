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
import { type Bytes, noBytes } from '../base/bytes.js';
import { check } from '../base/check.js';
import type { ServerCounters } from '../base/counters.js';
import { type ClusterId, type MemberId, noMember } from '../base/ids.js';
import type { Log } from '../base/log.js';
import { Slab } from '../base/slab.js';
import type { MemoryStorage } from '../raft/memory-storage.js';
import { localAppendThread, localApplyThread } from '../raft/message.js';
import type { RawNode } from '../raft/raw-node.js';
import type { ErrorName } from '../wire/errors.js';
import { RequestHeader, raftRequestSize, writeRaftRequest } from '../wire/messages/raft-request.js';
import { Writer } from '../wire/proto/writer.js';
import type { ConfChange, Entry, HardState, Message, Snapshot } from '../wire/raftpb/types.js';
import type { Applier } from './applier.js';
import type { Checkpoints } from './checkpoints.js';
import type { MemberFront, ProposalWaiter, ReadWaiter, RequestField } from './front.js';
import { KindSeconds, kindName } from './kind-seconds.js';
import { requestTimeoutMsOf } from './options.js';
import { Proposals } from './proposals.js';
import { Reads } from './reads.js';
import type { RequestIds } from './request-ids.js';
import type { World } from './world.js';

/** Committed entries that may wait to be applied before new requests are refused. Source: etcd `maxGapBetweenApplyAndCommitIndex`. */
const applyGapMax = 5000;

export interface MemberConfig {
  /** What takes longer to apply is logged. */
  readonly warningApplyMs: number;
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
  readonly electionMs: number;
  readonly maxRequestBytes: number;
}

export interface MemberParts {
  readonly world: World;
  readonly node: RawNode;
  readonly storage: MemoryStorage;
  readonly applier: Applier;
  readonly checkpoints: Checkpoints;
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
  readonly #reads = new Reads();
  readonly #proposals: Proposals;
  readonly #requestTimeoutMs: number;

  #gathered: Bytes[] = [];
  /** The ids of those, in their order. */
  #gatheredIds: number[] = [];
  readonly #gatheredConfChanges: ConfChange[] = [];
  /** What the log is writing, oldest first: raft's message, whose responses are stepped when it is durable. */
  readonly #writing: Written[] = [];
  #unwrittenHardState: HardState | undefined;
  #listener: LeadershipListener | undefined;
  #stopped = false;
  #driving = false;
  #campaigned = false;
  #termOpened = 0;
  readonly #applySeconds: KindSeconds;
  readonly #requestSeconds: KindSeconds;
  /** When the entry before was applied: one look at the clock an entry. */
  #clockMs = 0;

  // Facts that every request asks for, kept as plain fields.
  term = 0;
  leader: MemberId = noMember;
  isLeader = false;
  #committed = 0;
  #lastElectedMs = Number.NEGATIVE_INFINITY;

  readonly #entrySlab = new Slab();
  readonly #entryWriter = new Writer(0);
  readonly #header = new RequestHeader();
  readonly #span = { bytes: noBytes, start: 0, end: 0 };

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
    const { term, commit } = parts.node.basicStatus().hardState;
    this.term = term;
    this.#committed = Math.max(commit, parts.applier.applied);
    this.#applySeconds = new KindSeconds(parts.counters.applySeconds);
    this.#requestSeconds = new KindSeconds(parts.counters.requestSeconds);
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
    return this.#proposals.count;
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
    if (this.#stopped) return waiter.failed('stopped');
    if (this.#committed > this.applied + applyGapMax) return waiter.failed('tooManyRequests');
    const { ids } = this.#parts;
    const id = ids.next();
    const header = this.#header;
    header.idLo = id % 0x1_0000_0000;
    header.idHi = ids.high(id);
    const size = raftRequestSize(field, end - start, header);
    if (size > this.#config.maxRequestBytes) return waiter.failed('requestTooLarge');
    const entry = this.#entrySlab.take(size);
    const writer = this.#entryWriter;
    writer.bytes = entry;
    writer.at = 0;
    const span = this.#span;
    span.bytes = bytes;
    span.start = start;
    span.end = end;
    writeRaftRequest(writer, field, span, header);
    span.bytes = noBytes;
    check(writer.at === size, 'an entry is as long as its size was foretold');
    this.#proposals.wait(id, waiter, this.#world.nowMs());
    this.#gathered.push(entry);
    this.#gatheredIds.push(id);
  }

  proposeConfChange(change: Omit<ConfChange, 'id'>, waiter: ProposalWaiter): void {
    if (this.#stopped) return waiter.failed('stopped');
    const id = this.#parts.ids.next();
    const whole = { ...change, id: (BigInt(this.#parts.ids.prefix) << 48n) | BigInt(id) };
    this.#proposals.wait(id, waiter, this.#world.nowMs());
    this.#gatheredConfChanges.push(whole);
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
    else this.#reads.add(waiter, this.#world.nowMs());
  }

  /** The sockets have been read: what they brought goes to raft and to the log in one go. */
  endTurn(): void {
    if (this.#stopped) return;
    if (this.#gathered.length > 0 && this.leader !== noMember) {
      // Without a leader proposals wait here until there is one or they time out, as etcd's do.
      if (this.#node.propose(this.#gathered) === undefined) {
        this.#gathered = [];
        this.#gatheredIds = [];
      }
    }
    this.#proposeConfChanges();
    if (this.leader !== noMember && this.#reads.waiting) {
      const round = this.#reads.begin(this.#world.nowMs());
      if (round !== 0) this.#node.readIndex(roundContext(round));
    }
    this.#drive();
  }

  #proposeConfChanges(): void {
    if (this.leader === noMember) return;
    for (const change of this.#gatheredConfChanges.splice(0)) this.#node.proposeConfChange(change);
  }

  /** One heartbeat interval has passed. */
  tick(): void {
    if (this.#stopped) return;
    this.#node.tick();
    const now = this.#world.nowMs();
    const expired = this.#proposals.expire(now, (startedMs) => this.#classifyTimeout(startedMs));
    if (expired > 0 && this.#gathered.length > 0) this.#dropExpired();
    this.#reads.expire(now, this.#requestTimeoutMs);
    this.endTurn();
    this.#parts.checkpoints.tick(now);
  }

  /** Whoever asked has been told that it did not happen in time: no later leader is to be asked for it. */
  #dropExpired(): void {
    const isAwaited = (_: unknown, at: number) => this.#proposals.has(this.#gatheredIds[at] as number);
    this.#gathered = this.#gathered.filter(isAwaited);
    this.#gatheredIds = this.#gatheredIds.filter((id) => this.#proposals.has(id));
  }

  /** Asks raft again for rounds that it has not answered: a leader may have lost them. etcd does so every 500 ms. */
  askReadsAgain(): void {
    for (const round of this.#reads.unansweredRounds()) this.#node.readIndex(roundContext(round));
    this.#drive();
  }

  received(message: Message): void {
    if (this.#stopped) return;
    this.#node.step(message);
  }

  /** Writes a snapshot's position into the log, in its place among what the log is writing; tells when it is durable. */
  persistSnapshot(snapshot: Snapshot, durable: () => void): void {
    if (this.#stopped) return;
    this.#writing.push({ entries: [], responses: [], durable });
    this.#world.persist({ entries: [], hardState: undefined, snapshot, mustSync: true });
  }

  /** The oldest batch given to `World.persist` is durable. */
  persisted(): void {
    const written = this.#writing.shift();
    check(written !== undefined, 'the log confirms only what it was given');
    if (written.entries.length > 0) this.#parts.storage.append(written.entries);
    for (const response of written.responses) this.#node.step(response);
    written.durable?.();
    if (!this.#stopped) this.#drive();
  }

  /** Refuses everything from now on. What is in the log stays; who waits is told. */
  stop(): void {
    this.#stopped = true;
    this.#proposals.failAll('stopped');
    this.#reads.failAll('stopped');
  }

  /** The newest hard state when only its commit index has not been written; a closing log takes it along. */
  takeUnwrittenHardState(): HardState | undefined {
    const state = this.#unwrittenHardState;
    this.#unwrittenHardState = undefined;
    return state;
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
      for (const { context, index } of ready.readStates) this.#reads.answered(roundOf(context), index);
      for (const message of ready.messages) this.#carryOut(message);
      this.#campaignAlone();
    }
    this.#reads.confirm(this.applied);
    this.#driving = false;
  }

  #carryOut(message: Message): void {
    if (message.to === localAppendThread) this.#persist(message);
    else if (message.to === localApplyThread) this.#apply(message);
    else this.#world.send(message.to, message);
  }

  #persist(message: Message): void {
    const { entries, snapshot, term, vote, commit } = message;
    const hardState = term === 0 && commit === 0 ? this.#unwrittenHardState : { term, vote, commit };
    const before = this.#parts.storage.initialState().hardState;
    const mustSync =
      entries.length > 0 || snapshot !== undefined || (term !== 0 && (before?.term !== term || before.vote !== vote));
    if (hardState !== undefined) this.#parts.storage.setHardState(hardState);
    if (!mustSync) {
      // Only the commit index moved: it can be found out again, so it waits for the next batch that has to be written.
      this.#unwrittenHardState = hardState;
      this.#respondInOrder(message);
      return;
    }
    this.#unwrittenHardState = undefined;
    this.#writing.push(message);
    this.#world.persist({ entries, hardState, snapshot, mustSync });
  }

  /** A message without a write of its own is done when those before it are: it may speak of their entries. */
  #respondInOrder(message: Message): void {
    const last = this.#writing.at(-1);
    if (last === undefined) for (const response of message.responses) this.#node.step(response);
    else this.#writing[this.#writing.length - 1] = { ...last, responses: [...last.responses, ...message.responses] };
  }

  #apply(message: Message): void {
    this.#clockMs = this.#world.nowMs();
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
      return;
    }
    const { applier, ids } = this.#parts;
    const outcome = applier.apply(entry, this.#node, this.#awaited);
    const id = ids.suffixOf(applier.idHi, applier.idLo);
    const success = outcome.kind !== 'refused' || outcome.error === 'compacted';
    this.#timeApply(success);
    if (id >= 0) this.#settle(id, outcome, success);
    if (outcome.kind === 'refused' && outcome.error === 'noSpace') this.#listener?.appliedWithoutRoom();
  }

  /** Putting the answer together counts with the entry that comes after it: a second look at the clock is not worth it. */
  #timeApply(success: boolean): void {
    const { field } = this.#parts.applier;
    if (field === 0) return;
    const nowMs = this.#world.nowMs();
    const tookMs = nowMs - this.#clockMs;
    this.#clockMs = nowMs;
    this.#applySeconds.observe(field, success, tookMs / 1000);
    if (tookMs <= this.#config.warningApplyMs) return;
    const { log, counters } = this.#parts;
    counters.slowApplies++;
    const expected = `${this.#config.warningApplyMs}ms`;
    log.warn('apply request took too long', {
      took: `${tookMs}ms`,
      'expected-duration': expected,
      request: kindName(field),
    });
  }

  #settle(id: number, outcome: Outcome, success: boolean): void {
    const startedMs = this.#proposals.applied(id, outcome);
    if (startedMs < 0) return;
    this.#requestSeconds.observe(this.#parts.applier.field, success, (this.#clockMs - startedMs) / 1000);
  }

  #leadership(leader: MemberId): void {
    if (leader === this.leader) return;
    this.leader = leader;
    this.isLeader = leader === this.memberId;
    if (leader !== noMember) this.#lastElectedMs = this.#world.nowMs();
    this.#listener?.leaderChanged(leader, this.isLeader);
  }

  /** etcd's reading of a proposal that was never applied: the old leader may have taken it along. */
  #classifyTimeout(startedMs: number): ErrorName {
    const elected = this.#lastElectedMs;
    const lost = startedMs >= elected - 2 * this.#config.electionMs && startedMs <= elected;
    return lost ? 'timeoutLeaderFailure' : 'timeout';
  }
}

/** What the log is writing: raft's message, or a snapshot's position, and who is to be told of it. */
type Written = Pick<Message, 'entries' | 'responses'> & { readonly durable?: () => void };

/** A round's number as raft carries it: 8 bytes, big-endian. */
function roundContext(round: number): Bytes {
  const context = new Uint8Array(8);
  new DataView(context.buffer).setBigUint64(0, BigInt(round));
  return context;
}

function roundOf(context: Bytes): number {
  return Number(new DataView(context.buffer, context.byteOffset, 8).getBigUint64(0));
}
