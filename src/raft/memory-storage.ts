/**
 * Storage in memory: for tests, for the simulator, and under a write-ahead log that keeps its tail in memory.
 *
 * Invariant: `#entries[i]` has index `#offset + 1 + i`; `#offset` is the index of the last compacted entry, `#offsetTerm` its term.
 */
import { noBytes } from '../base/bytes.js';
import { check } from '../base/check.js';
import type { ConfState, Entry, HardState, Snapshot } from '../wire/raftpb/types.js';
import { countWithin } from './entry-size.js';
import type { Storage, Unreadable } from './storage.js';

export const emptyConfState: ConfState = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

export const emptySnapshot: Snapshot = { data: noBytes, metadata: { confState: emptyConfState, index: 0, term: 0 } };

export class MemoryStorage implements Storage {
  #hardState: HardState | undefined = undefined;
  #snapshot: Snapshot = emptySnapshot;
  #entries: Entry[] = [];
  #offset = 0;
  #offsetTerm = 0;
  #dataBytes = 0;

  initialState(): { hardState: HardState | undefined; confState: ConfState } {
    return { hardState: this.#hardState, confState: this.#snapshot.metadata.confState };
  }

  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  entries(low: number, high: number, maxBytes: number): readonly Entry[] | Unreadable {
    if (low <= this.#offset) return 'compacted';
    check(high <= this.lastIndex() + 1, 'entries are read only up to the last index');
    if (this.#entries.length === 0) return 'unavailable';
    const from = low - this.#offset - 1;
    const count = countWithin(this.#entries, from, high - this.#offset - 1, maxBytes);
    return this.#entries.slice(from, from + count);
  }

  term(index: number): number | Unreadable {
    if (index < this.#offset) return 'compacted';
    if (index === this.#offset) return this.#offsetTerm;
    const entry = this.#entries[index - this.#offset - 1];
    return entry === undefined ? 'unavailable' : entry.term;
  }

  firstIndex(): number {
    return this.#offset + 1;
  }

  lastIndex(): number {
    return this.#offset + this.#entries.length;
  }

  snapshot(): Snapshot {
    return this.#snapshot;
  }

  /** What the entries carry, all together: nearly all the memory that the log takes. */
  get dataBytes(): number {
    return this.#dataBytes;
  }

  /** The last index that can be compacted away so that the entries behind it carry no more than `bytesMax`. */
  indexBefore(bytesMax: number): number {
    let bytes = 0;
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      bytes += (this.#entries[i] as Entry).data.length;
      if (bytes > bytesMax) return this.#offset + 1 + i;
    }
    return this.#offset;
  }

  /** Replaces the log by a snapshot; false if the one held is as new or newer. */
  applySnapshot(snapshot: Snapshot): boolean {
    const held = this.#snapshot.metadata.index;
    // A first start may have set the members alone, at index 0: that one never stands in the way.
    if (held !== 0 && held >= snapshot.metadata.index) return false;
    this.#snapshot = snapshot;
    this.#entries = [];
    this.#dataBytes = 0;
    this.#offset = snapshot.metadata.index;
    this.#offsetTerm = snapshot.metadata.term;
    return true;
  }

  /** Makes `data` the snapshot at `index`; undefined if the one held is as new or newer. The log stays as it is. */
  createSnapshot(index: number, confState: ConfState | undefined, data: Uint8Array): Snapshot | undefined {
    if (index <= this.#snapshot.metadata.index) return undefined;
    check(index <= this.lastIndex(), 'a snapshot covers what the log holds');
    const term = this.term(index);
    check(typeof term === 'number', 'a snapshot is newer than the last compaction');
    this.#snapshot = {
      data,
      metadata: { confState: confState ?? this.#snapshot.metadata.confState, index, term },
    };
    return this.#snapshot;
  }

  /** Forgets entries up to and including `index`; false if that was done before. */
  compact(index: number): boolean {
    if (index <= this.#offset) return false;
    check(index <= this.lastIndex(), 'compaction stays within the log');
    this.#offsetTerm = (this.#entries[index - this.#offset - 1] as Entry).term;
    const count = index - this.#offset;
    for (let i = 0; i < count; i++) this.#dataBytes -= (this.#entries[i] as Entry).data.length;
    this.#entries = this.#entries.slice(count);
    this.#offset = index;
    return true;
  }

  /** Appends, first cutting off whatever stood at or after the first index given. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    let skip = 0;
    if (first.index <= this.#offset) {
      skip = this.#offset + 1 - first.index;
      if (skip >= entries.length) return; // All of it is compacted already.
    }
    const at = first.index + skip - this.#offset - 1;
    check(at <= this.#entries.length, 'the log has no gap');
    for (let i = at; i < this.#entries.length; i++) this.#dataBytes -= (this.#entries[i] as Entry).data.length;
    if (at < this.#entries.length) this.#entries.length = at;
    for (let i = skip; i < entries.length; i++) {
      const entry = entries[i] as Entry;
      this.#entries.push(entry);
      this.#dataBytes += entry.data.length;
    }
  }
}
