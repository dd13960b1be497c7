/**
 * The log: what storage holds, followed by the unstable tail, and how far it is committed and applied.
 *
 *   snapshot | 5 6 7 8 | 9 10 11 12
 *            |  stored |  unstable
 *              a  g      c               applied 5, applying 6, committed 9
 *
 * Invariant: applied <= applying <= committed <= lastIndex, and none of them falls.
 */
import { check } from '../base/check.js';
import type { Entry, Snapshot } from '../wire/raftpb/types.js';
import { encodedSizeOf } from './entry-size.js';
import type { Logger } from './logger.js';
import { noEntries } from './message.js';
import type { Storage, Unreadable } from './storage.js';
import { Unstable } from './unstable.js';

export class Log {
  readonly unstable: Unstable;
  /** Highest index known to be stored by a quorum. */
  committed: number;
  /** Highest index handed out to be applied. */
  applying: number;
  /** Highest index that the application has applied. */
  applied: number;
  /** Encoded bytes handed out to be applied and not yet acknowledged. */
  #applyingBytes = 0;
  /** No more is handed out until some of it is acknowledged. */
  #applyingPaused = false;

  constructor(
    readonly storage: Storage,
    readonly logger: Logger,
    /** Bounds the encoded bytes that are handed out to be applied and not yet acknowledged. */
    readonly maxApplyingBytes: number,
  ) {
    const last = storage.lastIndex();
    this.unstable = new Unstable(last + 1, logger);
    const compacted = storage.firstIndex() - 1;
    this.committed = compacted;
    this.applying = compacted;
    this.applied = compacted;
  }

  firstIndex(): number {
    const snapshot = this.unstable.snapshot;
    return snapshot === undefined ? this.storage.firstIndex() : snapshot.metadata.index + 1;
  }

  lastIndex(): number {
    const last = this.unstable.lastIndex();
    return last === 0 ? this.storage.lastIndex() : last;
  }

  lastTerm(): number {
    const term = this.term(this.lastIndex());
    check(typeof term === 'number', 'the term of the last entry is always known');
    return term;
  }

  /** Known for [firstIndex - 1, lastIndex]. */
  term(index: number): number | Unreadable {
    const unstable = this.unstable.term(index);
    if (unstable !== 0) return unstable;
    if (index + 1 < this.firstIndex()) return 'compacted';
    if (index > this.lastIndex()) return 'unavailable';
    return this.storage.term(index);
  }

  /** As `term`, but 0 where it is not known. No entry has term 0. */
  termOrZero(index: number): number {
    const term = this.term(index);
    return typeof term === 'number' ? term : 0;
  }

  matches(index: number, term: number): boolean {
    return this.term(index) === term;
  }

  /** Whether a log that ends so holds all that a log like ours may have committed. Thesis 3.6.1. */
  isUpToDate(lastIndex: number, lastTerm: number): boolean {
    const ours = this.lastTerm();
    return lastTerm > ours || (lastTerm === ours && lastIndex >= this.lastIndex());
  }

  /** Appends at the end, or after cutting off what conflicts. What is committed is never cut. */
  append(entries: readonly Entry[]): number {
    const first = entries[0];
    if (first !== undefined) {
      check(first.index > this.committed, 'a committed entry is never replaced');
      this.unstable.truncateAndAppend(entries);
    }
    return this.lastIndex();
  }

  /**
   * What a follower does with a leader's append after (index, term): undefined if the logs do not match there,
   * else the last index that now is known to match.
   */
  maybeAppend(index: number, term: number, entries: readonly Entry[], leaderCommit: number): number | undefined {
    if (!this.matches(index, term)) return undefined;
    const last = index + entries.length;
    const at = this.#firstNew(entries);
    if (at < entries.length) {
      check(index + 1 + at > this.committed, 'an append never conflicts with a committed entry');
      this.append(at === 0 ? entries : entries.slice(at));
    }
    this.commitTo(Math.min(leaderCommit, last));
    return last;
  }

  /** Position of the first entry that is not in the log already; their number if all are. */
  #firstNew(entries: readonly Entry[]): number {
    for (let at = 0; at < entries.length; at++) {
      const entry = entries[at] as Entry;
      if (this.matches(entry.index, entry.term)) continue;
      if (entry.index <= this.lastIndex()) {
        this.logger.info(
          `found conflict at index ${entry.index} [existing term: ${this.termOrZero(entry.index)}, conflicting term: ${entry.term}]`,
        );
      }
      return at;
    }
    return entries.length;
  }

  /**
   * The highest index up to `index` whose term is at most `term`, or is not known: the best guess where this log
   * and one that holds (index, term) part. Its term goes with it, 0 if not known.
   */
  findConflictByTerm(index: number, term: number): { index: number; term: number } {
    for (let at = index; at > 0; at--) {
      const ours = this.term(at);
      if (typeof ours !== 'number') return { index: at, term: 0 };
      if (ours <= term) return { index: at, term: ours };
    }
    return { index: 0, term: 0 };
  }

  commitTo(index: number): void {
    if (index <= this.committed) return;
    check(index <= this.lastIndex(), 'only what the log holds is committed: was it damaged, cut off or lost?');
    this.committed = index;
  }

  /** Commits up to `index` if the entry there is of `term`: a leader counts only entries of its own term. Thesis 3.6.2. */
  maybeCommit(index: number, term: number): boolean {
    if (index <= this.committed || term === 0 || !this.matches(index, term)) return false;
    this.commitTo(index);
    return true;
  }

  hasNextCommitted(allowUnstable: boolean): boolean {
    if (this.#applyingPaused || this.unstable.snapshot !== undefined) return false;
    return this.applying < this.#maxAppliable(allowUnstable);
  }

  /** Entries to be applied next. None while a snapshot is being stored: that one comes first. */
  nextCommitted(allowUnstable: boolean): readonly Entry[] {
    if (!this.hasNextCommitted(allowUnstable)) return noEntries;
    const entries = this.slice(
      this.applying + 1,
      this.#maxAppliable(allowUnstable) + 1,
      this.maxApplyingBytes - this.#applyingBytes,
    );
    check(typeof entries !== 'string', 'what is committed and not applied is never compacted');
    return entries;
  }

  /** Entries committed before they are stored here may be applied only where the application stores before it applies. */
  #maxAppliable(allowUnstable: boolean): number {
    return allowUnstable ? this.committed : Math.min(this.committed, this.unstable.offset - 1);
  }

  /** `entries` have been handed out to be applied. */
  acceptApplying(entries: readonly Entry[], allowUnstable: boolean): void {
    const index = (entries[entries.length - 1] as Entry).index;
    check(index >= this.applying && index <= this.committed, 'what is applied is committed, in order');
    this.applying = index;
    this.#applyingBytes += encodedSizeOf(entries);
    // Where the limit has cut the batch, the next one waits for this one, though a byte or two may be left.
    this.#applyingPaused = this.#applyingBytes >= this.maxApplyingBytes || index < this.#maxAppliable(allowUnstable);
  }

  /** The application has applied up to `index`; `bytes` of what was handed out are acknowledged by it. */
  appliedTo(index: number, bytes: number): void {
    check(index <= this.committed && index >= this.applied, 'applied moves forward, within what is committed');
    this.applied = index;
    this.applying = Math.max(this.applying, index);
    this.#applyingBytes = Math.max(0, this.#applyingBytes - bytes);
    this.#applyingPaused = this.#applyingBytes >= this.maxApplyingBytes;
  }

  snapshot(): Snapshot | undefined {
    return this.unstable.snapshot ?? this.storage.snapshot();
  }

  restore(snapshot: Snapshot): void {
    const { index, term } = snapshot.metadata;
    this.logger.info(`log [${this}] starts to restore snapshot [index: ${index}, term: ${term}]`);
    check(index > this.committed, 'a snapshot never takes the commit index back');
    this.committed = index;
    this.unstable.restore(snapshot);
  }

  /** Entries from `low` to the end, within `maxBytes`. */
  entriesFrom(low: number, maxBytes: number): readonly Entry[] | Unreadable {
    const end = this.lastIndex() + 1;
    return low >= end ? noEntries : this.slice(low, end, maxBytes);
  }

  /** Entries in [low, high), cut to `maxBytes` encoded bytes but never to none. */
  slice(low: number, high: number, maxBytes: number): readonly Entry[] | Unreadable {
    check(low <= high, 'a slice has no negative length');
    if (low >= this.unstable.offset) return low === high ? noEntries : this.unstable.slice(low, high, maxBytes);
    if (low < this.firstIndex()) return 'compacted';
    if (low === high) return noEntries;
    const cut = Math.min(high, this.unstable.offset);
    const stored = this.storage.entries(low, cut, maxBytes);
    if (typeof stored === 'string') {
      check(stored === 'compacted', 'storage holds every entry before the unstable ones');
      return stored;
    }
    if (high <= this.unstable.offset || stored.length < cut - low) return stored;
    const size = encodedSizeOf(stored);
    if (size >= maxBytes) return stored;
    const tail = this.unstable.slice(this.unstable.offset, high, maxBytes - size);
    if (tail.length === 1 && size + encodedSizeOf(tail) > maxBytes) return stored;
    return stored.concat(tail);
  }

  toString(): string {
    const { offset, offsetInProgress, length } = this.unstable;
    return `committed=${this.committed}, applied=${this.applied}, applying=${this.applying}, unstable.offset=${offset}, unstable.offsetInProgress=${offsetInProgress}, len(unstable.Entries)=${length}`;
  }
}
