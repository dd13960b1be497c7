/** `node interop/twin/run.js [FLAGS of the twin]`: a real etcd and a Quorate, both empty and alike, under the same seeded requests. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, startServer } from '../../bench/servers.js';

const here = dirname(fileURLToPath(import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'quorate-twin-'));

function build(folder, name) {
  const { status } = spawnSync('go', ['build', '-o', join(work, name), '.'], { cwd: folder, stdio: 'inherit' });
  if (status !== 0) throw new Error(`go build in ${folder} ended with ${status}`);
}

build(join(here, '..', '..', 'bench', 'go', 'server'), 'server');
build(here, 'twin');
// The same peer URL for both: ids are made of it, and whole answers can be compared.
const alike = { binaries: work, advertisedPeer: 'http://127.0.0.1:2380' };
const etcd = await startServer('etcd', {
  ...alike,
  dir: join(work, 'etcd'),
  port: await freePort(),
  peerPort: await freePort(),
});
const quorate = await startServer('quorate', {
  ...alike,
  dir: join(work, 'quorate'),
  port: await freePort(),
  peerPort: await freePort(),
});
let status = 1;
try {
  const flags = [`-etcd=127.0.0.1:${etcd.port}`, `-quorate=127.0.0.1:${quorate.port}`, ...process.argv.slice(2)];
  if (process.argv.length === 2) flags.push('-sequences=400');
  ({ status } = spawnSync(join(work, 'twin'), flags, { stdio: 'inherit' }));
} finally {
  await Promise.all([etcd.stop(), quorate.stop()]);
  rmSync(work, { recursive: true, force: true });
}
process.exit(status ?? 1);
