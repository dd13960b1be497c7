/**
 * One member of a raft group, as its application drives it: everything that happens is told to it by a method, and
 * `ready` says what is to be done. See `Ready` for the two ways to do it.
 *
 *   node.propose([data])            node.step(message)            node.tick()
 *                 \                        |                        /
 *                  +------------> while (node.hasReady()) <--------+
 *                                   ready = node.ready()
 *                                   store, send, apply
 *                                   node.advance()         (storage in step only)
 */
import { check } from '../base/check.js';
import { idToHex, type MemberId, noMember } from '../base/ids.js';
import {
  type ConfState,
  confChangeType,
  type Entry,
  entryType,
  type HardState,
  type Message,
  messageType,
} from '../wire/raftpb/types.js';
import { type AnyConfChange, asV2 } from './conf-change.js';
import { encodeConfChange } from './conf-change-codec.js';
import { type Config, configFault } from './config.js';
import { allVoters } from './configuration.js';
import { tickElection } from './election.js';
import { proposeAtLeader, tickLeader } from './leader.js';
import { applyConfChange, restoreConfState } from './membership.js';
import { isLocalMessage, isLocalTarget, isResponse, newMessage } from './message.js';
import { Raft, type Role } from './raft.js';
import { type Ready, storageAppend, storageAppendResponse, storageApply, storageApplyResponse } from './ready.js';
import type { Refusal } from './refusal.js';
import { type BasicStatus, basicStatus, type SoftState, type Status, status } from './status.js';
import { step } from './step.js';

export interface Peer {
  readonly id: MemberId;
  readonly context: Uint8Array | undefined;
}

export class RawNode {
  /** For tests and tools alone. */
  readonly raft: Raft;
  readonly #byMessages: boolean;
  #lead: MemberId;
  #role: Role;
  #term: number;
  #vote: MemberId;
  #commit: number;
  /** What `advance` will deliver: the answers that storage would give. */
  #onAdvance: Message[] = [];

  /** Starts, or restarts from what storage holds. `bootstrap` then sets the first members, or storage already has them. */
  constructor(config: Config) {
    const fault = configFault(config);
    check(fault === undefined, fault ?? '');
    this.raft = start(config);
    this.#byMessages = config.asyncStorageWrites;
    this.#lead = this.raft.lead;
    this.#role = this.raft.role;
    this.#term = this.raft.term;
    this.#vote = this.raft.vote;
    this.#commit = this.raft.log.committed;
  }

  tick(): void {
    if (this.raft.role === 'leader') tickLeader(this.raft);
    else tickElection(this.raft);
  }

  /** Since a follower heard its leader, or a candidate began. */
  get silentTicks(): number {
    return this.raft.electionElapsed;
  }

  /** Campaigns now, whatever the clock says. */
  campaign(): Refusal | undefined {
    return step(this.raft, newMessage(messageType.hup, noMember));
  }

  /** Proposes entries with these payloads, in order: all of them or none. The arrays must not be changed afterwards. */
  propose(payloads: readonly Uint8Array[]): Refusal | undefined {
    const entries: Entry[] = [];
    for (const data of payloads) entries.push({ type: entryType.normal, term: 0, index: 0, data });
    if (this.raft.role === 'leader') return proposeAtLeader(this.raft, entries);
    return this.#stepProposal(entries);
  }

  /** Undefined proposes to leave the joint configuration. */
  proposeConfChange(change: AnyConfChange | undefined): Refusal | undefined {
    return this.#stepProposal([{ ...encodeConfChange(change), term: 0, index: 0 }]);
  }

  #stepProposal(entries: readonly Entry[]): Refusal | undefined {
    const proposal = newMessage(messageType.prop, noMember);
    proposal.from = this.raft.id;
    proposal.entries = entries;
    return step(this.raft, proposal);
  }

  /** To be called for each membership change that is applied. One the application refuses is passed with all ids 0. */
  applyConfChange(change: AnyConfChange): ConfState {
    return applyConfChange(this.raft, asV2(change));
  }

  /** Takes a message from a peer, or one that storage has answered. */
  step(message: Message): Refusal | undefined {
    const fromStorage = isLocalTarget(message.from);
    if (!fromStorage) {
      if (isLocalMessage(message.type)) return 'localMessage';
      if (isResponse(message.type) && this.raft.tracker.get(message.from) === undefined) return 'peerNotFound';
    }
    return step(this.raft, message);
  }

  /** Asks for an index at which a read is linearizable: it comes in `Ready.readStates` with `context`, or never. */
  readIndex(context: Uint8Array): void {
    const request = newMessage(messageType.readIndex, noMember);
    request.entries = [{ type: entryType.normal, term: 0, index: 0, data: context }];
    step(this.raft, request);
  }

  transferLeader(to: MemberId): void {
    const request = newMessage(messageType.transferLeader, noMember);
    request.from = to;
    step(this.raft, request);
  }

  /** A follower stops waiting for its leader: it may vote at once, and campaigns as ever. */
  forgetLeader(): Refusal | undefined {
    return step(this.raft, newMessage(messageType.forgetLeader, noMember));
  }

  /** What was last sent to `id` has probably not arrived. */
  reportUnreachable(id: MemberId): void {
    const report = newMessage(messageType.unreachable, noMember);
    report.from = id;
    step(this.raft, report);
  }

  /** Due for each snapshot sent: whether it has arrived. */
  reportSnapshot(id: MemberId, outcome: 'finished' | 'failed'): void {
    const report = newMessage(messageType.snapStatus, noMember);
    report.from = id;
    report.reject = outcome === 'failed';
    step(this.raft, report);
  }

  hasReady(): boolean {
    const { raft } = this;
    const { log } = raft;
    return (
      raft.messages.length > 0 ||
      raft.messagesAfterAppend.length > 0 ||
      raft.readStates.length > 0 ||
      log.unstable.hasNext() ||
      log.hasNextCommitted(!this.#byMessages) ||
      log.unstable.nextSnapshot() !== undefined ||
      raft.lead !== this.#lead ||
      raft.role !== this.#role ||
      this.#hardStateChanged()
    );
  }

  /** What is to be done now. It must be done: what is handed out here is not handed out again. */
  ready(): Ready {
    const { raft } = this;
    const { log } = raft;
    check(this.#onAdvance.length === 0, 'each ready is followed by advance before the next');
    const softState: SoftState | undefined =
      raft.lead !== this.#lead || raft.role !== this.#role ? { lead: raft.lead, role: raft.role } : undefined;
    const hardState: HardState | undefined = this.#hardStateChanged() ? raft.hardState() : undefined;
    const entries = log.unstable.nextEntries();
    const ready: Ready = {
      softState,
      hardState,
      readStates: raft.readStates,
      entries,
      snapshot: log.unstable.nextSnapshot(),
      committedEntries: log.nextCommitted(!this.#byMessages),
      messages: raft.messages,
      mustSync: entries.length > 0 || raft.term !== this.#term || raft.vote !== this.#vote,
    };
    if (this.#byMessages) this.#tellStorage(ready);
    else this.#expectAdvance(ready);
    this.#accept(ready);
    return ready;
  }

  #tellStorage(ready: Ready): void {
    const append = storageAppend(this.raft, ready);
    if (append !== undefined) ready.messages.push(append);
    if (ready.committedEntries.length > 0) ready.messages.push(storageApply(this.raft, ready.committedEntries));
  }

  /** Promises to others go out with the rest, for in step they are sent after storing; those to itself wait for `advance`. */
  #expectAdvance(ready: Ready): void {
    const { raft } = this;
    for (const promise of raft.messagesAfterAppend) {
      if (promise.to === raft.id) this.#onAdvance.push(promise);
      else ready.messages.push(promise);
    }
    const response = storageAppendResponse(raft, ready);
    if (response !== undefined) this.#onAdvance.push(response);
    if (ready.committedEntries.length > 0) this.#onAdvance.push(storageApplyResponse(raft, ready.committedEntries));
  }

  #accept(ready: Ready): void {
    const { raft } = this;
    this.#lead = raft.lead;
    this.#role = raft.role;
    this.#term = raft.term;
    this.#vote = raft.vote;
    this.#commit = raft.log.committed;
    raft.readStates = [];
    raft.messages = [];
    raft.messagesAfterAppend = [];
    raft.log.unstable.acceptInProgress();
    if (ready.committedEntries.length > 0) raft.log.acceptApplying(ready.committedEntries, !this.#byMessages);
  }

  #hardStateChanged(): boolean {
    const { raft } = this;
    return raft.term !== this.#term || raft.log.committed !== this.#commit || raft.vote !== this.#vote;
  }

  /** All that the last `ready` asked for is done. Storage in step only. */
  advance(): void {
    check(!this.#byMessages, 'storage that is told by messages answers by messages');
    const steps = this.#onAdvance;
    this.#onAdvance = [];
    for (const message of steps) step(this.raft, message);
  }

  /** To whom this leader is handing over; `noMember` when it is not. */
  get leadTransferee(): MemberId {
    return this.raft.leadTransferee;
  }

  basicStatus(): BasicStatus {
    return basicStatus(this.raft);
  }

  status(): Status {
    return status(this.raft);
  }

  /**
   * Gives a new group its first members: one entry each, committed, as if they had been added one by one. All members
   * must be given the same list. What refuses: no member, or a log that already holds something.
   */
  bootstrap(peers: readonly Peer[]): string | undefined {
    if (peers.length === 0) return 'must provide at least one peer to Bootstrap';
    const { raft } = this;
    if (raft.log.storage.lastIndex() !== 0) return "can't bootstrap a nonempty Storage";
    this.#term = 0;
    this.#vote = noMember;
    this.#commit = 0;
    raft.becomeFollower(1, noMember);
    const changes = peers.map((peer) => ({
      id: 0n,
      type: confChangeType.addNode,
      nodeId: peer.id,
      context: peer.context,
    }));
    raft.log.append(changes.map((change, at) => ({ ...encodeConfChange(change), term: 1, index: at + 1 })));
    raft.log.committed = peers.length;
    // So that it can campaign at once. They will come to be applied once more, which changes nothing.
    for (const change of changes) this.applyConfChange(change);
    return undefined;
  }
}

function start(config: Config): Raft {
  const raft = new Raft(config);
  const { log, logger, name } = raft;
  const { hardState, confState } = config.storage.initialState();
  restoreConfState(raft, confState);
  if (hardState !== undefined && (hardState.term !== 0 || hardState.vote !== noMember || hardState.commit !== 0)) {
    check(
      hardState.commit >= log.committed && hardState.commit <= log.lastIndex(),
      'the stored commit index lies within the stored log',
    );
    log.committed = hardState.commit;
    raft.term = hardState.term;
    raft.vote = hardState.vote;
  }
  if (config.applied > 0) log.appliedTo(config.applied, 0);
  raft.becomeFollower(raft.term, noMember);
  const voters = allVoters(raft.tracker.configuration).map(idToHex).join(',');
  logger.info(
    `newRaft ${name} [peers: [${voters}], term: ${raft.term}, commit: ${log.committed}, applied: ${log.applied}, lastindex: ${log.lastIndex()}, lastterm: ${log.lastTerm()}]`,
  );
  return raft;
}
