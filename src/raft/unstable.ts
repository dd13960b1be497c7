/**
 * The tail of the log that storage does not hold yet: entries, and perhaps a snapshot before them.
 *
 *        offset         offsetInProgress
 *          |                   |
 *   stored | being written     | not yet handed out
 *   -------+-------------------+------------------
 *
 * `offset` may lie before the end of storage: then the next write cuts storage off there.
 * A held entry is not changed, and the arrays handed out are copies: cutting off here never reaches a reader.
 */
import { check } from '../base/check.js';
import type { Entry, Snapshot } from '../wire/raftpb/types.js';
import { countWithin, noLimit } from './entry-size.js';
import type { Logger } from './logger.js';
import { noEntries } from './message.js';

export class Unstable {
  /** Received, but not yet known to be stored. */
  snapshot: Snapshot | undefined = undefined;
  snapshotInProgress = false;
  /** Index of the first entry held. */
  offset: number;
  /** Index of the first entry that is not being written. Invariant: offset <= offsetInProgress <= end. */
  offsetInProgress: number;
  /** Entries from `#head` on are held; those before are stored, and dropped once they are the larger half. */
  #entries: Entry[] = [];
  #head = 0;
  readonly #logger: Logger;

  constructor(offset: number, logger: Logger) {
    this.offset = offset;
    this.offsetInProgress = offset;
    this.#logger = logger;
  }

  get length(): number {
    return this.#entries.length - this.#head;
  }

  /** Index after the last entry held. */
  get end(): number {
    return this.offset + this.#entries.length - this.#head;
  }

  /** 0 where neither entry nor snapshot is held. */
  lastIndex(): number {
    if (this.length > 0) return this.end - 1;
    return this.snapshot === undefined ? 0 : this.snapshot.metadata.index;
  }

  /** 0 where the index is not held here. */
  term(index: number): number {
    if (index < this.offset) {
      const snapshot = this.snapshot;
      return snapshot !== undefined && snapshot.metadata.index === index ? snapshot.metadata.term : 0;
    }
    const entry = this.#entries[this.#head + index - this.offset];
    return entry === undefined ? 0 : entry.term;
  }

  hasNext(): boolean {
    return this.offsetInProgress < this.end;
  }

  /** Entries not yet handed out for writing. */
  nextEntries(): readonly Entry[] {
    return this.hasNext() ? this.slice(this.offsetInProgress, this.end) : noEntries;
  }

  nextSnapshot(): Snapshot | undefined {
    return this.snapshotInProgress ? undefined : this.snapshot;
  }

  /** All that is held has now been handed out for writing. */
  acceptInProgress(): void {
    this.offsetInProgress = this.end;
    if (this.snapshot !== undefined) this.snapshotInProgress = true;
  }

  /**
   * Drops entries up to `index`: they are stored. The term tells whether they are still the same entries;
   * the caller vouches that no write on its way can overwrite them.
   */
  stableTo(index: number, term: number): void {
    const held = this.term(index);
    if (held === 0) {
      this.#logger.info(`entry at index ${index} missing from unstable log; ignoring`);
      return;
    }
    if (index < this.offset) {
      this.#logger.info(`entry at index ${index} matched unstable snapshot; ignoring`);
      return;
    }
    if (held !== term) {
      this.#logger.info(
        `entry at (index,term)=(${index},${term}) mismatched with entry at (${index},${held}) in unstable log; ignoring`,
      );
      return;
    }
    this.#head += index + 1 - this.offset;
    this.offset = index + 1;
    this.offsetInProgress = Math.max(this.offsetInProgress, this.offset);
    if (this.#head === this.#entries.length) {
      this.#entries = [];
      this.#head = 0;
    } else if (this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  stableSnapshotTo(index: number): void {
    if (this.snapshot === undefined || this.snapshot.metadata.index !== index) return;
    this.snapshot = undefined;
    this.snapshotInProgress = false;
  }

  /** A snapshot takes the place of the whole log. */
  restore(snapshot: Snapshot): void {
    this.offset = snapshot.metadata.index + 1;
    this.offsetInProgress = this.offset;
    this.#entries = [];
    this.#head = 0;
    this.snapshot = snapshot;
    this.snapshotInProgress = false;
  }

  /** Appends entries whose indexes are consecutive, first cutting off whatever stands at or after the first of them. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const first = (entries[0] as Entry).index;
    if (first <= this.offset && this.length + this.offset !== first) {
      this.#logger.info(`replace the unstable entries from index ${first}`);
      this.#entries = entries.slice();
      this.#head = 0;
      this.offset = first;
      this.offsetInProgress = first;
      return;
    }
    check(first <= this.end, 'the unstable log has no gap');
    if (first < this.end) {
      this.#logger.info(`truncate the unstable entries before index ${first}`);
      this.#entries.length = this.#head + first - this.offset;
      this.offsetInProgress = Math.min(this.offsetInProgress, first);
    }
    // Empty is the rule: the last batch is stored before the next one comes.
    if (this.#entries.length === 0) this.#entries = entries.slice();
    else for (const entry of entries) this.#entries.push(entry);
  }

  /** Entries in [low, high), all of which must be held, cut to `maxBytes` encoded bytes but never to none. */
  slice(low: number, high: number, maxBytes = noLimit): readonly Entry[] {
    check(low >= this.offset && low <= high && high <= this.end, 'a slice stays within the unstable log');
    const from = this.#head + low - this.offset;
    return this.#entries.slice(from, from + countWithin(this.#entries, from, from + high - low, maxBytes));
  }
}
