/**
 * A member, or a cluster of members, on simulated machines, its clients, and the judge.
 *
 *     node tools/sim.js [--seeds N] [--seed S] [--every] [--call C --mode M] [--fault NAME]
 *     node tools/sim.js cluster [--seeds N] [--seed S] [--seconds T] [--night] [--fault NAME] [--planted]
 *
 * Alone, a member's power fails; `--every` crashes at every call of the disk, in every mode, for each seed. In a cluster everything
 * goes wrong that may, for `--seconds` of simulated time; `--night` goes on until it is stopped; `--planted` looks first how soon the
 * judge sees each planted fault. A broken rule ends the run with what shows it again.
 */
import { parseArgs } from 'node:util';
import { clusterFaults } from '../dist/sim/cluster-faults.js';
import { noClusterTotals, seedThatShows, simulateCluster } from '../dist/sim/cluster-run.js';
import { crashEverywhere, noTotals, simulate } from '../dist/sim/member-run.js';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    every: { type: 'boolean', default: false },
    call: { type: 'string' },
    mode: { type: 'string' },
    fault: { type: 'string', default: 'none' },
    seconds: { type: 'string', default: '60' },
    night: { type: 'boolean', default: false },
    planted: { type: 'boolean', default: false },
  },
});
const isCluster = positionals[0] === 'cluster';
const first = Number(options.seed);
const last = options.night ? Number.POSITIVE_INFINITY : first + Number(options.seeds) - 1;
const totals = isCluster ? noClusterTotals() : noTotals();
const begin = performance.now();
const only = options.call === undefined ? undefined : { call: Number(options.call), mode: options.mode ?? 'tear' };
const every = options.every || only !== undefined;
const plantedSeedsMax = 60;
const again = isCluster ? 'cluster ' : '';

function run(seed) {
  if (isCluster) simulateCluster(seed, totals, options.fault, Number(options.seconds) * 1000);
  else if (every) crashEverywhere(seed, totals, options.fault, only);
  else simulate(seed, totals, options.fault);
}

function report(seeds) {
  const seconds = (performance.now() - begin) / 1000;
  console.log(`${seeds} seeds, ${seconds.toFixed(1)} s, every rule kept`, totals);
  if (isCluster) console.log(`${(totals.simulatedSeconds / seconds).toFixed(0)} simulated seconds a second`);
}

if (options.planted) {
  for (const fault of clusterFaults) {
    const seed = seedThatShows(fault, plantedSeedsMax);
    if (seed === undefined) {
      console.error(`${fault} is not seen in ${plantedSeedsMax} runs`);
      process.exit(1);
    }
    console.log(`${fault} is seen by seed ${seed}`);
  }
}

for (let seed = first; seed <= last; seed++) {
  try {
    run(seed);
  } catch (error) {
    console.error(error);
    console.error(`again: node tools/sim.js ${again}--seed ${seed}${every ? ' --every' : ''}`);
    process.exit(1);
  }
  if (options.night && (seed - first) % 100 === 99) report(seed - first + 1);
}
report(last - first + 1);
