/** `HashKV` of this member's store, in slices: for clients, for other members, and for the checks against them. */
import type { Chore, Chores } from '../base/chores.js';
import { HashKvJob } from '../mvcc/hash-job.js';
import type { Store } from '../mvcc/store.js';

/** What a slice of a hash reads: about 2 ms. */
export const hashSliceBytes = 1 << 20;

export type HashKvAnswer =
  | {
      readonly ok: true;
      readonly hash: number;
      /** -1 before the first compaction. */
      readonly compactRevision: number;
      /** The revision that was hashed. */
      readonly revision: number;
      /** The store's, when the hash was done. */
      readonly current: number;
      /** See `KvHash`. */
      readonly ofNothing?: boolean;
    }
  | { readonly ok: false; readonly error: 'compacted' | 'futureRevision' };

export interface KvHashing {
  /** 0: the newest revision. `done` comes in this turn or a later one. */
  hashKv(revision: number, done: (answer: HashKvAnswer) => void): void;
}

export function kvHashing(store: Store, chores: Chores, nowMs: () => number): KvHashing {
  const seconds = store.counters.hashRevSeconds;
  return {
    hashKv(revision, done) {
      const beganMs = nowMs();
      const timed = (answer: HashKvAnswer) => {
        seconds.observe((nowMs() - beganMs) / 1000);
        done(answer);
      };
      chores.wake(new HashKv(store, revision, timed));
    },
  };
}

class HashKv implements Chore {
  #job: HashKvJob;
  #begun = false;

  constructor(
    private readonly store: Store,
    private readonly revision: number,
    private readonly done: (answer: HashKvAnswer) => void,
  ) {
    this.#job = new HashKvJob(store);
  }

  step(): number {
    const { store } = this;
    if (!this.#begun || this.#job.lost) {
      this.#job = new HashKvJob(store);
      const error = this.#job.begin(this.revision);
      if (error === 'compacted' || error === 'futureRevision') return this.#end({ ok: false, error });
      this.#begun = true;
    }
    if (!this.#job.step(hashSliceBytes)) return 0;
    const { result } = this.#job;
    if (result === undefined) return 0;
    return this.#end({ ok: true, ...result, current: store.revision });
  }

  #end(answer: HashKvAnswer): number {
    this.done(answer);
    return Number.POSITIVE_INFINITY;
  }
}
