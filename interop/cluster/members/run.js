/**
 * `node interop/cluster/members/run.js [--verbose]`
 *
 * The same changes of members asked of three Go members and of three of ours: every answer, code and text is compared, and how
 * members end that were removed or were started wrongly.
 */
import { parseArgs } from 'node:util';
import { buildSuite, end, play } from '../build.js';

const { values: options } = parseArgs({ options: { verbose: { type: 'boolean', default: false } } });
const work = buildSuite('members');
const passed = await play(work, 'members', 'run', options.verbose ? ['-verbose'] : []);
end(work, 'members', passed ? 1 : 0, passed ? 0 : 1);
