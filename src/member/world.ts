/** All that a member may ask of the outside. `io/` answers for real, `sim/` answers from a seed. */
import type { MemberId } from '../base/ids.js';
import type { ValueStore } from '../mvcc/value-store.js';
import type { Entry, HardState, Message, Snapshot } from '../wire/raftpb/types.js';

/** What one turn adds to the log: written in one go, entries first, then the hard state, then the snapshot record. */
export interface WalBatch {
  readonly entries: readonly Entry[];
  /** Undefined when unchanged. */
  readonly hardState: HardState | undefined;
  /** A snapshot whose position is to be recorded (its `.snap` file is written first). */
  readonly snapshot: Snapshot | undefined;
  /** False when only the commit index moved: then nothing has to reach the disk before it is acted on. */
  readonly mustSync: boolean;
}

export interface World {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Milliseconds since 1970, by a clock that may jump. */
  wallMs(): number;
  /** A whole number in [0, below). */
  random(below: number): number;
  /** Answered later by `member.persisted()`, once per call and in order. */
  persist(batch: WalBatch): void;
  /** May be lost, doubled, late: never awaited. */
  send(to: MemberId, message: Message): void;
  readonly values: ValueStore;
}
