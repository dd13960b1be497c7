/**
 * The port behind which stored revisions live. `io/values/` answers from disk, tests and the simulator from memory.
 *
 * A value is the encoded `mvccpb.KeyValue` of one revision; for a tombstone, a `KeyValue` with only the key.
 * Beside the values stands a small book of named records (applied index, compaction marks, leases, alarms, members).
 *
 * Rules: everything given since the last `commit` becomes durable together or not at all, and in order;
 * all is readable at once, durable or not; the store never runs ahead of the synced log (the member sees to that).
 */
import type { Bytes } from '../base/bytes.js';

/** Called for each value in a scan; `tombstone` as it was appended. Return false to stop. The bytes are valid during the call only. */
export type ValueVisitor = (main: number, sub: number, tombstone: boolean, value: Bytes) => boolean;

/**
 * All values and records as they stood at one moment, for whoever reads them over many turns: what is dropped, changed or replaced
 * since is still seen as it was. It keeps room on the disk from being given back, so it is closed as soon as it is not needed.
 */
export interface ValuesView {
  /** As `ValueStore.scan`. */
  scan(main: number, sub: number, endMain: number, visit: ValueVisitor): void;
  /** In key order from `from` on, until the visitor returns false; of keys longer than 1 KiB that begin alike the order is any. */
  scanRecords(bucket: string, from: Bytes, visit: (key: Bytes, value: Bytes) => boolean): void;
  /** No more records will be asked for; values still are. */
  closeRecords(): void;
  close(): void;
}

export interface ValueStore {
  /** Adds a revision. Revisions come in rising order. `value` is kept, not copied: the caller never writes to it again. */
  append(main: number, sub: number, tombstone: boolean, value: Bytes): void;
  /** The value of one revision, or undefined when it was dropped or never there. Valid until the next call of the store. */
  get(main: number, sub: number): Bytes | undefined;
  /** Visits revisions from (main, sub) on, in order, until the visitor returns false or `endMain` (exclusive) is reached. */
  scan(main: number, sub: number, endMain: number, visit: ValueVisitor): void;
  /** Removes a revision; compaction does. */
  drop(main: number, sub: number, tombstone: boolean): void;

  /** A named record: bucket and key as etcd's backend has them (`meta`/`consistent_index`, `lease`/8 bytes...). */
  getRecord(bucket: string, key: Bytes): Bytes | undefined;
  setRecord(bucket: string, key: Bytes, value: Bytes): void;
  deleteRecord(bucket: string, key: Bytes): void;
  /** In key order. */
  scanRecords(bucket: string, visit: (key: Bytes, value: Bytes) => void): void;

  /** Everything as it is now, whatever comes. */
  view(): ValuesView;

  /** Starts making durable all that was given so far. `done` comes later, in a turn of its own; commits end in order. */
  commit(done: () => void): void;
  /** Bytes the store takes on disk, and the part of them that is in use: etcd's dbSize and dbSizeInUse. */
  sizeBytes(): number;
  sizeInUseBytes(): number;
}
