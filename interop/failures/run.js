/**
 * `node interop/failures/run.js [--scenario NAME,NAME] [--rounds 2] [--kind quorate|etcd|both] [--seed 1] [--puts 2000] [--out FILE] [--keep]`
 *
 * Three real members that are killed, stopped and cut off while clients put, get and watch through all of them, and judged
 * after each round: no acknowledged write is lost, no linearizable read is stale, each watcher is told all of it once and
 * in order, all members end in one state, and soon.
 *
 * `--kind etcd` puts Go etcd to the same test: it shows that the test asks for no more than it may, and what is usual.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildGo } from '../../bench/generators.js';
import { Random } from '../../dist/base/random.js';
import { checkJudge } from './planted.js';
import { printReport } from './report.js';
import { playRound } from './round.js';
import { scenarios } from './scenarios.js';
import { Stage } from './stage.js';

const { values: options } = parseArgs({
  options: {
    scenario: { type: 'string', default: Object.keys(scenarios).join() },
    rounds: { type: 'string', default: '2' },
    kind: { type: 'string', default: 'quorate' },
    seed: { type: 'string', default: '1' },
    puts: { type: 'string', default: '2000' },
    out: { type: 'string' },
    keep: { type: 'boolean', default: false },
  },
});
const getsPerSecond = 500;
const problemsShown = 10;

checkJudge();
const names = options.scenario.split(',');
const unknown = names.filter((name) => scenarios[name] === undefined);
if (unknown.length > 0) throw new Error(`no scenario ${unknown.join()}; there are ${Object.keys(scenarios).join()}`);
const kinds = options.kind === 'both' ? ['etcd', 'quorate'] : [options.kind];
if (kinds.includes('etcd')) buildGo();

const random = new Random(Number(options.seed));
const work = mkdtempSync(join(tmpdir(), 'quorate-failures-'));
const results = [];
for (const name of names) for (const kind of kinds) results.push(...(await play(name, kind)));
printReport(results);
if (options.out !== undefined) {
  mkdirSync(dirname(options.out), { recursive: true });
  writeFileSync(options.out, `${JSON.stringify({ options, results }, null, 1)}\n`);
}
const failed = results.filter(({ problems }) => problems.length > 0).length;
if (failed === 0 && !options.keep) rmSync(work, { recursive: true, force: true });
else console.log(`data and logs are in ${work}`);
console.log(`failures: ${results.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

/** All rounds of a scenario on one cluster; a round that fails is followed by a new cluster. */
async function play(name, kind) {
  const scenario = scenarios[name];
  const played = [];
  let stage;
  let base;
  for (let round = 1; round <= Number(options.rounds); round++) {
    const result = { name, kind, round, problems: [], figures: {} };
    try {
      if (stage === undefined) {
        const dir = join(work, `${kind}-${name}-${round}`);
        const rates = { puts: Number(options.puts), gets: getsPerSecond };
        stage = await Stage.open({ kind, dir, random: random.fork(), rates, flags: scenario.flags ?? [] });
        base = { revision: 1, keys: new Map() };
        stage.watch(base.revision);
      }
      const { problems, figures, base: next } = await playRound(stage, scenario, base);
      Object.assign(result, { problems, figures });
      base = next;
    } catch (error) {
      result.problems.push(error.stack, ...(stage?.problems ?? []));
    }
    played.push(result);
    tell(result);
    if (result.problems.length === 0) continue;
    await stage?.close();
    stage = undefined;
  }
  await stage?.close();
  const { needs } = scenario;
  const had = needs === undefined || played.some(({ figures }) => figures[needs] > 0);
  if (!had) played.at(-1).problems.push(`no ${needs} in any round`);
  return played;
}

function tell({ name, kind, round, problems, figures }) {
  const shown = Object.entries(figures)
    .filter(([figure]) => figure !== 'healedMs')
    .map(([figure, value]) => `${figure} ${value.toFixed(0)}`);
  console.log(`${kind} ${name} ${round}: ${problems.length === 0 ? 'ok' : 'FAILED'}, ${shown.join(', ')}`);
  for (const problem of problems.slice(0, problemsShown)) console.log(`  ${problem}`);
  if (problems.length > problemsShown) console.log(`  and ${problems.length - problemsShown} more`);
}
