/**
 * `node interop/cluster/leases/run.js [--kinds quorate,quorate,quorate]`
 *
 * Leases on every member of a cluster, of ours alone and of both kinds with either leading: renewed and asked about at followers, ended
 * by the leader alone and never early, extended when it is killed or hangs; the peer port's answers about leases and hashes, beside Go's; and a member that was spoiled, found out.
 */

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildSuite, end, play } from '../build.js';

const { values: options } = parseArgs({ options: { kinds: { type: 'string', default: '' } } });
const clusters =
  options.kinds === '' ? ['quorate,quorate,quorate', 'go,quorate,quorate', 'go,go,quorate'] : [options.kinds];
const spoiler = fileURLToPath(new URL('./spoil.js', import.meta.url));
const work = buildSuite('leases');
// They mostly wait.
const ended = await Promise.all(
  clusters.map((kinds, i) => {
    const flags = [`-kinds=${kinds}`, `-spoiler=${spoiler}`, `-ports=${27_100 + 250 * i}`];
    return play(work, 'leases', kinds.replaceAll(',', '-'), flags, (line) => console.log(`${kinds}  ${line}`));
  }),
);
const passed = ended.filter(Boolean).length;
end(work, 'leases', passed, clusters.length - passed);
