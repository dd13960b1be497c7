/**
 * `node interop/cluster/migrate/run.js [--path go,quorate,go] [--seed 1] [--rounds 1] [--verbose]`: a cluster of the first kind
 * becomes one of the next, member by member, under load.
 */
import { parseArgs } from 'node:util';
import { buildSuite, end, play } from '../build.js';

const { values: options } = parseArgs({
  options: {
    path: { type: 'string', default: 'go,quorate,go' },
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
  },
});

const work = buildSuite('migrate');
let passed = 0;
let failed = 0;
for (let round = 0; round < Number(options.rounds); round++) {
  const seed = Number(options.seed) + round;
  const flags = [`-path=${options.path}`, `-seed=${seed}`];
  if (options.verbose) flags.push('-verbose');
  if (await play(work, 'migrate', `run-${seed}`, flags)) passed++;
  else failed++;
}
end(work, 'migrate', passed, failed);
