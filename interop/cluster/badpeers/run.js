/** `node interop/cluster/badpeers/run.js [--seed 1] [--only requests|messages|streams|snapshots|removed|starts] [--verbose]` */
import { parseArgs } from 'node:util';
import { buildSuite, end, play } from '../build.js';

const { values: options } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    verbose: { type: 'boolean', default: false },
  },
});

const work = buildSuite('badpeers');
const flags = [`-seed=${options.seed}`, `-only=${options.only}`];
if (options.verbose) flags.push('-verbose');
const passed = await play(work, 'badpeers', 'run', flags);
end(work, 'bad-peers', passed ? 1 : 0, passed ? 0 : 1);
