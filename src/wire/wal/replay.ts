/**
 * What a log says, record by record, as a member needs it at start: identity, hard state, snapshot, entries above it.
 *
 * A later entry of the same index takes the place of the earlier one and of all behind it (a new leader overwrote them).
 * The newest snapshot whose index is committed is where a member starts, so the entries up to it are forgotten as they go by:
 * a log of many segments takes the memory of its last entries only.
 */
import { type Bytes, equalBytes, noBytes } from '../../base/bytes.js';
import { noMember } from '../../base/ids.js';
import { decodeEntry, decodeHardState } from '../raftpb/codec.js';
import type { Entry, HardState } from '../raftpb/types.js';
import { recordType } from './format.js';
import { decodePosition, type SnapshotPosition } from './records.js';
import type { SegmentReader } from './segment-reader.js';

/** Where reading starts when it is not left to the log: the position of a snapshot that it recorded. */
export interface StartPosition {
  readonly index: number;
  readonly term: number;
}

const roomBytes = 256 << 10;

export class WalReplay {
  metadata: Bytes | undefined;
  hardState: HardState = { term: 0, vote: noMember, commit: 0 };
  /** All that were recorded, oldest first. */
  readonly snapshots: SnapshotPosition[] = [];
  /** Entries `base + 1`, `base + 2`... */
  entries: Entry[] = [];
  /** The index of the last entry or snapshot that was written: the next segment is named after it. */
  lastIndex = 0;

  /** The index before the first of `entries`. */
  #base: number;
  /** Whether `#base` is a committed snapshot's, and not merely where the first segment happens to begin. */
  #anchored: boolean;
  /** Whether an entry was read. */
  #begun = false;
  #room: Bytes = noBytes;
  #roomUsed = 0;
  /** Entries set aside for those above a snapshot from the leader, until that snapshot is known to be committed. */
  #aside: { readonly base: number; readonly entries: Entry[] } | undefined;

  /** Without `from`, starts at the newest snapshot that is committed. */
  constructor(readonly from?: StartPosition) {
    this.#base = from?.index ?? 0;
    this.#anchored = from !== undefined;
  }

  /** Takes in the record that `segment` has just read; says what is wrong with it, if anything. */
  take(segment: SegmentReader): string | undefined {
    const { bytes, dataStart, dataEnd } = segment;
    switch (segment.type) {
      case recordType.metadata:
        return this.#takeMetadata(bytes.slice(dataStart, dataEnd));
      case recordType.entry: {
        const entry = decodeEntry(bytes, dataStart, dataEnd);
        if (typeof entry === 'number') return 'an entry is not well formed';
        entry.data = this.#keep(entry.data);
        return this.#takeEntry(entry);
      }
      case recordType.state: {
        const state = decodeHardState(bytes, dataStart, dataEnd);
        if (typeof state === 'number') return 'a hard state is not well formed';
        this.hardState = state;
        this.#forgetCommitted();
        return undefined;
      }
      case recordType.crc:
        return undefined;
      case recordType.snapshot: {
        const position = decodePosition(bytes, dataStart, dataEnd);
        return position === undefined ? 'a snapshot record is not well formed' : this.#takeSnapshot(position);
      }
      default:
        return `unexpected block type ${segment.type}`;
    }
  }

  /** The newest snapshot that is committed, once all records are taken. */
  newestSnapshot(): SnapshotPosition | undefined {
    return this.snapshots.findLast((position) => position.index <= this.hardState.commit);
  }

  /** Called when the last record was taken: says why the log cannot be started from, if so. */
  finish(): string | undefined {
    const start = this.from ?? this.newestSnapshot();
    const found = start !== undefined && this.snapshots.some((position) => position.index === start.index);
    if (!found) return 'wal: snapshot not found';
    if (this.#base === start.index) return undefined;
    if (this.#aside !== undefined && this.#base > start.index) this.#takeBack();
    if (this.#base !== start.index && this.entries.length > 0) return this.#gap(start, this.entries[0] as Entry, 0);
    this.#base = start.index;
    return undefined;
  }

  /** A copy that outlives the segment; neighbours share a buffer, for one each would take longer than all the rest. */
  #keep(data: Bytes): Bytes {
    if (data.length === 0) return noBytes;
    if (data.length > this.#room.length - this.#roomUsed) {
      this.#room = new Uint8Array(Math.max(roomBytes, data.length));
      this.#roomUsed = 0;
    }
    this.#room.set(data, this.#roomUsed);
    this.#roomUsed += data.length;
    return this.#room.subarray(this.#roomUsed - data.length, this.#roomUsed);
  }

  #takeMetadata(metadata: Bytes): string | undefined {
    if (this.metadata !== undefined && !equalBytes(this.metadata, metadata)) return 'wal: conflicting metadata found';
    this.metadata = metadata;
    return undefined;
  }

  #takeEntry(entry: Entry): string | undefined {
    this.lastIndex = entry.index;
    if (this.#aside !== undefined && entry.index <= this.#base) this.#takeBack();
    const at = entry.index - this.#base - 1;
    const first = !this.#begun;
    this.#begun = true;
    // Where segments were purged, the first entry may stand above an old snapshot: a newer one follows, or `finish` refuses.
    if (this.from === undefined && first && at > 0) this.#anchored = false;
    if (!this.#anchored && (at < 0 || this.entries.length === 0)) {
      this.#base = entry.index - 1;
      this.entries = [entry];
      return undefined;
    }
    if (at < 0) return undefined;
    if (at > this.entries.length) return this.#takeAfterGap(entry);
    this.entries.length = at;
    this.entries.push(entry);
    return undefined;
  }

  #takeSnapshot(position: SnapshotPosition): string | undefined {
    if (this.from !== undefined && position.index === this.from.index && position.term !== this.from.term)
      return 'wal: snapshot mismatch';
    this.snapshots.push(position);
    this.lastIndex = Math.max(this.lastIndex, position.index);
    this.#forgetCommitted();
    return undefined;
  }

  /** Entries may begin anew behind a snapshot that came from the leader. */
  #takeAfterGap(entry: Entry): string | undefined {
    const start = this.from ?? { index: this.#base, term: 0 };
    const received = this.snapshots.some((position) => position.index === entry.index - 1);
    if (this.from !== undefined || !received) return this.#gap(start, entry, this.entries.length);
    this.#aside = { base: this.#base, entries: this.entries };
    this.#base = entry.index - 1;
    this.entries = [entry];
    return undefined;
  }

  /** The entries above rest on a snapshot whose hard state never reached the disk: no one was told of them. */
  #takeBack(): void {
    if (this.#aside === undefined) return;
    this.#base = this.#aside.base;
    this.entries = this.#aside.entries;
    this.#aside = undefined;
  }

  #gap(start: StartPosition, entry: Entry, before: number): string {
    return (
      `wal: slice bounds out of range, snapshot[Index: ${start.index}, Term: ${start.term}], ` +
      `current entry[Index: ${entry.index}, Term: ${entry.term}], len(ents): ${before}`
    );
  }

  #forgetCommitted(): void {
    if (this.from !== undefined) return;
    const newest = this.newestSnapshot();
    if (newest === undefined || newest.index < this.#base) return;
    this.#anchored = true;
    this.#aside = undefined;
    if (newest.index === this.#base) return;
    this.entries = this.entries.slice(newest.index - this.#base);
    this.#base = newest.index;
  }
}
