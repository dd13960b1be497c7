/**
 * `node interop/floods/run.js [NAME...]`: each known flood against the real server, while well-behaved clients are served.
 *
 *     quiet, the same attack on a decoy, attack, quiet, ... -> rest
 *
 * Asked of each flood: the attacker's connections end, with the right error (or are held within bounds, where that is
 * right: see `floods.js`); the other clients' p99, the median over the windows, stays within three times that of the
 * windows between; nobody else's call fails; and the server's memory returns to where it was.
 *
 * Attacker, clients and server share this machine's cores. What the attacker takes of them by itself is seen in the windows in
 * which the same flood goes to a decoy: the server is charged for the rest.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, startServer } from '../../bench/servers.js';
import { getOnce } from '../../dist/client/load/get-once.js';
import { root } from '../../tools/run.js';
import { Attacker } from './attacker.js';
import { floods } from './floods.js';
import { Memory } from './memory.js';
import { SteadyLoad } from './steady-load.js';

const windowMs = 250;
/** Windows of each kind; where the verdict is against the server, the machine's noise is given more to cancel out. */
const roundsMin = 5;
const roundsMax = 12;
const timesMax = 3;
const triesMax = 3;
const restMs = 3_000;
/** A p99 below this is good whatever it was before. */
const floorMs = 5;
/** What all connections of a flood that is held may take. */
const heldMiBMax = 64;
/** The server's patience is ten seconds. */
const patienceMs = 11_500;

const wanted = process.argv.slice(2);
const dir = mkdtempSync(join(tmpdir(), 'quorate-floods-'));
const port = await freePort();
const server = await startServer('quorate', {
  dir,
  port,
  peerPort: await freePort(),
  ready: (at) => getOnce('127.0.0.1', at),
});
const decoy = fork(join(root, 'interop', 'floods', 'decoy.js'));
const [decoyPort] = await once(decoy, 'message');
const load = await SteadyLoad.connect(port);
await load.warm(1_500);
await load.window(500);
let passed = 0;
let failed = 0;
// The first attack ever makes a young heap as large as it is from then on, and is not judged.
await quickFlood(Object.keys(floods.quick)[0]);
const isWanted = (name) => wanted.length === 0 || wanted.includes(name);
for (const name of Object.keys(floods.quick).filter(isWanted)) verdict(name, await patientFlood(name));
const slow = Object.keys(floods.slow).filter(isWanted);
if (slow.length > 0) await slowFloods(slow);
load.close();
decoy.disconnect();
await server.stop();
rmSync(dir, { recursive: true, force: true });
console.log(`floods: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

/** A machine that was busy with something else for a while is given time to end it: what is the server's fault shows again. */
async function patientFlood(name) {
  for (let tries = 1; ; tries++) {
    const found = await quickFlood(name);
    const slow = isSlow(found.quiet, found.decoyed, found.disturbed);
    if (!slow || found.problems.length > 1 || tries === triesMax) return found;
    console.log(`       ${name}: others were slow; once more after a rest`);
    await load.window(restMs);
  }
}

async function quickFlood(name) {
  const flood = floods.quick[name];
  const attacker = await Attacker.start(port, 'quick', name);
  const elsewhere = await Attacker.start(decoyPort, 'quick', name);
  const memory = new Memory(server.pid);
  const quiet = [];
  const decoyed = [];
  const disturbed = [];
  do {
    quiet.push(await load.window(windowMs));
    elsewhere.tell('attack');
    decoyed.push(await load.window(windowMs));
    await elsewhere.rest();
    attacker.tell('attack');
    disturbed.push(await load.window(windowMs));
    memory.look();
    await attacker.rest();
  } while (disturbed.length < roundsMin || (isSlow(quiet, decoyed, disturbed) && disturbed.length < roundsMax));
  const report = await attacker.end();
  await elsewhere.end();
  return {
    problems: [...endProblems(flood, report), ...(await problems(quiet, decoyed, disturbed, memory, flood))],
    quiet,
    decoyed,
    disturbed,
    memory,
    report,
  };
}

/** All at once, for each needs the server's whole patience. */
async function slowFloods(names) {
  const attackers = await Promise.all(names.map((name) => Attacker.start(port, 'slow', name)));
  const memory = new Memory(server.pid);
  const quiet = [];
  const disturbed = [];
  for (let i = 0; i < roundsMin; i++) quiet.push(await load.window(windowMs));
  for (const attacker of attackers) attacker.tell('attack');
  for (const sinceMs = Date.now(); Date.now() - sinceMs < patienceMs; memory.look())
    disturbed.push(await load.window(windowMs));
  const reports = await Promise.all(attackers.map((attacker) => attacker.end()));
  await sleep(200);
  for (let i = 0; i < roundsMin; i++) quiet.push(await load.window(windowMs));
  const shared = await problems(quiet, quiet, disturbed, memory, { holds: true });
  for (const [i, name] of names.entries()) {
    const flood = floods.slow[name];
    const own = endProblems(flood, reports[i]);
    if (!flood.holds && reports[i].open > 0) own.push(`${reports[i].open} connections are still open`);
    if (flood.holds && reports[i].open !== flood.connections) own.push(`only ${reports[i].open} connections are held`);
    verdict(name, { problems: [...own, ...shared], quiet, decoyed: quiet, disturbed, memory, report: reports[i] });
  }
}

/** What is wrong with how the attacker was answered. */
function endProblems({ ends, says, holds }, report) {
  const found = [];
  const others = report.ends.filter(([how]) => how !== ends);
  if (!holds && others.length === report.ends.length) found.push(`no connection was ended with ${ends}`);
  for (const [how, times] of others) found.push(`${times} connections ended with ${how}`);
  if (says !== undefined && !report.said.includes(says)) found.push(`never said: ${says}`);
  return found;
}

/** What is wrong for everybody else. */
async function problems(quiet, decoyed, disturbed, memory, { holds }) {
  const found = load.errors
    .splice(0)
    .map((text) => `a call failed: ${text}`)
    .slice(0, 3);
  if (isSlow(quiet, decoyed, disturbed)) found.push('the p99 of others is more than three times as long');
  if (holds && memory.takenMiB > heldMiBMax) found.push('the connections hold too much memory');
  if (!(await memory.returns())) found.push('the memory does not return');
  return found;
}

function isSlow(quiet, decoyed, disturbed) {
  return median(disturbed) > Math.max(timesMax * median(quiet), timesMax * median(decoyed), floorMs);
}

function verdict(name, { problems: found, quiet, decoyed, disturbed, memory, report }) {
  if (found.length === 0) passed++;
  else failed++;
  const ends = report.ends.map(([how, times]) => `${times} x ${how}`).join(', ') || `${report.open} held`;
  const [before, elsewhere, during] = [quiet, decoyed, disturbed].map((windows) => median(windows).toFixed(1));
  const p99 = `p99 ${before} -> ${during} ms, of a decoy's flood ${elsewhere} (${disturbed.length} windows)`;
  console.log(`${found.length === 0 ? 'ok    ' : 'FAILED'} ${name}: ${ends}; ${p99}; ${memory}`);
  for (const problem of found) console.log(`       ${problem}`);
}

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
}
