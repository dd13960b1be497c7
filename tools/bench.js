/**
 * `npm run bench [-- --rounds N --seconds S --minutes M --only WORK,WORK --quick --cluster --million --out FILE]`
 *
 * Go etcd 3.7.1 (its `embed` package) and Quorate in turn on this machine, the same loads from two generators: Go's clientv3,
 * and our own client half. Prints one table with both columns and the ratio, and writes it as JSON. Needs Go.
 *
 * `--quick` shows in a minute and a half that everything runs; its figures mean little.
 * `--cluster` measures three members beside three instead of one beside one.
 * `--million` measures a million keys of 1 KB instead: see bench/million.js.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildGo } from '../bench/generators.js';
import { measureAll } from '../bench/measure.js';
import { measureMillion } from '../bench/million.js';
import { printTable } from '../bench/table.js';
import { clusterTargets, targets } from '../bench/targets.js';
import { build, install, root } from './run.js';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    minutes: { type: 'string', default: '7' },
    only: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
    cluster: { type: 'boolean', default: false },
    million: { type: 'boolean', default: false },
    out: { type: 'string' },
  },
});

install();
build();
buildGo();
const rows = await (options.million ? measureMillion({ quick: options.quick }) : measureTargets());
printTable(rows);
const table = options.million ? 'million' : options.cluster ? 'cluster' : 'bench';
const out = options.out ?? join(root, 'bench', 'out', `${table}.json`);
mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, `${JSON.stringify({ machine: machine(), options, rows }, null, 2)}\n`);
console.log(`written to ${out}`);
process.exit(rows.some((row) => row.failure !== undefined) ? 1 : 0);

function measureTargets() {
  const parts = options.only.split(',');
  return measureAll(
    (options.cluster ? clusterTargets : targets).filter(({ name }) => parts.some((part) => name.includes(part))),
    {
      rounds: options.quick ? 1 : Number(options.rounds),
      seconds: options.quick ? 1 : Number(options.seconds),
      // Three processes at once take longer until they have compiled what is hot.
      warmup: options.quick ? 0.5 : options.cluster ? 3 : 1,
      /** What a quick run divides all totals by. */
      shrink: options.quick ? 10 : 1,
      deadlineMs: Date.now() + Number(options.minutes) * 60_000,
      told: ({ name }, round, seconds) => console.log(`round ${round + 1}: ${name} (${seconds.toFixed(0)} s)`),
    },
  );
}

function machine() {
  const [processor] = cpus();
  return {
    processor: processor?.model ?? 'unknown',
    cores: cpus().length,
    loadBefore: loadavg()[2],
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    at: new Date().toISOString(),
  };
}
