/** `node interop/raft/transcripts.js`: our raft replays the transcripts that etcd's library is tested with, taken from its Go module. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, install, root } from '../../tools/run.js';

install();
build();
const here = dirname(fileURLToPath(import.meta.url));
const go = (args) => {
  const { status, stdout } = spawnSync('go', args, {
    cwd: here,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) process.exit(1);
  return stdout.trim();
};
go(['mod', 'download', 'go.etcd.io/raft/v3']);
const module = go(['list', '-m', '-f', '{{.Dir}}', 'go.etcd.io/raft/v3']);

const work = mkdtempSync(join(tmpdir(), 'quorate-transcripts-'));
for (const [from, to] of [
  ['quorum/testdata', 'quorum'],
  ['confchange/testdata', 'confchange'],
  ['testdata', 'interaction'],
])
  cpSync(join(module, from), join(work, to), { recursive: true });
const test = join(root, 'dist', 'raft', 'transcripts', 'transcripts.test.js');
const { status } = spawnSync(process.execPath, ['--test', '--test-reporter=spec', test], {
  env: { ...process.env, QUORATE_RAFT_TESTDATA: work },
  stdio: 'inherit',
});
rmSync(work, { recursive: true, force: true });
process.exit(status ?? 1);
