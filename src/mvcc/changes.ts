/**
 * The ports between the store and those who follow it: the watch hub, which is told of each change,
 * and what it reads back, the history that a watcher missed.
 */
import type { Bytes } from '../base/bytes.js';
import type { ValueStore } from './value-store.js';

/** Told of all that a write transaction changes, in the order of the changes; reading nothing into what it is not told. */
export interface ChangeListener {
  /**
   * One put or deletion. `value` is the encoded `KeyValue` as it was appended to the value store (for a tombstone: with
   * the key alone); it is never written to again and may be kept. `key` is valid during the call only.
   */
  changed(main: number, sub: number, tombstone: boolean, key: Bytes, value: Bytes): void;
  /** The transaction is over: all that was told of `main` is readable now, and `main` is the newest revision. */
  committed(main: number): void;
}

/** The store, as far as a follower may ask it. */
export interface History {
  /** The newest revision. */
  readonly revision: number;
  /** The revision that was last asked to be compacted to; -1 when none was. What is older must not be read. */
  readonly compactedRevision: number;
  readonly values: ValueStore;
  /** The encoded `KeyValue` of `key` as of `revision`, or undefined when it was not alive then. Valid until the next call of the store. */
  valueAt(key: Bytes, revision: number): Bytes | undefined;
}
