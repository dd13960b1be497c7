/** Where a member's log and values are: on disk, or in memory for tests and throw-away members. */
import type { Bytes } from '../base/bytes.js';
import { check } from '../base/check.js';
import type { ClusterId, MemberId } from '../base/ids.js';
import { emptyLog, type RecoveredLog } from '../member/assembly.js';
import type { WalBatch } from '../member/world.js';
import type { LoadedCheckpoint } from '../mvcc/index/checkpoint.js';
import { MemoryValues } from '../mvcc/memory-values.js';
import type { Store } from '../mvcc/store.js';
import type { ValueStore } from '../mvcc/value-store.js';
import type { HardState, Snapshot } from '../wire/raftpb/types.js';

export interface Identity {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
}

/** A database that comes with a snapshot, kept piece by piece as it comes. Failures are told in one line. */
export interface DatabaseIntake {
  /** `written` when the next piece may come; after a failure nothing is kept. */
  write(piece: Bytes, written: (failed: string | undefined) => void): void;
  /** All has come. `kept` when it is durable under its name, `<index>.snap.db`. */
  finish(kept: (failed: string | undefined) => void): void;
  /** It will never be whole; not to be called while an answer is due. */
  abort(): void;
}

export interface Storage {
  /** Whose log it is. */
  readonly identity: Identity;
  readonly values: ValueStore;
  /** What the log held at start. Handed over once: the entries are the member's from then on, and go when it lets them go. */
  takeRecovered(): RecoveredLog;
  /** The key index as the last orderly stop kept it, if it still fits the values. */
  loadIndex(): LoadedCheckpoint | undefined;
  /** Keeps the key index for the next start. Nothing changes the store any more; its values are committed. */
  saveIndex(store: Store): Promise<void>;
  /** Writes to the log; `onPersisted` is told as batches become durable, in order. */
  append(batch: WalBatch): void;
  onPersisted(tell: (batches: number) => void): void;
  /** Keeps a `.snap` file; `done` when it is durable. */
  saveSnapshot(snapshot: Snapshot, done: () => void): void;
  /** Takes in the database of the snapshot at `index`, for `World.restore` to be made of. */
  receiveDatabase(index: number): DatabaseIntake;
  /** Puts the database received for the snapshot at `index` in the place of all values; see `World.restore`. */
  restore(index: number, done: () => void): void;
  /** Segments of the log that end at or before `index` are not needed any more. */
  release(index: number): void;
  /** Rewrites the values without what is no longer held, while they are read. `failed` says why, in one line. */
  defragment(done: (failed: string | undefined) => void): void;
  /** `hardState`: a commit index that was not worth a write of its own. */
  close(hardState: HardState | undefined): Promise<void>;
}

/** In memory a commit is durable as soon as this turn is over. */
class PromptValues extends MemoryValues {
  override commit(done: () => void): void {
    super.commit(done);
    setImmediate(() => this.finishCommits());
  }
}

/** Nobody sends a member in memory a database: it is, and stays, alone. */
function memoryIntake(): DatabaseIntake {
  const failed = 'a member in memory takes in no database';
  return {
    write: (_piece, written) => setImmediate(written, failed),
    finish: (kept) => setImmediate(kept, failed),
    abort() {},
  };
}

/** All in memory: durable at the end of the turn, gone with the process. */
export function memoryStorage(identity: Identity): Storage {
  let persisted: (batches: number) => void = () => {};
  let waiting = 0;
  const tell = () => {
    const batches = waiting;
    waiting = 0;
    persisted(batches);
  };
  return {
    identity,
    values: new PromptValues(),
    takeRecovered: () => emptyLog,
    loadIndex: () => undefined,
    saveIndex: async () => {},
    append() {
      if (waiting++ === 0) setImmediate(tell);
    },
    onPersisted(listener) {
      persisted = listener;
    },
    saveSnapshot: (_snapshot, done) => setImmediate(done),
    receiveDatabase: memoryIntake,
    restore: () => check(false, 'a member in memory is alone, so nobody sends it a snapshot'),
    release() {},
    defragment: (done) => setImmediate(done, undefined),
    close: async () => {},
  };
}
