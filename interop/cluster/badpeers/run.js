/**
 * `node interop/cluster/badpeers/run.js [--seed 1] [--only requests|messages|streams|snapshots|removed|starts] [--verbose]`
 *
 * The parts have clusters of their own and mostly wait: some run at once.
 */
import { parseArgs } from 'node:util';
import { buildSuite, end, play } from '../build.js';

const { values: options } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: 'starts,streams,snapshots,removed,requests,messages' },
    atOnce: { type: 'string', default: '3' },
    verbose: { type: 'boolean', default: false },
  },
});

const work = buildSuite('badpeers');
const parts = options.only.split(',');
let passed = 0;
let failed = 0;
async function playOn() {
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
    const flags = [`-seed=${options.seed}`, `-only=${part}`, `-ports=${27_100 + 130 * parts.length}`];
    if (options.verbose) flags.push('-verbose');
    if (await play(work, 'badpeers', part, flags)) passed++;
    else failed++;
  }
}
await Promise.all(Array.from({ length: Number(options.atOnce) }, playOn));
end(work, 'bad-peers', passed, failed);
