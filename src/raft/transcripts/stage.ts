/**
 * The commands of the interaction transcripts: whole nodes, their storage, and the messages between them, moved by hand.
 *
 * What each command prints is what etcd's `rafttest` prints. The last four stand for what it leaves out.
 */
import { concatBytes, noBytes, text, utf8 } from '../../base/bytes.js';
import { check } from '../../base/check.js';
import { type MemberId, noMember } from '../../base/ids.js';
import { Random } from '../../base/random.js';
import {
  type ConfState,
  confChangeTransition,
  type Entry,
  entryType,
  type HardState,
  type Message,
  type MessageType,
  messageType,
  type Snapshot,
} from '../../wire/raftpb/types.js';
import { asV2 } from '../conf-change.js';
import { decodeConfChange } from '../conf-change-codec.js';
import { type Config, defaults } from '../config.js';
import { allVoters } from '../configuration.js';
import { describeEntry, describeMessage, describeMessageType, describeReady, describeRole } from '../describe.js';
import { noLimit } from '../entry-size.js';
import { emptyConfState, emptySnapshot, MemoryStorage } from '../memory-storage.js';
import { isLocalTarget, newMessage } from '../message.js';
import { RawNode } from '../raw-node.js';
import { type Refusal, refusals } from '../refusal.js';
import { parseChanges } from './changes.js';
import { Output } from './output.js';
import { type Command, values, words } from './script.js';

/** Storage whose newest snapshot is always that of the last entry applied. */
class HistoryStorage extends MemoryStorage {
  constructor(readonly history: Snapshot[]) {
    super();
  }

  override snapshot(): Snapshot {
    return this.history.at(-1) ?? emptySnapshot;
  }
}

interface Actor {
  node: RawNode;
  readonly storage: HistoryStorage;
  readonly config: Config;
  /** What the append and apply threads have still to do. */
  appendWork: Message[];
  applyWork: Message[];
}

export class Stage {
  readonly #actors: Actor[] = [];
  #messages: Message[] = [];
  readonly #output = new Output();
  readonly #random = new Random(1);

  play(command: Command): string {
    this.#output.clear();
    const fault = this.#run(command);
    if (fault !== undefined) {
      if (this.#output.quiet) return fault;
      this.#output.write(fault);
    }
    return this.#output.text === '' ? 'ok' : this.#output.text;
  }

  /** What went wrong, as text. */
  #run(command: Command): string | undefined {
    const ids = words(command).map(Number);
    const actor = () => this.#actor(ids[0] ?? 0);
    switch (command.name) {
      case 'add-nodes':
        return this.#addNodes(command);
      case 'campaign':
        return said(actor().node.campaign());
      case 'compact':
        if (!actor().storage.compact(ids[1] ?? 0)) return 'requested index is unavailable due to compaction';
        this.#printLog(actor());
        return undefined;
      case 'deliver-msgs':
        this.#deliverCommand(command);
        return undefined;
      case 'process-ready':
        this.#each(ids, 'handling Ready', (one) => this.#processReady(one));
        return undefined;
      case 'process-append-thread':
        this.#each(ids, 'processing append thread', (one) => this.#processAppend(one));
        return undefined;
      case 'process-apply-thread':
        this.#each(ids, 'processing apply thread', (one) => this.#processApply(one));
        return undefined;
      case 'log-level':
        return this.#output.setLevel(words(command)[0] ?? '');
      case 'raft-log':
        this.#printLog(actor());
        return undefined;
      case 'raft-state':
        this.#printStates();
        return undefined;
      case 'set-randomized-election-timeout':
        actor().node.raft.randomizedElectionTimeout = Number(values(command, 'timeout')[0]);
        return undefined;
      case 'stabilize':
        this.#stabilizeCommand(command, ids);
        return undefined;
      case 'status':
        for (const { id, text } of actor().node.status().progress) this.#output.write(`${id}: ${text}\n`);
        return undefined;
      case 'tick-election':
        for (let i = 0; i < actor().config.electionTicks; i++) actor().node.tick();
        return undefined;
      case 'tick-heartbeat':
        for (let i = 0; i < actor().config.heartbeatTicks; i++) actor().node.tick();
        return undefined;
      case 'transfer-leadership':
        this.#actor(Number(values(command, 'from')[0])).node.transferLeader(toId(values(command, 'to')[0] ?? '0'));
        return undefined;
      case 'forget-leader':
        actor().node.forgetLeader();
        return undefined;
      case 'send-snapshot':
        this.#sendSnapshot(ids[0] ?? 0, ids[1] ?? 0);
        return undefined;
      case 'propose':
        return said(actor().node.propose([utf8(words(command)[1] ?? '')]));
      case 'propose-conf-change':
        return this.#proposeConfChange(actor(), command);
      case 'report-unreachable':
        actor().node.reportUnreachable(BigInt(ids[1] ?? 0) as MemberId);
        return undefined;
      default:
        return this.#runOwn(command, actor);
    }
  }

  /** Commands beyond those of `rafttest`. */
  #runOwn(command: Command, actor: () => Actor): string | undefined {
    switch (command.name) {
      case 'propose-batch':
        // propose-batch <id> <data>...: all of it in one call.
        return said(actor().node.propose(words(command).slice(1).map(utf8)));
      case 'read-index':
        // read-index <id> <context>
        actor().node.readIndex(utf8(words(command)[1] ?? ''));
        return undefined;
      case 'report-snapshot':
        // report-snapshot <id> <to> finished|failed
        actor().node.reportSnapshot(
          toId(words(command)[1] ?? '0'),
          words(command)[2] === 'failed' ? 'failed' : 'finished',
        );
        return undefined;
      case 'restart':
        // restart <id>: what was not stored is gone, and so is what waited to be stored or applied.
        this.#restart(actor());
        return undefined;
      default:
        return 'unknown command';
    }
  }

  #actor(id: number): Actor {
    const actor = this.#actors[id - 1];
    check(actor !== undefined, `node ${id} has been added`);
    return actor;
  }

  #each(ids: readonly number[], what: string, act: (actor: Actor) => void): void {
    for (const id of ids) {
      if (ids.length === 1) act(this.#actor(id));
      else {
        this.#output.write(`> ${id} ${what}\n`);
        this.#output.indented(() => act(this.#actor(id)));
      }
    }
  }

  #addNodes(command: Command): string | undefined {
    const flag = (key: string) => values(command, key)[0] === 'true';
    const number = (key: string, fallback: number) => Number(values(command, key)[0] ?? fallback);
    const index = number('index', 0);
    const confState: ConfState = {
      ...emptyConfState,
      voters: values(command, 'voters').map(toId),
      learners: values(command, 'learners').map(toId),
    };
    const preset = values(command, 'voters').length > 0 || index > 0;
    if (preset && index <= 1) return 'index must be specified as > 1 due to bootstrap';
    const snapshot: Snapshot = preset
      ? { data: utf8(values(command, 'content')[0] ?? ''), metadata: { confState, index, term: 1 } }
      : emptySnapshot;
    for (let left = Number(words(command)[0]); left > 0; left--) {
      const storage = new HistoryStorage([snapshot]);
      if (preset) storage.applySnapshot(snapshot);
      const config: Config = {
        ...defaults,
        id: BigInt(this.#actors.length + 1) as MemberId,
        electionTicks: 3,
        heartbeatTicks: 1,
        storage,
        random: (below) => this.#random.below(below),
        applied: index,
        asyncStorageWrites: flag('async-storage-writes'),
        maxApplyingBytes: number('max-committed-size-per-ready', 0),
        maxMessageBytes: number('max-message-bytes', noLimit),
        maxUncommittedBytes: number('max-uncommitted-bytes', 0),
        maxInflightMessages: number('inflight', 0x7fff_ffff),
        maxInflightBytes: number('inflight-bytes', 0),
        checkQuorum: flag('checkquorum'),
        preVote: flag('prevote'),
        readOnly: values(command, 'read-only')[0] === 'lease-based' ? 'leaseBased' : 'safe',
        disableProposalForwarding: flag('disable-proposal-forwarding'),
        disableConfChangeValidation: flag('disable-conf-change-validation'),
        stepDownOnRemoval: flag('step-down-on-removal'),
        logger: this.#output,
      };
      this.#actors.push({ node: new RawNode(config), storage, config, appendWork: [], applyWork: [] });
    }
    return undefined;
  }

  #restart(actor: Actor): void {
    const applied = actor.storage.snapshot().metadata;
    // The state machine is durable here, and with it the configuration it has applied.
    const storage = actor.storage;
    storage.initialState = () => ({ hardState: held.hardState, confState: applied.confState });
    const held = { hardState: MemoryStorage.prototype.initialState.call(storage).hardState };
    actor.node = new RawNode({ ...actor.config, applied: Math.max(applied.index, storage.firstIndex() - 1) });
    actor.appendWork = [];
    actor.applyWork = [];
    const local = ({ from, to }: Message) => isLocalTarget(from) || from === to;
    this.#messages = this.#messages.filter((message) => !(local(message) && message.to === actor.config.id));
  }

  #processReady(actor: Actor): void {
    const ready = actor.node.ready();
    this.#output.write(describeReady(ready));
    if (!actor.config.asyncStorageWrites) {
      store(actor, ready.hardState, ready.entries, ready.snapshot);
      apply(actor, ready.committedEntries);
    }
    for (const message of ready.messages) {
      if (message.type === messageType.storageAppend) actor.appendWork.push(message);
      else if (message.type === messageType.storageApply) actor.applyWork.push(message);
      else this.#messages.push(message);
    }
    if (!actor.config.asyncStorageWrites) actor.node.advance();
  }

  #processAppend(actor: Actor): void {
    const work = actor.appendWork.shift();
    if (work === undefined) {
      this.#output.write('no append work to perform');
      return;
    }
    const { term, vote, commit } = work;
    this.#printWork(work, () => {
      const hardState = term === 0 && vote === noMember && commit === 0 ? undefined : { term, vote, commit };
      store(actor, hardState, work.entries, work.snapshot);
    });
  }

  #processApply(actor: Actor): void {
    const work = actor.applyWork.shift();
    if (work === undefined) this.#output.write('no apply work to perform');
    else this.#printWork(work, () => apply(actor, work.entries));
  }

  #printWork(work: Message, act: () => void): void {
    this.#output.write(`Processing:\n${describeMessage({ ...work, responses: [] })}\n`);
    act();
    this.#output.write(`Responses:\n${work.responses.map((response) => `${describeMessage(response)}\n`).join('')}`);
    this.#messages.push(...work.responses);
  }

  #deliverCommand(command: Command): void {
    const [typeName] = values(command, 'type');
    const all = Object.values(messageType);
    const type = all.find((one) => describeMessageType(one) === typeName);
    let count = 0;
    for (const { key, values: listed } of command.args) {
      if (listed.length === 0) count += this.#deliver(toId(key), type, false);
      else if (key === 'drop') for (const id of listed) count += this.#deliver(toId(id), type, true);
    }
    if (count === 0) this.#output.write('no messages\n');
  }

  /** Messages to `to`, of a type if one is given. What a node tells itself cannot be dropped. */
  #isFor(message: Message, to: MemberId, type: MessageType | undefined, drop: boolean): boolean {
    const local = message.from === message.to || isLocalTarget(message.from) || isLocalTarget(message.to);
    return message.to === to && !(drop && local) && (type === undefined || message.type === type);
  }

  #deliver(to: MemberId, type: MessageType | undefined, drop: boolean): number {
    const chosen = this.#messages.filter((message) => this.#isFor(message, to, type, drop));
    this.#messages = this.#messages.filter((message) => !this.#isFor(message, to, type, drop));
    for (const message of chosen) {
      this.#output.write(`${drop ? 'dropped: ' : ''}${describeMessage(message)}\n`);
      if (drop) continue;
      const refused = this.#actor(Number(to)).node.step(message);
      if (refused !== undefined) this.#output.write(`${refusals[refused]}\n`);
    }
    return chosen.length;
  }

  #stabilizeCommand(command: Command, ids: readonly number[]): void {
    const [level] = values(command, 'log-level');
    const before = this.#output.level;
    if (level !== undefined) this.#output.setLevel(level);
    this.#stabilize(ids.length > 0 ? ids.map((id) => this.#actor(id)) : this.#actors);
    this.#output.level = before;
  }

  /** Delivers, stores and applies until there is no more to do. */
  #stabilize(actors: readonly Actor[]): void {
    const turn = (actor: Actor, what: string, act: () => void) => {
      this.#output.write(`> ${actor.config.id} ${what}\n`);
      this.#output.indented(act);
      busy = true;
    };
    let busy = true;
    while (busy) {
      busy = false;
      for (const one of actors) {
        if (one.node.hasReady()) turn(one, 'handling Ready', () => this.#processReady(one));
      }
      for (const one of actors) {
        if (this.#messages.some((message) => this.#isFor(message, one.config.id, undefined, false))) {
          turn(one, 'receiving messages', () => this.#deliver(one.config.id, undefined, false));
        }
      }
      for (const one of actors) {
        if (one.appendWork.length === 0) continue;
        this.#output.write(`> ${one.config.id} processing append thread\n`);
        while (one.appendWork.length > 0) this.#output.indented(() => this.#processAppend(one));
        busy = true;
      }
      for (const one of actors) {
        if (one.applyWork.length === 0) continue;
        this.#output.write(`> ${one.config.id} processing apply thread\n`);
        while (one.applyWork.length > 0) this.#output.indented(() => this.#processApply(one));
        busy = true;
      }
    }
  }

  #printLog({ storage }: Actor): void {
    const first = storage.firstIndex();
    const last = storage.lastIndex();
    if (last < first) {
      this.#output.write(`log is empty: first index=${first}, last index=${last}`);
      return;
    }
    const entries = storage.entries(first, last + 1, noLimit);
    if (typeof entries !== 'string') for (const entry of entries) this.#output.write(`${describeEntry(entry)}\n`);
  }

  #printStates(): void {
    for (const { node } of this.#actors) {
      const { id, softState, hardState, configuration } = node.status();
      const voter = allVoters(configuration).includes(id) ? '(Voter)' : '(Non-Voter)';
      this.#output.write(
        `${id}: ${describeRole(softState.role)} ${voter} Term:${hardState.term} Lead:${softState.lead}\n`,
      );
    }
  }

  #sendSnapshot(from: number, to: number): void {
    const { node, storage, config } = this.#actor(from);
    const message = newMessage(messageType.snap, BigInt(to) as MemberId);
    message.from = config.id;
    message.term = node.basicStatus().hardState.term;
    message.snapshot = storage.snapshot();
    this.#messages.push(message);
    this.#output.write(describeMessage(message));
  }

  #proposeConfChange(actor: Actor, command: Command): string | undefined {
    const changes = parseChanges(command.input);
    if (typeof changes === 'string') return changes;
    const transition = {
      auto: confChangeTransition.auto,
      implicit: confChangeTransition.jointImplicit,
      explicit: confChangeTransition.jointExplicit,
    }[values(command, 'transition')[0] ?? 'auto'];
    if (transition === undefined) return `unknown transition ${values(command, 'transition')[0]}`;
    const [only] = changes;
    if (values(command, 'v1')[0] !== 'true') {
      return said(actor.node.proposeConfChange({ transition, changes, context: undefined }));
    }
    if (only === undefined || changes.length > 1 || transition !== confChangeTransition.auto) {
      return 'v1 conf change can only have one operation and no transition';
    }
    return said(actor.node.proposeConfChange({ id: 0n, ...only, context: undefined }));
  }
}

const toId = (digits: string): MemberId => BigInt(digits) as MemberId;
const said = (refused: Refusal | undefined) => (refused === undefined ? undefined : refusals[refused]);

function store(
  { storage }: Actor,
  hardState: HardState | undefined,
  entries: readonly Entry[],
  snapshot: Snapshot | undefined,
): void {
  if (hardState !== undefined) storage.setHardState(hardState);
  if (snapshot !== undefined) storage.applySnapshot(snapshot);
  storage.append(entries);
}

/** The state machine: it strings together all that was ever proposed. */
function apply({ node, storage }: Actor, entries: readonly Entry[]): void {
  for (const entry of entries) {
    const before = storage.snapshot();
    let { confState } = before.metadata;
    let update = entry.data;
    if (entry.type !== entryType.normal) {
      const change = decodeConfChange(entry);
      check(change !== undefined, 'a committed change can be read');
      confState = node.applyConfChange(asV2(change));
      update = change.context ?? noBytes;
    }
    const data = concatBytes([before.data, update]);
    storage.history.push({ data, metadata: { confState, index: entry.index, term: entry.term } });
  }
}

/** What a node's state machine holds, for tests. */
export const stateOf = (snapshot: Snapshot): string => text(snapshot.data);
