/**
 * `node tools/sim.js [--seeds N] [--seed S] [--every] [--call C --mode M] [--fault NAME]`: a member on a simulated machine
 * whose power fails, its clients, and the judge.
 *
 * `--every` crashes at every call of the disk, in every mode, for each seed. A broken rule ends the run with what shows it again.
 */
import { parseArgs } from 'node:util';
import { crashEverywhere, noTotals, simulate } from '../dist/sim/member-run.js';

const { values: options } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    every: { type: 'boolean', default: false },
    call: { type: 'string' },
    mode: { type: 'string' },
    fault: { type: 'string', default: 'none' },
  },
});
const first = Number(options.seed);
const totals = noTotals();
const begin = performance.now();
const only = options.call === undefined ? undefined : { call: Number(options.call), mode: options.mode ?? 'tear' };
const every = options.every || only !== undefined;
for (let seed = first; seed < first + Number(options.seeds); seed++) {
  try {
    if (every) crashEverywhere(seed, totals, options.fault, only);
    else simulate(seed, totals, options.fault);
  } catch (error) {
    console.error(error);
    console.error(`again: node tools/sim.js --seed ${seed}${every ? ' --every' : ''}`);
    process.exit(1);
  }
}
console.log(`${options.seeds} seeds, ${((performance.now() - begin) / 1000).toFixed(1)} s, every rule kept`, totals);
