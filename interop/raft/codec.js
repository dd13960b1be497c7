/**
 * `node interop/raft/codec.js [SEED] [COUNT]`: whatever bytes come as a message, ours takes and refuses what Go's raftpb takes and
 * refuses, and reads the same in them. What may be said of a message that was taken is judged after that, and elsewhere.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build, install } from '../../tools/run.js';

install();
build();
const { decodeMessage } = await import('../../dist/wire/raftpb/codec.js');
const here = dirname(fileURLToPath(import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'quorate-codec-'));
const binary = join(work, 'codec');
execFileSync('go', ['build', '-o', binary, './codec'], { cwd: here, stdio: 'inherit' });

const seed = process.argv[2] ?? String(Date.now() % 1_000_000);
const child = spawn(binary, [seed, process.argv[3] ?? '300000'], { stdio: ['ignore', 'pipe', 'inherit'] });
let same = 0;
let taken = 0;
const different = [];
for await (const line of createInterface({ input: child.stdout })) {
  const [hex, theirs] = line.split('\t');
  const read = decodeMessage(Buffer.from(hex, 'hex'), 0, hex.length / 2);
  const ours = typeof read === 'number' ? 'refused' : show(read);
  if (ours === theirs) same++;
  else different.push(`WRONG: ${hex}\n  Go:   ${theirs}\n  ours: ${ours}`);
  if (theirs !== 'refused') taken++;
}
rmSync(work, { recursive: true, force: true });
for (const one of different.sort((a, b) => a.length - b.length).slice(0, 10)) console.log(one);
console.log(`codec: seed ${seed}, ${same} read alike, ${taken} of them as messages; ${different.length} not`);
process.exit(different.length === 0 && taken > 0 ? 0 : 1);

/** As `show` in codec/main.go. */
function show(message) {
  const { type, to, from, vote, term, logTerm, index, commit, rejectHint, reject, context, snapshot } = message;
  let text = `(${[type, to, from, vote, term, logTerm, index, commit, rejectHint, reject].join(' ')}`;
  if (context !== undefined) text += ` context ${hexOf(context)}`;
  for (const entry of message.entries) text += ` entry ${entry.type} ${entry.term} ${entry.index} ${hexOf(entry.data)}`;
  if (snapshot !== undefined) {
    const { confState, index: at, term: of } = snapshot.metadata;
    const { voters, learners, votersOutgoing, learnersNext, autoLeave } = confState;
    const lists = [voters, learners, votersOutgoing, learnersNext].map((ids) => `[${ids.join(' ')}]`);
    text += ` snapshot ${hexOf(snapshot.data)} ${at} ${of}${lists.join(' ')} ${autoLeave}`;
  }
  return `${text}${message.responses.map(show).join('')})`;
}

function hexOf(bytes) {
  return Buffer.from(bytes).toString('hex');
}
