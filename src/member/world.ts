/** All that a member may ask of the outside. `io/` answers for real, `sim/` answers from a seed. */
import type { MemberId } from '../base/ids.js';
import type { ValueStore } from '../mvcc/value-store.js';
import type { Message, Snapshot } from '../wire/raftpb/types.js';
import type { WalBatch } from '../wire/wal/batch.js';

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
  readonly values: ValueStore;
}
