/**
 * Judges a raft cluster from outside, by what its nodes send, store, commit and apply. It knows nothing of how they do it.
 *
 * Thesis 3, figure 3.2: election safety, log matching, leader completeness, state-machine safety. And what the thesis takes
 * for granted: one vote a term, no promise before it is stored, a commit that a quorum has stored, reads that miss nothing.
 */
import { check } from '../base/check.js';
import { crc32c } from '../base/crc32c.js';
import { type MemberId, noMember } from '../base/ids.js';
import { type Configuration, describeConfiguration } from '../raft/configuration.js';
import type { MemoryStorage, RawNode } from '../raft/index.js';
import { checkInvariants } from '../raft/invariants.js';
import { type Entry, type Message, messageType } from '../wire/raftpb/types.js';

/** What the judge may look at. */
export interface Witness {
  readonly id: MemberId;
  readonly node: RawNode;
  /** What has reached the disk. */
  readonly storage: MemoryStorage;
}

export class Judge {
  readonly #leaders = new Map<number, MemberId>();
  /** By node and term: for whom a vote has left the node. */
  readonly #votes = new Map<string, MemberId>();
  /** By term and index: what the entry says, and the term of the one before it. */
  readonly #written = new Map<string, string>();
  /** By index: the term of the entry that was committed there, and its text. */
  readonly #committedTerms: number[] = [];
  readonly #committedTexts: string[] = [];
  /** By index: the term of the leader that committed it. */
  readonly #committedIn: number[] = [];
  /** By index, where the configuration changed. */
  readonly #configurations = new Map<number, string>();
  readonly #lastTerm = new Map<MemberId, number>();
  readonly #lastVote = new Map<MemberId, { readonly term: number; readonly vote: MemberId }>();
  readonly #lastConfiguration = new Map<MemberId, Configuration>();
  readonly #lastCommit = new Map<MemberId, number>();
  /** By the read's own mark: what was committed when it was asked. */
  readonly #reads = new Map<string, number>();
  /** How often each rule was put to the test, so that a quiet simulation does not pass for a good one. */
  readonly counts = { elections: 0, commits: 0, applied: 0, promises: 0, reads: 0, configurations: 0 };
  committed: number;

  /** All nodes begin with a snapshot at `index`. */
  constructor(index: number, term: number) {
    this.committed = index;
    for (let at = 0; at <= index; at++) {
      this.#committedTerms.push(at === index ? term : 0);
      this.#committedTexts.push('');
      this.#committedIn.push(0);
    }
  }

  /** What all nodes begin with, in their logs. */
  founded(entries: readonly Entry[]): void {
    for (const entry of entries) {
      this.#committedTerms.push(entry.term);
      this.#committedTexts.push(textOf(entry));
      this.#committedIn.push(0);
      this.committed = entry.index;
    }
  }

  /** After every step: the node that made it. */
  look(witness: Witness, all: readonly Witness[], thoroughly = true): void {
    const { raft } = witness.node;
    const { id } = witness;
    check(raft.term >= (this.#lastTerm.get(id) ?? 0), `node ${id}: the term never falls`);
    this.#lastTerm.set(id, raft.term);
    const held = this.#lastVote.get(id);
    if (held === undefined || held.term !== raft.term || held.vote !== raft.vote) {
      check(
        held === undefined || held.term !== raft.term || held.vote === noMember,
        `node ${id} changes its vote in term ${raft.term}`,
      );
      this.#lastVote.set(id, { term: raft.term, vote: raft.vote });
    }
    if (thoroughly) checkInvariants(raft);
    const { log } = raft;
    const last = this.#lastCommit.get(id) ?? 0;
    check(log.committed >= last, `node ${id}: the commit index never falls while it runs`);
    if (log.committed > last) {
      this.#lastCommit.set(id, log.committed);
      this.#commits(witness, last, all);
    }
    this.#lastConfiguration.set(id, raft.tracker.configuration);
    if (raft.role === 'leader') this.#leads(witness);
  }

  /** A node that starts anew knows what was stored: less, perhaps, than it knew before. */
  restarted(id: MemberId): void {
    this.#lastTerm.delete(id);
    this.#lastVote.delete(id);
    this.#lastCommit.delete(id);
  }

  /** Election safety, leader completeness. */
  #leads({ id, node }: Witness): void {
    const { raft } = node;
    const before = this.#leaders.get(raft.term);
    check(before === undefined || before === id, `nodes ${before} and ${id} both lead term ${raft.term}`);
    if (before !== undefined) return;
    this.#leaders.set(raft.term, id);
    this.counts.elections++;
    // All that was committed in earlier terms; its votes may have been long on their way, and the others be ahead by now.
    // By log matching the last entry vouches for those before it.
    let due = this.committed;
    while (due > 0 && (this.#committedIn[due] as number) >= raft.term) due--;
    const { log } = raft;
    check(
      log.firstIndex() > due || log.matches(due, this.#committedTerms[due] as number),
      `node ${id} leads term ${raft.term} without the committed entry ${due}`,
    );
  }

  /** State-machine safety; committed is durable. */
  #commits({ id, node }: Witness, before: number, all: readonly Witness[]): void {
    const { log } = node.raft;
    const from = Math.max(before + 1, log.firstIndex());
    const entries = from > log.committed ? [] : log.slice(from, log.committed + 1, Number.POSITIVE_INFINITY);
    check(typeof entries !== 'string', 'what is committed can be read');
    for (const entry of entries) {
      const { index, term } = entry;
      if (index <= this.committed) {
        check(
          this.#committedTerms[index] === term && this.#committedTexts[index] === textOf(entry),
          `node ${id} commits another entry at ${index} than was committed before`,
        );
        continue;
      }
      check(
        index === this.committed + 1,
        `node ${id} commits ${index}, but nobody has committed ${this.committed + 1}`,
      );
      this.#committedTerms.push(term);
      this.#committedTexts.push(textOf(entry));
      this.#committedIn.push(node.raft.term);
      this.committed = index;
      this.counts.commits++;
      // Only a leader commits first; its configuration is the one that counts.
      check(node.raft.role === 'leader', `node ${id} is the first to commit ${index}, but does not lead`);
      const { configuration } = node.raft.tracker;
      // What was committed and what was applied in one step may have a change of members between them.
      const earlier = this.#lastConfiguration.get(id) ?? configuration;
      const held = all.filter(({ storage }) => holds(storage, index, term)).map((each) => each.id);
      check(
        isQuorum(held, configuration) || isQuorum(held, earlier),
        `entry ${index} is committed, but stored by ${held.join()} of ${describeConfiguration(configuration)}`,
      );
    }
  }

  /** Log matching: an entry of a term and index is the same everywhere, and stands after the same entry. */
  writes(storage: MemoryStorage, entries: readonly Entry[]): void {
    let previous = entries[0] === undefined ? 0 : storage.term(entries[0].index - 1);
    for (const entry of entries) {
      const key = `${entry.term}/${entry.index}`;
      const text = `${previous} ${textOf(entry)}`;
      const before = this.#written.get(key);
      check(before === undefined || before === text, `entry ${key} is written as "${text}", and was "${before}"`);
      this.#written.set(key, text);
      previous = entry.term;
    }
  }

  /** A promise: what it says must have reached the disk. */
  sends({ id, storage }: Witness, message: Message): void {
    if (message.reject) return;
    if (message.type === messageType.appResp && message.index > 0) {
      this.counts.promises++;
      // Of an earlier term it is stale: since then the log may have been cut, and whoever was elected knew what it had.
      const term = storage.initialState().hardState?.term ?? 0;
      const stale = message.term < term;
      check(
        stale || storage.lastIndex() >= message.index,
        `node ${id} acknowledges ${message.index} before it is stored`,
      );
    } else if (message.type === messageType.voteResp) {
      this.counts.promises++;
      const stored = storage.initialState().hardState;
      check(
        stored !== undefined &&
          (stored.term > message.term || (stored.term === message.term && stored.vote === message.to)),
        `node ${id} votes in term ${message.term} before its vote is stored`,
      );
      const key = `${id} ${message.term}`;
      const before = this.#votes.get(key);
      check(before === undefined || before === message.to, `node ${id} votes twice in term ${message.term}`);
      this.#votes.set(key, message.to);
    }
  }

  applies(id: MemberId, entry: Entry): void {
    this.counts.applied++;
    check(entry.index <= this.committed, `node ${id} applies ${entry.index}, which is not committed`);
    check(
      this.#committedTerms[entry.index] === entry.term && this.#committedTexts[entry.index] === textOf(entry),
      `node ${id} applies another entry at ${entry.index} than was committed`,
    );
  }

  reconfigures(id: MemberId, index: number, configuration: Configuration): void {
    this.counts.configurations++;
    const text = describeConfiguration(configuration);
    const before = this.#configurations.get(index);
    check(before === undefined || before === text, `node ${id} has ${text} at ${index}, another has ${before}`);
    this.#configurations.set(index, text);
  }

  asks(mark: string): void {
    this.#reads.set(mark, this.committed);
  }

  /** Linearizability: a read sees all that was committed when it was asked. */
  answers(mark: string, index: number): void {
    const due = this.#reads.get(mark);
    check(due !== undefined, `read ${mark} was never asked`);
    this.counts.reads++;
    check(index >= due, `read ${mark} is answered at ${index}, but ${due} was committed when it was asked`);
  }
}

function textOf({ type, data }: Entry): string {
  return `${type} ${data.length < 40 ? String.fromCharCode(...data) : `${data.length} bytes ${crc32c(data)}`}`;
}

function isQuorum(held: readonly MemberId[], { voters, outgoing }: Configuration): boolean {
  const most = (of: readonly MemberId[]) =>
    of.length === 0 || of.filter((id) => held.includes(id)).length > of.length / 2;
  return most(voters) && most(outgoing);
}

function holds(storage: MemoryStorage, index: number, term: number): boolean {
  const stored = storage.term(index);
  return stored === term || stored === 'compacted' || storage.firstIndex() > index;
}
