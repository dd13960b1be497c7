/**
 * The judge of a cluster. The log that the members share is known from what they write and how far each has applied it:
 *
 *     one log          an entry that anyone applied is what everyone applies at that index
 *     one state        what an entry changes is the same on every member, to the byte
 *     nothing lost     what a member was told is durable is in its log when it comes up again
 *     nothing made up  an entry that comes up was written so
 *     in its window    a request's entry comes after all that was applied before the request was made, and once
 *
 * and from `raft-judge.ts` election safety, log matching, leader completeness and commits that a quorum holds.
 */
import { crc32c } from '../base/crc32c.js';
import { type MemberId, noMember } from '../base/ids.js';
import type { RecoveredLog } from '../member/assembly.js';
import type { WalBatch } from '../member/world.js';
import { describeConfiguration } from '../raft/configuration.js';
import type { MemoryStorage } from '../raft/index.js';
import { type Entry, entryType, type Message, messageType } from '../wire/raftpb/types.js';
import type { SimHost } from './host.js';
import { Judge, rule, same } from './judge.js';
import { decodeRequest } from './model.js';
import { Judge as RaftJudge, type Witness as RaftWitness } from './raft-judge.js';
import type { Witness } from './world.js';

/** The fastest clock's milliseconds in one of the world's. */
export const clockRateMax = 1.03;

/** A node's own rules are gone through at one of so many looks: they are many, and what breaks them stays broken. */
const thoroughEvery = 4;

/** What two entries are compared by. */
const keyOf = ({ term, index }: Pick<Entry, 'term' | 'index'>): string => `${term}/${index}`;
const textOf = ({ type, data }: Entry): string => `${type} ${data.length} ${crc32c(data)}`;

/** One member, as the judge sees it. */
export class View implements Witness {
  /** By index: what was written there last. */
  written: (Entry | undefined)[] = [];
  applied = 0;
  /** Up to here its state came from a leader, not from entries. */
  received = 0;
  /** By index: what its entry changed. */
  digests = new Map<number, number>();
  /** The last vote that left it. */
  voted = { term: 0, vote: noMember };
  /** What was durable when it was last seen. */
  storage: MemoryStorage | undefined;

  constructor(
    readonly judge: ClusterJudge,
    readonly id: MemberId,
  ) {}

  appended({ entries, snapshot }: WalBatch): void {
    const [first] = entries;
    if (first !== undefined) this.written.length = Math.min(this.written.length, first.index);
    for (const entry of entries) {
      this.judge.wrote(this.id, entry);
      this.written[entry.index] = entry;
    }
    if (snapshot !== undefined && snapshot.metadata.index > this.applied) this.received = snapshot.metadata.index;
  }

  recovered({ snapshot, entries, hardState }: RecoveredLog): void {
    const { term = 0, vote = noMember } = hardState ?? {};
    const { voted } = this;
    const kept = term > voted.term || (term === voted.term && (voted.vote === noMember || vote === voted.vote));
    rule(kept, () => `member ${this.id.toString(16)} voted in term ${voted.term}, and knows nothing of it`);
    entries.forEach((entry, at) => {
      same('index of an entry read', String(entry.index), String(snapshot.index + 1 + at));
      this.judge.hasWritten(this.id, entry);
    });
    this.#keptAll(snapshot.index, entries);
    const written: (Entry | undefined)[] = [];
    for (const entry of entries) written[entry.index] = entry;
    this.written = written;
    this.digests.clear();
    this.storage = undefined;
  }

  changed(index: number, digest: number): void {
    this.digests.set(
      index,
      crc32c(Uint8Array.of(digest, digest >>> 8, digest >>> 16, digest >>> 24), 0, 4, this.digests.get(index)),
    );
  }

  /** All that was reported durable is there, up to where something newer was written over it. */
  #keptAll(from: number, entries: readonly Entry[]): void {
    const { storage } = this;
    if (storage === undefined) return;
    for (let index = Math.max(from + 1, storage.firstIndex()); index <= storage.lastIndex(); index++) {
      const term = storage.term(index);
      const found = entries[index - from - 1];
      if (found?.term === term) continue;
      const over = this.written[index];
      const replaced = found !== undefined && over !== undefined && over.term === found.term;
      rule(replaced, () => `member ${this.id.toString(16)} lost entry ${term}/${index}, which was durable`);
      return;
    }
  }
}

export class ClusterJudge extends Judge {
  readonly raft = new RaftJudge(0, 0);
  readonly #views = new Map<MemberId, View>();
  readonly #witnesses = new Map<MemberId, RaftWitness>();
  /** Entry i + 1 at i: what somebody has applied. */
  readonly #log: Entry[] = [];
  /** By index: what its entry changed. */
  readonly #digests = new Map<number, number>();
  /** By term and index: what was ever written there, and when first. */
  readonly #written = new Map<string, { readonly text: string; readonly atMs: number }>();
  /** Where the membership changed, and the configuration since. */
  readonly #changes: number[] = [];
  readonly #configurations = new Map<number, string>();
  #all: readonly RaftWitness[] = [];
  #looks = 0;
  #term = 0;
  /** States that came from a leader. */
  received = 0;

  override get lastIndex(): number {
    return this.#log.length;
  }

  override leaseMs(seconds: number): number {
    return (seconds * 1000) / clockRateMax;
  }

  override get floor(): number {
    return this.revision;
  }

  override get term(): number {
    return this.#term;
  }

  override leads(term: number, askedIn: number): boolean {
    return term === this.#term && askedIn === this.#term;
  }

  viewOf(id: MemberId): View {
    const view = this.#views.get(id) ?? new View(this, id);
    this.#views.set(id, view);
    return view;
  }

  /** What all founders begin with. */
  founded(entries: readonly Entry[]): void {
    this.raft.founded(entries);
  }

  /** A process has begun. */
  begins(host: SimHost): void {
    const { member, storage } = host.assembled;
    const view = this.viewOf(host.id);
    view.applied = member.applied;
    view.storage = storage;
    rule(member.applied <= this.#log.length, () => `a member begins at ${member.applied}, and nobody has been there`);
    this.raft.restarted(host.id);
    this.#witnesses.set(host.id, { id: host.id, node: member.node, storage });
    this.#all = [...this.#witnesses.values()];
  }

  /** `host` has just done something. */
  look(host: SimHost): void {
    const witness = this.#witnesses.get(host.id);
    if (witness === undefined) return;
    this.raft.look(witness, this.#all, this.#looks++ % thoroughEvery === 0);
    const { raft } = witness.node;
    if (raft.role === 'leader') this.#term = Math.max(this.#term, raft.term);
    this.follow(host);
  }

  wrote(id: MemberId, entry: Entry): void {
    const key = keyOf(entry);
    const text = textOf(entry);
    const before = this.#written.get(key);
    if (before === undefined) this.#written.set(key, { text, atMs: this.nowMs() });
    else same(`entry ${key} as member ${id.toString(16)} writes it`, text, before.text);
  }

  hasWritten(id: MemberId, entry: Entry): void {
    const found = this.#written.get(keyOf(entry))?.text;
    same(`entry ${keyOf(entry)} as member ${id.toString(16)} finds it`, textOf(entry), found ?? 'nothing');
  }

  /** A message leaves a member. */
  sends(from: MemberId, message: Message): void {
    const witness = this.#witnesses.get(from);
    if (witness === undefined) return;
    this.raft.sends(witness, message);
    const { type, reject, term, to } = message;
    if (type === messageType.voteResp && !reject) this.viewOf(from).voted = { term, vote: to };
  }

  override follow(host: SimHost): void {
    const view = this.viewOf(host.id);
    const { applied } = host.assembled.member;
    if (applied === view.applied) return;
    if (view.received > view.applied && applied >= view.received) {
      this.received++;
      rule(view.received <= this.#log.length, () => `a snapshot at ${view.received} holds what nobody has applied`);
      view.applied = view.received;
      view.digests.clear();
    }
    for (let index = view.applied + 1; index <= applied; index++) this.#applies(view, index);
    view.applied = applied;
    this.#configured(host);
  }

  #applies(view: View, index: number): void {
    const who = view.id.toString(16);
    const entry = view.written[index];
    rule(entry !== undefined, () => `member ${who} applies ${index}, which it never wrote`);
    if (entry === undefined) return;
    const known = this.#log[index - 1];
    if (known === undefined) this.#commit(entry);
    else
      same(
        `entry ${index} as member ${who} applies it`,
        `${entry.term} ${textOf(entry)}`,
        `${known.term} ${textOf(known)}`,
      );
    const digest = view.digests.get(index) ?? 0;
    view.digests.delete(index);
    const wanted = this.#digests.get(index);
    if (wanted === undefined) this.#digests.set(index, digest);
    else same(`what entry ${index} changes on member ${who}`, String(digest), String(wanted));
  }

  #commit(entry: Entry): void {
    const { index } = entry;
    same('index of an entry applied', String(index), String(this.#log.length + 1));
    this.#log.push(entry);
    if (entry.type !== entryType.normal) this.#changes.push(index);
    const request = decodeRequest(entry);
    if (request !== undefined) this.note(index, request, this.#written.get(keyOf(entry))?.atMs ?? this.nowMs());
    this.model.apply(entry);
  }

  /** After the same change all have the same configuration. */
  #configured({ id, assembled }: SimHost): void {
    const { member } = assembled;
    const changed = this.#changes.findLast((index) => index <= member.applied);
    if (changed === undefined) return;
    const text = describeConfiguration(member.node.raft.tracker.configuration);
    const before = this.#configurations.get(changed);
    if (before === undefined) this.#configurations.set(changed, text);
    else same(`configuration of member ${id.toString(16)} since ${changed}`, text, before);
  }
}
