// Proves: what 41 transcripts of etcd's raft library say is reproduced byte for byte, log lines included; and so are our own.
// Theirs are in their Go module: `node interop/run.js transcripts` fetches it and sets QUORATE_RAFT_TESTDATA.
// QUORATE_REWRITE=1 writes our own anew: read the difference before it is committed.
import { deepEqual, fail } from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { ChangesStage } from './changes.js';
import { playQuorum } from './quorum.js';
import { type Command, parseScript, play } from './script.js';
import { Stage } from './stage.js';

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const theirs = process.env.QUORATE_RAFT_TESTDATA;
const own = join(root, 'src/raft/transcripts/own');

/** A fresh runner a transcript. */
const stages: Readonly<Record<string, () => (command: Command) => string>> = {
  quorum: () => playQuorum,
  confchange: () => {
    const stage = new ChangesStage();
    return (command) => stage.play(command);
  },
  interaction: () => {
    const stage = new Stage();
    return (command) => stage.play(command);
  },
};

function playFile(path: string, run: (command: Command) => string, rewrite: boolean): void {
  const source = readFileSync(path, 'utf8');
  const { rewritten, difference } = play(parseScript(source), run);
  if (rewrite) {
    if (rewritten !== source) writeFileSync(path, rewritten);
  } else if (difference !== undefined) {
    const { command, actual } = difference;
    deepEqual(actual, command.expected, `${path}:${command.line}: ${command.name}`);
  }
}

for (const [folder, stage] of Object.entries(stages)) {
  if (theirs === undefined) break;
  const at = join(theirs, folder);
  const files = readdirSync(at).filter((name) => name.endsWith('.txt'));
  for (const file of files) test(`etcd's ${folder}/${file}`, () => playFile(join(at, file), stage(), false));
}

for (const file of readdirSync(own)) {
  const [kind = ''] = file.split('-');
  const stage = stages[kind] ?? stages.interaction ?? fail();
  test(`our ${file}`, () => playFile(join(own, file), stage(), process.env.QUORATE_REWRITE === '1'));
}
