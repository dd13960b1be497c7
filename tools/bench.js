/**
 * `npm run bench [-- --rounds N --seconds S --only WORK,WORK --out FILE]`
 *
 * Go etcd 3.7.1 (its `embed` package) and Quorate in turn on this machine, the same loads from two generators: Go's clientv3,
 * and our own client half. Prints one table with both columns and the ratio, and writes it as JSON. Needs Go.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildGo, measure, targets } from '../bench/bench.js';
import { build, install, root } from './run.js';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    only: { type: 'string', default: '' },
    out: { type: 'string', default: join(root, 'bench', 'out', 'bench.json') },
  },
});

install();
build();
buildGo();
const wanted = targets.filter(
  ({ name }) => options.only === '' || options.only.split(',').some((part) => name.includes(part)),
);
const rows = [];
for (const target of wanted) {
  const row = await measure(target, Number(options.rounds), Number(options.seconds));
  rows.push(...row);
  for (const line of row) console.log(format(line));
}

console.log(`\n${heading()}`);
for (const row of rows) console.log(format(row));
mkdirSync(dirname(options.out), { recursive: true });
writeFileSync(options.out, `${JSON.stringify({ machine: machine(), rows }, null, 2)}\n`);
console.log(`\nwritten to ${options.out}`);

function heading() {
  const titles = `${'work'.padEnd(44)} ${'generator'.padEnd(9)} ${'figure'.padEnd(16)}`;
  return `${titles} ${'Go etcd'.padStart(10)} ${'Quorate'.padStart(10)} ${'ratio'.padStart(7)} ${'target'.padStart(8)}\n${'-'.repeat(110)}`;
}

function format({ work, generator, figure, etcd, quorate, ratio, target, met }) {
  const show = (value) => (value >= 100 ? value.toFixed(0) : value.toFixed(2)).padStart(10);
  const wish =
    target === undefined ? '' : `${target.atLeast === undefined ? '<=' : '>='} ${target.atLeast ?? target.atMost}`;
  const named = `${work.padEnd(44)} ${generator.padEnd(9)} ${figure.padEnd(16)}`;
  return `${named} ${show(etcd)} ${show(quorate)} ${ratio.toFixed(2).padStart(7)} ${wish.padStart(8)} ${target === undefined ? '' : met ? 'met' : 'MISSED'}`;
}

function machine() {
  return { node: process.version, platform: `${process.platform}-${process.arch}`, at: new Date().toISOString() };
}
