/** What maintenance asks of an assembled member: sizes, hashes in slices, defragmentation. */
import type { Chore, Chores } from '../base/chores.js';
import type { Assembled } from '../member/assembly.js';
import { HashAllJob, HashKvJob } from '../mvcc/hash-job.js';
import type { HashKvAnswer, Keeper } from './maintenance.js';

/** What a slice of a hash reads: about 2 ms. */
const sliceBytes = 1 << 20;

export function keeperOf(
  assembled: Assembled,
  chores: Chores,
  defragment: (done: (failed: string | undefined) => void) => void,
): Keeper {
  const { member, members, store, storageVersion, alarms, options, checkpoints, counters } = assembled;
  const { disk, mvcc } = counters;
  const secondsSince = (beganMs: number) => (member.nowMs() - beganMs) / 1000;
  return {
    alarms,
    get raftIndex() {
      return member.committed;
    },
    get appliedIndex() {
      return member.applied;
    },
    quotaBytes: options.quotaBytes,
    get storageVersion() {
      return storageVersion.current;
    },
    get isLearner() {
      return members.member(options.memberId)?.isLearner === true;
    },
    get downgrade() {
      return members.downgrade;
    },
    sizeBytes: () => store.values.sizeBytes(),
    sizeInUseBytes: () => store.values.sizeInUseBytes(),
    defragment(done) {
      const beganMs = member.nowMs();
      disk.defragsRunning++;
      checkpoints.record();
      defragment((failed) => {
        disk.defragsRunning--;
        disk.defragSeconds.observe(secondsSince(beganMs));
        done(failed);
      });
    },
    hash(done) {
      const beganMs = member.nowMs();
      const job = new HashAllJob(store);
      chores.wake({
        step: () => {
          if (!job.step(sliceBytes)) return 0;
          mvcc.hashSeconds.observe(secondsSince(beganMs));
          done(job.hash);
          return Number.POSITIVE_INFINITY;
        },
      });
    },
    hashKv(revision, done) {
      const beganMs = member.nowMs();
      const timed = (answer: HashKvAnswer) => {
        mvcc.hashRevSeconds.observe(secondsSince(beganMs));
        done(answer);
      };
      chores.wake(new HashKv(assembled, revision, timed));
    },
  };
}

class HashKv implements Chore {
  #job: HashKvJob;
  #begun = false;

  constructor(
    private readonly assembled: Assembled,
    private readonly revision: number,
    private readonly done: (answer: HashKvAnswer) => void,
  ) {
    this.#job = new HashKvJob(assembled.store);
  }

  step(): number {
    const { store } = this.assembled;
    if (!this.#begun || this.#job.lost) {
      this.#job = new HashKvJob(store);
      const error = this.#job.begin(this.revision);
      if (error === 'compacted' || error === 'futureRevision') return this.#end({ ok: false, error });
      this.#begun = true;
    }
    if (!this.#job.step(sliceBytes)) return 0;
    const { result } = this.#job;
    if (result === undefined) return 0;
    const { hash, compactRevision, revision } = result;
    return this.#end({ ok: true, hash, compactRevision, revision, current: store.revision });
  }

  #end(answer: HashKvAnswer): number {
    this.done(answer);
    return Number.POSITIVE_INFINITY;
  }
}
