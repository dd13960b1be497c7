/** All that a member may ask of the outside. `io/` answers for real, `sim/` answers from a seed. */
import type { MemberId } from '../base/ids.js';
import type { ValueStore } from '../mvcc/value-store.js';
import type { Message, Snapshot } from '../wire/raftpb/types.js';
import type { WalBatch } from '../wire/wal/batch.js';
import type { DatabaseDump } from './database-dump.js';
import type { Peers } from './peers.js';

export type { WalBatch };

export interface World {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Milliseconds since 1970, by a clock that may jump. */
  wallMs(): number;
  /** A whole number in [0, below). */
  random(below: number): number;
  /** Answered later by `member.persisted()`, once per call and in order. */
  persist(batch: WalBatch): void;
  /** Keeps a snapshot's file; `done` comes in a turn of its own, when it is durable. Only then may the log record its position. */
  saveSnapshot(snapshot: Snapshot, done: () => void): void;
  /** Log entries up to `index` will not be read again: what is older than them may go. */
  release(index: number): void;
  /** May be lost, doubled, late: never awaited. */
  send(to: MemberId, message: Message): void;
  /**
   * Sends a snapshot message together with the database it stands for, pulled as the connection takes it, and closes `dump`.
   * `done` says, in a turn of its own, whether all of it arrived.
   */
  sendSnapshot(to: MemberId, message: Message, dump: DatabaseDump, done: (arrived: boolean) => void): void;
  /**
   * Replaces all values and records by those of the database received with the snapshot at `index`. Whole or not at all; a crash on
   * the way is made good at the next start. `done` comes in a turn of its own, when it is durable; until then nothing but its sizes is asked of
   * `values`, and no commit of a member's is under way in it.
   */
  restore(index: number, done: () => void): void;
  readonly peers: Peers;
  readonly values: ValueStore;
}
