import type { Entry, HardState, Snapshot } from '../raftpb/types.js';

/** What one turn adds to the log: written in one go, the snapshot record first, then the entries, then the hard state. */
export interface WalBatch {
  readonly entries: readonly Entry[];
  /** Undefined when unchanged. */
  readonly hardState: HardState | undefined;
  /**
   * A snapshot whose position is to be recorded (its `.snap` file is written first). It stands before the hard state, as in etcd:
   * a commit index that reaches the disk without the snapshot that it rests on would be a log that cannot be loaded.
   */
  readonly snapshot: Snapshot | undefined;
  /** False when only the commit index moved: then nothing has to reach the disk before it is acted on. */
  readonly mustSync: boolean;
}
