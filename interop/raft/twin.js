/**
 * `node interop/raft/twin.js [STREAMS [STEPS [FIRST]]]`: the same seeded streams through Go's go.etcd.io/raft/v3 and through
 * Quorate's library. Every ready, every refusal and every status goes into a hash; a stream whose hashes differ is run again
 * and shown at the first line that differs. Its seed is kept in `failed-seeds` beside this file.
 * `SEED` alone after `--seed` runs that one.
 */
import { execFileSync, spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { World } from './world.js';

const here = dirname(fileURLToPath(import.meta.url));
const single = process.argv[2] === '--seed';
const numbers = process.argv.slice(single ? 3 : 2).map(Number);
const [streams, steps, first] = single
  ? [1, numbers[1] ?? 500, numbers[0]]
  : [numbers[0] ?? 10_000, numbers[1] ?? 500, numbers[2] ?? 1];

const binary = join(mkdtempSync(join(tmpdir(), 'raft-twin-')), 'twin');
execFileSync('go', ['build', '-o', binary, '.'], { cwd: here, stdio: 'inherit' });

const go = spawn(binary, [String(first), String(first + streams - 1), String(steps)], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const differing = [];
let panics = 0;
const begin = Date.now();
for await (const line of createInterface({ input: go.stdout })) {
  const [seed, hash, panicked] = line.split(' ');
  const world = new World(Number(seed));
  world.run(steps);
  if (panicked === 'true') panics++;
  if (world.hash.toString(16).padStart(8, '0') !== hash) differing.push(Number(seed));
  if (differing.length >= 3) break;
}
go.kill();

for (const seed of differing) {
  appendFileSync(join(here, 'failed-seeds'), `${seed} ${steps}\n`);
  show(seed);
}
if (differing.length === 0)
  console.log(
    `${streams} streams of ${steps} steps are equal (${panics} ended in a refusal to go on, on both sides), ${Math.round((Date.now() - begin) / 1000)} s`,
  );
else process.exitCode = 1;

function show(seed) {
  const theirs = execFileSync(binary, [String(seed), String(seed), String(steps), 'show'], { maxBuffer: 1 << 28 })
    .toString()
    .split('\n');
  const ours = [];
  const world = new World(seed, (text) => ours.push(...text.split('\n')));
  world.run(steps);
  const at = ours.findIndex((line, i) => line !== theirs[i]);
  console.log(`seed ${seed} differs at line ${at}: node interop/raft/twin.js --seed ${seed} ${steps}`);
  console.log(
    theirs
      .slice(Math.max(0, at - 12), at)
      .map((line) => `    ${line}`)
      .join('\n'),
  );
  console.log(`go  ${theirs[at]}\nts  ${ours[at]}`);
  if (world.why !== undefined) console.log(world.why);
}
