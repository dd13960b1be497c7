/** `node tools/values-speed.js [VALUE_BYTES] [VALUES] [FOLDER]`: what the value store costs: time, processor, disk and memory. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { openStoredValues } from '../dist/io/values/stored-values.js';

const valueBytes = Number(process.argv[2] ?? 1000);
const count = Number(process.argv[3] ?? 1_000_000);
const folder = process.argv[4] ?? mkdtempSync(join(tmpdir(), 'quorate-values-speed-'));
const batch = 10_000;

const memory = () =>
  readFileSync('/proc/self/status', 'utf8')
    .match(/Rss(Anon|File):\s+\d+/g)
    .map((line) => line.replace(/\s+/, ' '))
    .join(', ');
const open = () =>
  openStoredValues(folder, {
    onFatal: (error) => {
      console.error(error);
      process.exit(1);
    },
  });
const committed = (store) => new Promise((resolve) => store.commit(resolve));
function time(name, times, body) {
  const start = performance.now();
  body();
  console.log(`${name.padEnd(16)} ${(((performance.now() - start) * 1e3) / times).toFixed(2)} us; ${memory()} kB`);
}

let store = open();
const value = new Uint8Array(valueBytes).fill(7);
const before = process.cpuUsage();
let threadMs = 0;
for (let main = 2; main < count + 2; ) {
  const start = performance.now();
  for (let row = 0; row < batch && main < count + 2; row++) store.append(main++, 0, false, value);
  const ended = committed(store);
  threadMs += performance.now() - start;
  await ended;
}
const { user, system } = process.cpuUsage(before);
console.log(`put              ${((threadMs * 1e3) / count).toFixed(2)} us on the main thread`);
console.log(`                 ${(user / count).toFixed(2)} us user, ${(system / count).toFixed(2)} us system in all`);
console.log(`on disk          ${(store.sizeBytes() / 1e6).toFixed(0)} MB; ${memory()} kB`);
await store.close();

const start = performance.now();
store = open();
console.log(`open             ${(performance.now() - start).toFixed(1)} ms`);
time('scan', count, () => store.scan(0, 0, Number.MAX_SAFE_INTEGER, () => true));
const gets = Math.min(count, 300_000);
const getEach = (revision) => () => {
  for (let i = 0; i < gets; i++) store.get(revision(i), 0);
};
time(
  'get in order',
  gets,
  getEach((i) => i + 2),
);
time(
  'get at random',
  gets,
  getEach(() => 2 + Math.floor(Math.random() * count)),
);
time(
  'get of 20,000',
  gets,
  getEach(() => 2 + Math.floor(Math.random() * Math.min(count, 20_000))),
);
time('drop', count / 2, () => {
  for (let main = 2; main < count + 2; main += 2) store.drop(main, 0, false);
});
await committed(store);
const defragmentStart = performance.now();
await new Promise((resolve) => store.defragment(resolve));
console.log(
  `defragment       ${(performance.now() - defragmentStart).toFixed(0)} ms, now ${(store.sizeBytes() / 1e6).toFixed(0)} MB`,
);
await store.close();
rmSync(folder, { recursive: true });
