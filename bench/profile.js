/**
 * `node bench/profile.js [--work put] [--clients 100] [--connections 10] [--seconds 5] [--top 40] [--callers NAME]
 *      [--members 3 [--to leader|all]]`
 *
 * Where Quorate's main thread spends its time under a load of our own generator: microseconds a request, by function, each
 * with what it does itself (`self`) and with all that it calls (`whole`). `--callers` says who calls a function, instead.
 * Build first: `npm run build`.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startCluster } from './cluster.js';
import { generate } from './generators.js';

const { values: options } = parseArgs({
  options: {
    work: { type: 'string', default: 'put' },
    clients: { type: 'string', default: '100' },
    connections: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '5' },
    top: { type: 'string', default: '40' },
    callers: { type: 'string' },
    members: { type: 'string', default: '1' },
    to: { type: 'string', default: 'leader' },
  },
});

const { profiles, result } = await record();
for (const { name, profile } of profiles) {
  const times = selfTimes(profile);
  if (profiles.length > 1) console.log(`\n== ${name}`);
  if (options.callers === undefined) printFunctions(times, result);
  else printCallers(times, result, options.callers);
}

/** One member alone, or three that are a cluster: then the leader's profile and a follower's. */
async function record() {
  const dir = mkdtempSync(join(tmpdir(), 'quorate-profile-'));
  const folders = Array.from({ length: Number(options.members) }, (_, i) => join(dir, `profile${i}`));
  try {
    const cluster = await startCluster('quorate', {
      dir,
      count: folders.length,
      memberOptions: (i) => ({ nodeFlags: ['--cpu-prof', `--cpu-prof-dir=${folders[i]}`] }),
    });
    const leader = await cluster.leader();
    const server = options.to === 'leader' ? { endpoint: leader.endpoint, pid: cluster.pid } : cluster;
    const fill = { work: 'fill', clients: 200, connections: 20, total: 100_000 };
    if (options.work === 'get' || options.work === 'txn') await generate('own', server, fill);
    const { work, clients, connections, seconds } = options;
    const beganMicros = monotonicMicros();
    const result = await generate('own', server, { work, clients, connections, seconds });
    const endedMicros = monotonicMicros();
    await cluster.stop();
    // The generator's start and warm-up are not among its operations.
    const fromMicros = Math.max(beganMicros, endedMicros - result.seconds * 1e6);
    const profileOf = (member) => cut(busiest(folders[cluster.members.indexOf(member)]), fromMicros, endedMicros);
    const follower = cluster.members.find((member) => member !== leader);
    const shown = [{ name: 'leader', profile: profileOf(leader) }];
    if (follower !== undefined) shown.push({ name: 'a follower', profile: profileOf(follower) });
    return { profiles: shown, result };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Workers write files of their own; the main thread's is the one that was busiest. */
function busiest(folder) {
  const files = readdirSync(folder).filter((name) => name.endsWith('.cpuprofile'));
  const profiles = files.map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')));
  return profiles.sort((a, b) => busyMicros(b) - busyMicros(a))[0];
}

/** The clock that V8 stamps its samples with. */
function monotonicMicros() {
  return Number(process.hrtime.bigint() / 1000n);
}

/** Only the samples of one span of time. */
function cut(profile, from, to) {
  const samples = [];
  const timeDeltas = [];
  let at = profile.startTime;
  for (const [i, sample] of profile.samples.entries()) {
    at += profile.timeDeltas[i];
    if (at < from || at > to) continue;
    samples.push(sample);
    timeDeltas.push(profile.timeDeltas[i]);
  }
  return { ...profile, samples, timeDeltas };
}

/** [node, its microseconds, its callers outward] for each node of the call tree that was seen at work. */
function selfTimes({ nodes, samples, timeDeltas }) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node])));
  const micros = new Map();
  for (const [i, id] of samples.entries()) micros.set(id, (micros.get(id) ?? 0) + timeDeltas[i]);
  return [...micros].map(([id, spent]) => {
    const callers = [];
    for (let node = parents.get(id); node !== undefined; node = parents.get(node.id)) callers.push(nameOf(node));
    return { name: nameOf(byId.get(id)), spent, callers };
  });
}

function nameOf({ callFrame: { functionName, url, lineNumber } }) {
  const file = url.replace(/^.*\/dist\//, '').replace(/^file:.*\/node_modules\//, '');
  return `${functionName || '(anonymous)'}${url === '' ? '' : ` ${file}:${lineNumber + 1}`}`;
}

function busyMicros(profile) {
  return selfTimes(profile).reduce((sum, { name, spent }) => (name === '(idle)' ? sum : sum + spent), 0);
}

function printFunctions(times, { operations, rate, serverCpuMicrosPerOperation }) {
  const self = new Map();
  const whole = new Map();
  let busy = 0;
  for (const { name, spent, callers } of times) {
    if (name === '(idle)') continue;
    busy += spent;
    self.set(name, (self.get(name) ?? 0) + spent);
    for (const each of new Set([name, ...callers])) whole.set(each, (whole.get(each) ?? 0) + spent);
  }
  const per = (micros) => (micros / operations).toFixed(2).padStart(7);
  const all = `${serverCpuMicrosPerOperation.toFixed(2)} us of all threads`;
  console.log(`${options.work}: ${rate.toFixed(0)}/s, ${all}, of the main thread:\n   self   whole   (us a request)`);
  console.log(`${per(busy)} ${per(busy)}  all`);
  const ranked = [...self].sort((a, b) => b[1] - a[1]).slice(0, Number(options.top));
  for (const [name, spent] of ranked) console.log(`${per(spent)} ${per(whole.get(name))}  ${name}`);
}

function printCallers(times, { operations }, wanted) {
  const paths = new Map();
  for (const { name, spent, callers } of times) {
    if (!name.startsWith(wanted)) continue;
    const path = callers.slice(0, 5).join(' < ');
    paths.set(path, (paths.get(path) ?? 0) + spent);
  }
  for (const [path, spent] of [...paths].sort((a, b) => b[1] - a[1]).slice(0, 12)) {
    console.log(`${(spent / operations).toFixed(2).padStart(7)}  ${path}`);
  }
}
