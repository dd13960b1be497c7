/** What maintenance asks of an assembled member: sizes, hashes in slices, defragmentation. */
import type { Chores } from '../base/chores.js';
import type { Assembled } from '../member/assembly.js';
import { hashSliceBytes, kvHashing } from '../member/kv-hashing.js';
import { HashAllJob } from '../mvcc/hash-job.js';
import type { Keeper } from './maintenance.js';

export function keeperOf(
  assembled: Assembled,
  chores: Chores,
  defragment: (done: (failed: string | undefined) => void) => void,
): Keeper {
  const { member, members, events, store, storageVersion, alarms, options, checkpoints, counters } = assembled;
  const { disk, mvcc } = counters;
  const secondsSince = (beganMs: number) => (member.nowMs() - beganMs) / 1000;
  return {
    ...kvHashing(store, chores, () => member.nowMs()),
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
      return events.isLearner;
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
          if (!job.step(hashSliceBytes)) return 0;
          mvcc.hashSeconds.observe(secondsSince(beganMs));
          done(job.hash);
          return Number.POSITIVE_INFINITY;
        },
      });
    },
  };
}
