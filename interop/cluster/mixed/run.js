/**
 * `node interop/cluster/mixed/run.js [--seconds S] [--seed 1] [--go 2,1,0] [--rounds 1] [--verbose]`
 *
 * Clusters of three with so many members of Go, the others ours. Those of one kind alone are there for comparison: unless told
 * otherwise they play every scene once.
 */
import { parseArgs } from 'node:util';
import { buildSuite, end, play } from '../build.js';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    go: { type: 'string', default: '2,1,0' },
    rounds: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
  },
});

const [mixedSeconds, aloneSeconds] = [60, 8];

const work = buildSuite('mixed');
let passed = 0;
let failed = 0;
for (let round = 0; round < Number(options.rounds); round++) {
  for (const go of options.go.split(',')) {
    const seed = Number(options.seed) + round;
    const isMixed = go === '1' || go === '2';
    const seconds = options.seconds ?? (isMixed ? mixedSeconds : aloneSeconds);
    const flags = [`-go=${go}`, `-seed=${seed}`, `-seconds=${seconds}`];
    if (options.verbose) flags.push('-verbose');
    if (await play(work, 'mixed', `${go}-${seed}`, flags)) passed++;
    else failed++;
  }
}
end(work, 'mixed', passed, failed);
