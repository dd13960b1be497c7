/**
 * A raft cluster on a seed: production code, and around it a network, disks and clocks that do their worst.
 *
 * Each step one thing happens: a tick, a message, a write, a crash. Messages are lost, late, doubled, out of order; links break
 * in one direction; nodes pause, and crash with what they had not yet synced; members are added, demoted, removed.
 * Then `heal`: all that ends, and the cluster must elect a leader and commit within a bounded number of ticks.
 */
import { noBytes, utf8 } from '../base/bytes.js';
import { check } from '../base/check.js';
import type { MemberId } from '../base/ids.js';
import { Random } from '../base/random.js';
import { type Configuration, describeConfiguration } from '../raft/configuration.js';
import {
  type Config,
  decodeConfChange,
  defaults,
  emptyConfState,
  MemoryStorage,
  noLimit,
  RawNode,
} from '../raft/index.js';
import * as joint from '../raft/quorum/joint.js';
import {
  type ConfChangeSingle,
  type ConfState,
  confChangeTransition,
  confChangeType,
  type Entry,
  entryType,
  type HardState,
  type Message,
  messageType,
  type Snapshot,
} from '../wire/raftpb/types.js';
import { Judge, type Witness } from './raft-judge.js';

/** To be sent, a snapshot is made of what is applied: an old one might not know the member it is for. */
class Disk extends MemoryStorage {
  applied = 0;
  confState: ConfState = emptyConfState;

  override snapshot(): Snapshot {
    const term = this.term(this.applied);
    if (typeof term !== 'number') return this.stored();
    return { data: noBytes, metadata: { confState: this.confState, index: this.applied, term } };
  }

  stored(): Snapshot {
    return super.snapshot();
  }
}

interface Member extends Witness {
  node: RawNode;
  readonly storage: Disk;
  readonly config: Config;
  /** Asked of the disk and not yet done. */
  appends: Message[];
  applies: Message[];
  /** What a crash falls back to: a commit index alone is not synced. */
  synced: HardState | undefined;
  paused: boolean;
}

const firstIndex = 2;
const electionTicks = 10;
/** In flight at most; the network drops beyond that. */
const networkMax = 150;

export class RaftCluster {
  readonly judge = new Judge(firstIndex, 1);
  readonly #random: Random;
  readonly #members: Member[] = [];
  #network: Message[] = [];
  /** `from * 100 + to` of each broken link. */
  readonly #broken = new Set<number>();
  #weather: 'calm' | 'rough' | 'storm' = 'calm';
  readonly #safeReads: boolean;
  /** Never removed or demoted, so that somebody is left. */
  readonly #keeper: MemberId;
  #proposals = 0;
  #reads = 0;
  /** The configuration at the highest index anybody has applied. */
  #newest: Configuration;
  #newestAt = firstIndex;

  constructor(seed: number) {
    const random = new Random(seed);
    this.#random = random;
    const size = random.pick([3, 5, 7]);
    const spare = random.below(3);
    const ids = Array.from({ length: size + spare }, (_, at) => BigInt(at + 1) as MemberId);
    const confState = { ...emptyConfState, voters: ids.slice(0, size) };
    this.#keeper = random.pick(confState.voters);
    const checkQuorum = random.oneIn(2);
    const readOnly = checkQuorum && random.oneIn(4) ? 'leaseBased' : 'safe';
    // A lease holds only where clocks agree; here every node's clock runs as it likes.
    this.#safeReads = readOnly === 'safe';
    const shared = {
      ...defaults,
      electionTicks,
      checkQuorum,
      readOnly,
      preVote: random.oneIn(2),
      asyncStorageWrites: !random.oneIn(3),
      stepDownOnRemoval: random.oneIn(2),
      maxMessageBytes: random.pick([20, 200, noLimit]),
      maxApplyingBytes: random.pick([10, 100, noLimit]),
      maxInflightMessages: random.pick([1, 4, 256]),
      maxUncommittedBytes: random.pick([0, 300]),
    } as const;
    for (const id of ids) {
      const storage = new Disk();
      const timeouts = random.fork();
      const config = { ...shared, id, storage, random: (below: number) => timeouts.below(below) };
      const isMember = confState.voters.includes(id);
      if (isMember) {
        storage.applied = firstIndex;
        storage.confState = confState;
        storage.applySnapshot({ data: noBytes, metadata: { confState, index: firstIndex, term: 1 } });
      }
      this.#members.push({
        id,
        storage,
        config,
        node: new RawNode({ ...config, applied: storage.applied }),
        appends: [],
        applies: [],
        synced: undefined,
        paused: false,
      });
    }
    this.#newest = (this.#members[0] as Member).node.raft.tracker.configuration;
  }

  step(): void {
    const random = this.#random;
    if (random.oneIn(400)) this.#weather = random.pick(['calm', 'rough', 'storm']);
    const member = random.pick(this.#members);
    const kind = random.below(1000);
    if (kind < 20) this.#trouble(member);
    else if (member.paused) return;
    else if (kind < 80) member.node.tick();
    else if (kind < 520) this.#deliver(this.#weather !== 'calm');
    else if (kind < 740) this.#ready(member);
    else if (kind < 860) this.#append(member);
    else if (kind < 930) this.#apply(member);
    else if (kind < 970) this.#propose(member);
    else if (kind < 985) this.#read(member);
    else if (kind < 990) this.#change(member);
    else if (kind < 993) member.node.transferLeader(random.pick(this.#members).id);
    else if (kind < 995) member.node.reportUnreachable(random.pick(this.#members).id);
    else if (kind < 996) member.node.campaign();
    else if (kind < 997) member.node.forgetLeader();
    else this.#compact(member);
    this.judge.look(member, this.#members);
  }

  /** What befalls nodes and links. */
  #trouble(member: Member): void {
    const random = this.#random;
    if (this.#weather === 'calm') {
      this.#broken.clear();
      for (const one of this.#members) one.paused = false;
      return;
    }
    const kind = random.below(this.#weather === 'storm' ? 40 : 120);
    const link = () => {
      const from = random.pick(this.#members).id;
      return Number(from) * 100 + Number(random.pick(this.#members).id);
    };
    if (kind < 4) this.#crash(member);
    else if (kind < 8) member.paused = true;
    else if (kind < 16) member.paused = false;
    else if (kind < 20) this.#broken.add(link());
    else if (kind < 22) {
      // Somebody is cut off, in one direction or both; often a leader, which then writes what nobody else will have.
      const way = random.below(3);
      const leaders = this.#members.filter(({ node }) => node.raft.role === 'leader');
      const victim = leaders.length > 0 && !random.oneIn(3) ? random.pick(leaders) : member;
      for (const { id } of this.#members) {
        if (way !== 0) this.#broken.add(Number(victim.id) * 100 + Number(id));
        if (way !== 1) this.#broken.add(Number(id) * 100 + Number(victim.id));
      }
      if (random.oneIn(2)) this.#propose(victim);
    } else if (kind < 23) {
      // Two halves.
      const side = this.#members.map(() => random.oneIn(2));
      this.#members.forEach((from, at) => {
        this.#members.forEach((to, other) => {
          if (side[at] !== side[other]) this.#broken.add(Number(from.id) * 100 + Number(to.id));
        });
      });
    } else if (kind < 26) this.#broken.clear();
    else if (kind < 40) this.#broken.delete(link());
  }

  /**
   * All is well again. `live` if within `ticksMax` a leader commits what is proposed to it and everybody it counts has it.
   * All clocks run, those of removed members too: one that knows nothing of its removal campaigns, and may be the only one that can win.
   */
  heal(ticksMax = 40 * electionTicks): 'live' | 'stranded' | 'dead' {
    this.#broken.clear();
    for (const member of this.#members) member.paused = false;
    let proposed: { readonly mark: string; readonly at: number } | undefined;
    for (let tick = 0; tick < ticksMax; tick++) {
      for (const member of this.#members) this.#tickHealed(member, tick);
      for (let round = 0; round < 12; round++) this.#settle();
      const { voters, outgoing, learners } = this.#newest;
      const members = [...voters, ...outgoing, ...learners];
      // A removed one may go on believing in itself; it does no harm.
      const leader = this.#members.find(({ id, node }) => node.raft.role === 'leader' && members.includes(id));
      if (leader === undefined) continue;
      if (proposed === undefined || leader.node.raft.term !== proposed.at) {
        const mark = `healed ${tick}`;
        if (leader.node.propose([utf8(mark)]) === undefined) proposed = { mark, at: leader.node.raft.term };
        continue;
      }
      const { log, tracker } = leader.node.raft;
      const caughtUp = tracker.progresses.every(({ id }) => this.#member(id).storage.applied >= log.lastIndex());
      if (caughtUp && log.committed === log.lastIndex()) return 'live';
    }
    return this.#stranded() ? 'stranded' : 'dead';
  }

  /** A leader that knows of its removal takes no proposals, so it must not lead for ever: as etcd's server, it ends a while later. */
  #tickHealed(member: Member, tick: number): void {
    const { raft } = member.node;
    const removed = raft.role === 'leader' && raft.tracker.get(raft.id) === undefined;
    if (removed && (tick + 1) % electionTicks === 0) this.#restart(member);
    else member.node.tick();
  }

  /**
   * A limit of raft as etcd has it, where a configuration holds from when it is applied: a leader that removes or demotes itself
   * may be the only one to know that this is committed. If it then crashes or steps down, the others still count its vote, and
   * while its log is longer than theirs it will not give it. (Thesis 4.1 applies a configuration when it is written instead.)
   * All clocks have run, so no lease stands in the way of a vote any more: it is a matter of logs alone.
   */
  #stranded(): boolean {
    const { voters, outgoing } = this.#newest;
    const current = new Set([...voters, ...outgoing]);
    return (
      !this.#members.some(({ node }) => node.raft.role === 'leader') &&
      !this.#members.some((member) => this.#couldWin(member, () => false)) &&
      this.#members.some((member) => this.#couldWin(member, (id) => !current.has(id)))
    );
  }

  /** Whether a quorum of those it counts have no more in their logs than it has; `also` tells who would vote for it anyway. */
  #couldWin({ node }: Member, also: (id: MemberId) => boolean): boolean {
    const { log, tracker, promotable } = node.raft;
    const grants = (id: MemberId) => {
      const other = this.#member(id).node.raft.log;
      return also(id) || other.isUpToDate(log.lastIndex(), log.lastTerm());
    };
    const { voters, outgoing } = tracker.configuration;
    return promotable && joint.voteResult(voters.map(grants), outgoing.map(grants)) === 'won';
  }

  #settle(): void {
    for (const member of this.#members) {
      this.#ready(member);
      this.#finish(member);
    }
    for (let count = this.#network.length; count > 0; count--) this.#deliver(false);
  }

  /** All that was asked of the disk and of the state machine. */
  #finish(member: Member): void {
    while (member.appends.length > 0) this.#append(member);
    this.judge.look(member, this.#members);
    while (member.applies.length > 0) this.#apply(member);
    this.judge.look(member, this.#members);
  }

  /** One line a node, for who looks into a failure. */
  dump(): string {
    return this.#members
      .map(({ id, node, storage }) => {
        const { raft } = node;
        const progress = node.status().progress.map((of) => `\n    ${of.id}: ${of.text}`);
        return `${id} ${raft.role} term=${raft.term} lead=${raft.lead} ${raft.log} applied=${storage.applied} stored=[${storage.firstIndex()},${storage.lastIndex()}] ${describeConfiguration(raft.tracker.configuration)}${progress.join('')}`;
      })
      .join('\n');
  }

  #member(id: MemberId): Member {
    const member = this.#members[Number(id) - 1];
    check(member !== undefined, `node ${id} exists`);
    return member;
  }

  #send(member: Member, message: Message): void {
    this.judge.sends(member, message);
    if (this.#network.length < networkMax) this.#network.push(message);
    else {
      const at = this.#random.below(networkMax);
      this.#lost(this.#network[at] as Message);
      this.#network[at] = message;
    }
  }

  /** A transport owes its sender this much: to say of a snapshot that it did not arrive. */
  #lost(message: Message): void {
    if (message.type === messageType.snap) this.#member(message.from).node.reportSnapshot(message.to, 'failed');
  }

  /** Some message, mostly an old one. In trouble it may be lost, or come again. */
  #deliver(trouble: boolean): void {
    const random = this.#random;
    const count = this.#network.length;
    if (count === 0) return;
    const at = trouble ? random.below(random.oneIn(3) ? count : Math.min(count, 4)) : 0;
    const message = this.#network[at] as Message;
    if (!trouble || !random.oneIn(20)) this.#network.splice(at, 1);
    const to = this.#member(message.to);
    const broken = to.paused || this.#broken.has(Number(message.from) * 100 + Number(message.to));
    if (broken || (trouble && random.oneIn(20))) {
      this.#lost(message);
      return;
    }
    // A state machine takes in what was handed to it before a snapshot can replace it.
    if (message.type === messageType.snap) while (to.applies.length > 0) this.#apply(to);
    to.node.step(message);
    if (message.type === messageType.snap) this.#member(message.from).node.reportSnapshot(to.id, 'finished');
    this.judge.look(to, this.#members);
  }

  #ready(member: Member): void {
    const { node } = member;
    if (!node.hasReady()) return;
    const ready = node.ready();
    for (const { context, index } of ready.readStates) {
      if (this.#safeReads) this.judge.answers(String.fromCharCode(...context), index);
    }
    if (!member.config.asyncStorageWrites) {
      this.#store(member, ready.hardState, ready, ready.mustSync);
      for (const message of ready.messages) this.#send(member, message);
      this.#applyAll(member, ready.committedEntries);
      node.advance();
      return;
    }
    for (const message of ready.messages) {
      if (message.type === messageType.storageAppend) member.appends.push(message);
      else if (message.type === messageType.storageApply) member.applies.push(message);
      else this.#send(member, message);
    }
  }

  #store(
    member: Member,
    hardState: HardState | undefined,
    { entries, snapshot }: Pick<Message, 'entries' | 'snapshot'>,
    synced: boolean,
  ): void {
    const { storage } = member;
    if (hardState !== undefined) storage.setHardState(hardState);
    if (snapshot !== undefined && storage.applySnapshot(snapshot)) {
      storage.applied = snapshot.metadata.index;
      storage.confState = snapshot.metadata.confState;
    }
    this.judge.writes(storage, entries);
    storage.append(entries);
    if (synced || snapshot !== undefined) member.synced = storage.initialState().hardState;
  }

  #append(member: Member): void {
    const work = member.appends.shift();
    if (work === undefined) return;
    this.#storeWork(member, work);
    this.#respond(member, work);
  }

  #storeWork(member: Member, work: Message): void {
    const { term, vote, commit } = work;
    const hardState = term === 0 && vote === 0n && commit === 0 ? undefined : { term, vote, commit };
    this.#store(member, hardState, work, work.responses.length > 0);
  }

  #apply(member: Member): void {
    const work = member.applies.shift();
    if (work === undefined) return;
    this.#applyAll(member, work.entries);
    this.#respond(member, work);
  }

  #respond(member: Member, work: Message): void {
    for (const response of work.responses) {
      if (response.to !== member.id) this.#send(member, response);
      else {
        this.judge.sends(member, response);
        member.node.step(response);
      }
    }
  }

  #applyAll(member: Member, entries: readonly Entry[]): void {
    const { storage } = member;
    for (const entry of entries) {
      if (entry.index <= storage.applied) continue;
      check(entry.index === storage.applied + 1, `node ${member.id} applies in order`);
      this.judge.applies(member.id, entry);
      storage.applied = entry.index;
      if (entry.type === entryType.normal) continue;
      const change = decodeConfChange(entry);
      check(change !== undefined, 'a committed change can be read');
      storage.confState = member.node.applyConfChange(change);
      const { configuration } = member.node.raft.tracker;
      this.judge.reconfigures(member.id, entry.index, configuration);
      if (entry.index > this.#newestAt) {
        this.#newestAt = entry.index;
        this.#newest = configuration;
      }
    }
  }

  #propose(member: Member): void {
    const count = this.#random.oneIn(8) ? 8 : 1 + this.#random.below(3);
    const payloads = Array.from({ length: count }, () => utf8(`p${++this.#proposals}`));
    member.node.propose(payloads);
  }

  #read(member: Member): void {
    const mark = `r${++this.#reads}`;
    this.judge.asks(mark);
    member.node.readIndex(utf8(mark));
  }

  #change(member: Member): void {
    const random = this.#random;
    const { addNode, removeNode, addLearnerNode } = confChangeType;
    const changes: ConfChangeSingle[] = [];
    for (let left = random.pick([0, 1, 1, 1, 2, 3]); left > 0; left--) {
      const nodeId = random.pick(this.#members).id;
      const type = nodeId === this.#keeper ? addNode : random.pick([addNode, addNode, removeNode, addLearnerNode]);
      changes.push({ type, nodeId });
    }
    const { auto, jointImplicit, jointExplicit } = confChangeTransition;
    const transition = changes.length === 0 ? auto : random.pick([auto, auto, jointImplicit, jointExplicit]);
    member.node.proposeConfChange({ transition, changes, context: undefined });
  }

  /** Some of what was asked of the disk has got there, though nobody was told; the rest is gone. */
  #crash(member: Member): void {
    const random = this.#random;
    const { storage } = member;
    const reached = random.below(member.appends.length + 1);
    for (const work of member.appends.slice(0, reached)) this.#storeWork(member, work);
    if (random.oneIn(2) && member.synced !== undefined) {
      const { commit } = storage.initialState().hardState ?? member.synced;
      // A commit index alone was not synced; but never less than the log's beginning, which was.
      storage.setHardState({
        ...member.synced,
        commit: Math.max(member.synced.commit, Math.min(commit, storage.firstIndex() - 1)),
      });
    }
    member.appends = [];
    member.applies = [];
    this.#start(member, random.oneIn(2));
  }

  /** In good order: nothing is lost. */
  #restart(member: Member): void {
    this.#ready(member);
    this.#finish(member);
    member.synced = member.storage.initialState().hardState;
    this.#start(member, true);
  }

  /** From its disk. What it has applied is there if it can be, and else is applied once more. */
  #start(member: Member, keepsApplied: boolean): void {
    const { storage } = member;
    const { metadata } = storage.stored();
    if (keepsApplied && this.#canSnapshot(member)) storage.createSnapshot(storage.applied, storage.confState, noBytes);
    else {
      storage.applied = metadata.index;
      storage.confState = metadata.confState;
    }
    member.node = new RawNode({ ...member.config, applied: storage.applied });
    this.judge.restarted(member.id);
  }

  /** A snapshot must be of what is known to be committed after a crash, too. */
  #canSnapshot({ storage, synced }: Member): boolean {
    return (
      storage.applied > storage.stored().metadata.index && synced !== undefined && storage.applied <= synced.commit
    );
  }

  #compact(member: Member): void {
    const { storage } = member;
    if (this.#canSnapshot(member)) storage.createSnapshot(storage.applied, storage.confState, noBytes);
    const index = storage.stored().metadata.index - this.#random.below(10);
    if (index >= storage.firstIndex()) storage.compact(index);
  }
}

/** What was put to the test; `stranded` counts clusters that liveness is not promised to. */
export type RaftCounts = Judge['counts'] & { readonly stranded: number };

/** Runs one seed for `steps`, then heals it. Throws at the first broken rule. */
export function runRaft(seed: number, steps: number): RaftCounts {
  let at = 0;
  try {
    const cluster = new RaftCluster(seed);
    for (; at < steps; at++) cluster.step();
    const healed = cluster.heal();
    check(healed !== 'dead', 'all is well again, but no leader commits');
    return { ...cluster.judge.counts, stranded: healed === 'stranded' ? 1 : 0 };
  } catch (cause) {
    throw new Error(`seed ${seed}, step ${at}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
