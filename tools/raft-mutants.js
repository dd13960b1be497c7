/**
 * `node tools/raft-mutants.js [NAME...]`: plants faults in raft, one at a time, in a copy of `dist`, and sees that each is caught:
 * by the simulation, else by the tests, else by the twin with Go's library (if there is a Go). A fault that nobody catches within
 * a minute fails the run: then a proof is missing. A fault whose place is no longer found fails it too, and so does a proof that already
 * fails with no fault planted: it would seem to catch whatever comes.
 */
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './run.js';

/** [what is broken, file, right, wrong] */
const faults = [
  ['votes twice in a term', 'election', 'raft.vote === noMember && raft.lead === noMember', 'raft.lead === noMember'],
  [
    'votes for a log that is behind',
    'election',
    'mayVote && log.isUpToDate(request.index, request.logTerm)',
    'mayVote',
  ],
  ['keeps its vote into the next term', 'raft', 'this.vote = noMember;\n        }', '}'],
  [
    'votes before the vote is stored',
    'raft',
    'this.messagesAfterAppend.push(message)',
    '(message.type === messageType.voteResp && message.to !== this.id ? this.messages : this.messagesAfterAppend).push(message)',
  ],
  [
    'acknowledges before the entries are stored',
    'raft',
    'this.messagesAfterAppend.push(message)',
    '(message.type === messageType.appResp && message.to !== this.id ? this.messages : this.messagesAfterAppend).push(message)',
  ],
  ['commits an entry of an old term by counting', 'log', '|| term === 0 || !this.matches(index, term)', ''],
  [
    'counts learners as voters',
    'tracker',
    'this.#incoming = list(voters)',
    'this.#incoming = list([...voters, ...learners])',
  ],
  ['commits by half of the voters', 'quorum/majority', '(count - 1) >> 1', 'count >> 1'],
  [
    'commits by the incoming voters alone',
    'quorum/joint',
    'Math.min(majority.committedIndex(incoming), majority.committedIndex(outgoing))',
    'majority.committedIndex(incoming)',
  ],
  [
    'elects by the incoming voters alone',
    'quorum/joint',
    'const second = majority.voteResult(outgoing)',
    'const second = first',
  ],
  ['changes two voters at once', 'conf-change', 'added + removed > 1', 'added + removed > 2'],
  [
    'takes a change while another is not applied',
    'leader',
    'raft.pendingConfIndex > raft.log.applied',
    'raft.pendingConfIndex < 0',
  ],
  [
    'campaigns with a change not yet applied',
    'election',
    'if (page.some(({ type }) => type !== entryType.normal))\n            return true;',
    '',
  ],
  [
    'hands out entries to be applied twice',
    'log',
    'this.applying = index;',
    'this.applying = Math.max(this.applying, index - 1);',
  ],
  [
    'leaves a joint configuration without its new learners',
    'conf-change',
    '[...from.learners, ...from.learnersNext]',
    '[...from.learners]',
  ],
  [
    'tells a follower to commit what may not match',
    'replication',
    'Math.min(progress.match, raft.log.committed)',
    'raft.log.committed',
  ],
  [
    'commits beyond what an append vouches for',
    'log',
    'this.commitTo(Math.min(leaderCommit, last))',
    'this.commitTo(Math.min(leaderCommit, this.lastIndex()))',
  ],
  [
    'keeps conflicting entries',
    'log',
    'if (this.matches(entry.index, entry.term))\n                continue;',
    'if (entry.index <= this.lastIndex()) continue;',
  ],
  [
    'accepts an append that does not match before',
    'log',
    'if (!this.matches(index, term))\n            return undefined;',
    '',
  ],
  [
    'takes late word from the disk for the truth',
    'step',
    'if (message.index !== 0) {',
    'if (message.index !== 0) { raft.log.unstable.stableTo(message.index, message.logTerm);',
  ],
  ['answers reads without asking', 'reading', "raft.config.readOnly === 'leaseBased' ||", 'true ||'],
  [
    'answers reads before its first commit',
    'reading',
    'if (!raft.committedInTerm) {\n        // More',
    'if (false) {\n        // More',
  ],
  ['takes itself for another only voter', 'tracker', '&& this.#incoming[0]?.id === id', ''],
  [
    'confirms reads by answers to older rounds',
    'read-only',
    'Math.max(position, this.#acked.get(from) ?? 0)',
    'this.#confirmed + this.#waiting.length',
  ],
  ['leads on by lease without a quorum', 'leader', 'if (raft.config.checkQuorum)\n            checkQuorum(raft);', ''],
  [
    'lets itself be unseated while it hears its leader',
    'step',
    'asksVote && !isTransfer(message) && hearsLeader(raft)',
    'false',
  ],
  ['raises the term for a pre-vote', 'step', 'type === messageType.preVote ||', 'false ||'],
  ['forgets to empty the window', 'progress', 'this.inflights.clear();', ''],
  ['never frees the window', 'leader', 'from.inflights.freeTo(index)', 'undefined'],
  ['sends on into a full window', 'replication', "to.state !== 'replicate' || !to.inflights.full", 'true'],
  ['never counts down what is uncommitted', 'step', 'raft.reduceUncommitted(payloadSizeOf(message.entries));', ''],
  ['takes a snapshot without its members', 'receive', 'restoreConfState(raft, confState);', ''],
  ['hands over to who lacks entries', 'leader', 'if (to.match === raft.log.lastIndex()) {', 'if (true) {'],
  [
    'never abandons a transfer',
    'leader',
    'raft.leadTransferee = noMember;\n    }\n    if (raft.role',
    '{}\n    }\n    if (raft.role',
  ],
];

const asked = process.argv.slice(2);
const chosen = faults.filter(([name]) => asked.length === 0 || asked.some((part) => name.includes(part)));
const hasGo = spawnSync('go', ['version']).status === 0;
/** For each proof. What takes longer hangs; a machine that is busy with other things is given longer. */
let proofMsMax = 300_000;
const caughtSecondsMax = 60;
let missed = 0;

const control = proven(catcher);
if (control.by !== undefined) {
  console.log(`with no fault planted it fails already: ${control.by}`);
  process.exit(1);
}
proofMsMax = Math.max(40_000, 2 * control.seconds * 1000);
console.log(`${control.seconds.toFixed(1)} s`.padEnd(12), 'no fault: every proof holds');

for (const [name, file, right, wrong] of chosen) {
  const code = readFileSync(join(root, 'dist/raft', `${file}.js`), 'utf8');
  const places = code.split(right).length - 1;
  if (places !== 1) {
    console.log(`NOT PLANTED  ${name}: its place is found ${places} times in ${file}.js`);
    missed++;
    continue;
  }
  const { by, seconds } = proven((copy) => {
    writeFileSync(
      join(copy, 'dist/raft', `${file}.js`),
      code.replace(right, () => wrong),
    );
    return catcher(copy);
  });
  const tooLate = seconds > caughtSecondsMax;
  if (by === undefined || tooLate) missed++;
  const took = `${seconds.toFixed(1)} s`.padEnd(12);
  console.log(by === undefined ? `MISSED       ${name}` : `${took} ${tooLate ? 'TOO LATE: ' : ''}${name}: ${by}`);
}
console.log(`${chosen.length - missed} of ${chosen.length} planted faults are caught`);
process.exitCode = missed === 0 ? 0 : 1;

/** What `prove` says of a copy of the built code, and how long that takes. */
function proven(prove) {
  const copy = mkdtempSync(join(tmpdir(), 'raft-mutant-'));
  for (const folder of ['base', 'wire', 'raft', 'sim'])
    cpSync(join(root, 'dist', folder), join(copy, 'dist', folder), { recursive: true });
  cpSync(join(root, 'interop/raft'), join(copy, 'interop/raft'), { recursive: true });
  cpSync(join(root, 'package.json'), join(copy, 'package.json'));
  for (const link of ['src', 'node_modules']) symlinkSync(join(root, link), join(copy, link));
  cpSync(join(root, 'tools'), join(copy, 'tools'), { recursive: true });
  const begin = Date.now();
  try {
    const by = prove(copy);
    return { by, seconds: (Date.now() - begin) / 1000 };
  } finally {
    rmSync(copy, { recursive: true });
  }
}

function catcher(copy) {
  const fails = (command, args) => {
    const { status, stdout, stderr } = spawnSync(command, args, { cwd: copy, timeout: proofMsMax, encoding: 'utf8' });
    if (stderr.includes('SyntaxError')) throw new Error(`the fault does not parse: ${stderr}`);
    return status === 0 ? undefined : `${stdout}${stderr}`;
  };
  const simulated = fails('node', ['tools/raft-sim.js', '2000000']);
  if (simulated !== undefined) return `simulation (${/(seed .*)/.exec(simulated)?.[1] ?? 'it hangs'})`;
  const raft = join(copy, 'dist/raft');
  const tests = readdirSync(raft, { recursive: true }).filter((path) => path.endsWith('.test.js'));
  const tested = fails('node', ['--test', ...tests.map((path) => join(raft, path))]);
  if (tested !== undefined)
    return `tests (${[...tested.matchAll(/^not ok \d+ - (.*)/gm)]
      .map(([, test]) => test)
      .slice(0, 3)
      .join(', ')})`;
  if (!hasGo || !existsSync(join(copy, 'interop/raft/twin.js'))) return undefined;
  const compared = fails('node', ['interop/raft/twin.js', '2000', '500']);
  return compared === undefined
    ? undefined
    : `twin (${/(seed .*) differs/.exec(compared)?.[1] ?? 'it stops or hangs'})`;
}
