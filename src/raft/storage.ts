/**
 * What raft reads back from stable storage.
 *
 * The log there is [firstIndex, lastIndex], preceded by a snapshot whose index is firstIndex - 1 or more.
 * Raft never writes: `Ready` says what to write, and the application does it.
 */
import type { ConfState, Entry, HardState, Snapshot } from '../wire/raftpb/types.js';

/** `compacted`: older than the log's beginning. `unavailable`: beyond its end. */
export type Unreadable = 'compacted' | 'unavailable';

export interface Storage {
  /** `hardState` is undefined where none was ever saved. */
  initialState(): { readonly hardState: HardState | undefined; readonly confState: ConfState };
  /** Entries in [low, high), cut to `maxBytes` encoded bytes but never to none. The caller may keep the array, not change it. */
  entries(low: number, high: number, maxBytes: number): readonly Entry[] | Unreadable;
  /** Known for [firstIndex - 1, lastIndex]: the entry before the first is compacted, but its term is kept for matching. */
  term(index: number): number | Unreadable;
  firstIndex(): number;
  lastIndex(): number;
  /** The newest snapshot; `undefined` while one is being prepared: raft asks again later. */
  snapshot(): Snapshot | undefined;
}
