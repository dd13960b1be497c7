/**
 * The port between the store and the index of its keys: which revisions each key has, and the facts that ranges are
 * planned with. Values are not here; they are in the value store under (main, sub).
 *
 * A key's life is a row of generations: from its creation through its changes to the tombstone that ends it.
 *
 *     revision     2    5    9   12   14
 *     key "a"     put  put  del  put  put
 *                 [--generation--][-generation-
 */

import type { Bytes } from '../base/bytes.js';
import { type LeaseId, noLease } from '../base/ids.js';

/** One revision of one key, as the index knows it. One object is reused for many answers: read it before the next call. */
export class KeyState {
  /** The revision that made it: (main, sub). */
  main = 0;
  sub = 0;
  /** Main revision at which this generation began. */
  create = 0;
  /** How many puts this generation has had, 1 for the first. */
  version = 0;
  lease: LeaseId = noLease;
  /** Length of the stored `KeyValue`, so that an answer's length is known before a value is read. */
  storedBytes = 0;
}

/** Called for each key of a scan, in key order. `key` and `state` are valid during the call only. Return false to stop. */
export type KeyVisitor = (key: Bytes, state: KeyState) => boolean;

/** Called for each revision that a compaction lets go of. */
export type DroppedVisitor = (main: number, sub: number, tombstone: boolean) => void;

/** Everywhere below: `end` undefined means "every key from `key` on"; `revision` 0 means "the newest". */
export interface KeyIndex {
  /** Live keys at the newest revision. */
  readonly liveKeys: number;
  /** Bytes that the index holds, history included. */
  readonly sizeBytes: number;

  /** Fills `into` with the newest state of `key`; false when the key is unknown or deleted. */
  find(key: Bytes, into: KeyState): boolean;
  /** Fills `into` with the state of `key` as of `revision` (its newest revision with main <= `revision`); false when it was not alive then. */
  findAt(key: Bytes, revision: number, into: KeyState): boolean;

  /**
   * A put at (main, sub). When `find` would fail, a generation begins (create = main, version = 1); else version + 1.
   * Fills `into` with the new state. `storedBytes` may depend on create and version: it is given by `setStoredBytes` right after.
   * Answers the lease that the replaced put had, `noLease` for a new generation: it saves the store a look-up on each put.
   */
  put(key: Bytes, main: number, sub: number, lease: LeaseId, into: KeyState): LeaseId;
  /** Names the length of the value that the last `put` made. */
  setStoredBytes(storedBytes: number): void;
  /** Ends the key's generation at (main, sub); false, without effect, when the key is not alive. */
  tombstone(key: Bytes, main: number, sub: number): boolean;

  /**
   * Loading: adds a revision as the value store has it, in rising order of (main, sub); `state` is used as scratch.
   * A tombstone for a key that is not alive is remembered, so that the next compaction drops it from the store too.
   */
  restore(key: Bytes, state: KeyState, tombstone: boolean): void;

  /** Visits the keys of [key, end) that are alive at `revision`, in order. The visitor must not change the index. */
  scan(key: Bytes, end: Bytes | undefined, revision: number, visit: KeyVisitor): void;
  /** How many keys of [key, end) are alive at `revision`: O(log n) at the newest, O(keys in the range) before it. */
  count(key: Bytes, end: Bytes | undefined, revision: number): number;

  /**
   * One slice of a compaction to `revision`: from `from` on (undefined: from the first key), for about `maxKeys` keys and
   * dropped revisions. Each key keeps its newest revision <= `revision` and all after it; a tombstone that would be kept so
   * is dropped too, unless its main is `revision` itself. The index may change between slices, at revisions above `revision`.
   * What is dropped is exactly what etcd deletes from its `key` bucket.
   * Answers the key to go on from, or undefined when all keys were seen.
   */
  compact(revision: number, from: Bytes | undefined, maxKeys: number, dropped: DroppedVisitor): Bytes | undefined;

  /**
   * The revisions that a hash at `revision` must count although they are older than the compaction: etcd's `Keep`.
   * Visited in key order.
   */
  keep(revision: number, visit: (main: number, sub: number) => void): void;
}
