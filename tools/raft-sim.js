/**
 * `node tools/raft-sim.js [STEPS [FIRST_SEED [STEPS_A_SEED]]]`: raft clusters under every kind of trouble, judged at each step.
 * 20000000 is a night's run. A broken rule ends it with the seed: `node tools/raft-sim.js 5000 SEED 5000` shows it again.
 */
import { runRaft } from '../dist/sim/raft-cluster.js';

const steps = Number(process.argv[2] ?? 500_000);
const first = Number(process.argv[3] ?? 1);
const each = Number(process.argv[4] ?? 5000);
const totals = {};
const begin = Date.now();
let seed = first;
for (let done = 0; done < steps; done += each, seed++) {
  try {
    const counts = runRaft(seed, each);
    for (const [name, count] of Object.entries(counts)) totals[name] = (totals[name] ?? 0) + count;
  } catch (error) {
    console.error(error);
    console.error(`again: node tools/raft-sim.js ${each} ${seed} ${each}`);
    process.exit(1);
  }
}
console.log(
  `${seed - first} clusters, ${steps} steps, ${((Date.now() - begin) / 1000).toFixed(1)} s, every rule kept`,
  totals,
);
