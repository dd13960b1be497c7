/**
 * Snapshots both ways: bbolt files judged page by page; a snapshot streamed from either program under load is described alike by etcdutl
 * and quorateutl, restored by both, and what starts from it hashes as what it was taken of; cut and changed files are refused.
 */
import { equal, match, notEqual } from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort, startServer } from '../../bench/servers.js';
import { Random } from '../../dist/base/random.js';
import { checkBoltFiles } from './bolt-files.js';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(dirname(here));
const work = mkdtempSync(join(tmpdir(), 'quorate-snapshot-'));
const etcdutl = [join(work, 'etcdutl')];
const quorateutl = [process.execPath, join(root, 'bin', 'quorateutl.js')];
const boltRounds = 25;
const damages = 30;

function start(command, args, timeout = 120_000) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: here, timeout, encoding: 'utf8' });
  if (error !== undefined) throw error;
  return { status, stdout, stderr };
}

function run(command, ...args) {
  const { status, stdout, stderr } = start(command, args);
  equal(status, 0, `${command} ${args.join(' ')}: ${stderr}`);
  return stdout;
}

const tool = ([command, ...before], ...args) => start(command, [...before, ...args]);

function build() {
  for (const [name, source] of [
    ['bolt', './bolt'],
    ['server', './etcd'],
    ['etcdutl', 'go.etcd.io/etcd/etcdutl/v3'],
  ]) {
    run('go', 'build', '-o', join(work, name), source);
  }
}

async function serve(kind, dir, ports) {
  const url = `http://127.0.0.1:${ports.port}`;
  const flags = kind === 'etcd' ? [`--advertise-client-urls=${url}`, '--log-level=error'] : [];
  return startServer(kind, { dir, ...ports, binaries: work, flags, name: 'm' });
}

const newPorts = async () => ({ port: await freePort(), peerPort: await freePort() });
const ctl = (server, ...args) => run('etcdctl', `--endpoints=${server.endpoint}`, ...args);

/** Puts, deletions, transactions, leases and a compaction; then puts that go on until they are ended. */
function load(server, ...more) {
  const script = join(root, 'dist', 'client', 'load', 'main.js');
  const args = ['--work=put', '--clients=50', '--connections=5', '--keys=4000', ...more];
  return spawn(process.execPath, [script, `--endpoint=${server.endpoint}`, ...args], { stdio: 'ignore' });
}

const ended = (child) => new Promise((resolve) => child.once('exit', resolve));

async function fill(server) {
  equal(await ended(load(server, '--total=15000', '--value-bytes=700')), 0);
  ctl(server, 'put', 'a', 'x'.repeat(9000));
  const lease = /lease ([0-9a-f]+) granted/.exec(ctl(server, 'lease', 'grant', '10000'))?.[1];
  ctl(server, 'put', '--lease', lease, 'leased', 'value');
  ctl(server, 'put', 'gone', 'soon');
  ctl(server, 'del', 'gone');
  ctl(server, 'compaction', '--physical', '6000');
  equal(await ended(load(server, '--total=3000', '--value-bytes=20')), 0);
}

/** Asked again: a server may say that it has no leader yet. */
async function hashKv(server, revision) {
  for (let tries = 0; ; tries++) {
    const { status, stdout, stderr } = start('etcdctl', [
      `--endpoints=${server.endpoint}`,
      ...['endpoint', 'hashkv', '--rev', String(revision), '-w', 'json'],
    ]);
    if (status === 0) return JSON.parse(stdout)[0].HashKV.hash;
    if (tries === 20) throw new Error(stderr);
    await sleep(250);
  }
}

function statusOf(file) {
  for (const format of ['simple', 'json', 'fields', 'table']) {
    const [theirs, ours] = [etcdutl, quorateutl].map((utl) => tool(utl, 'snapshot', 'status', file, '-w', format));
    equal(theirs.status, 0, theirs.stderr);
    equal(ours.stdout, theirs.stdout, `status as ${format}`);
  }
  return JSON.parse(tool(quorateutl, 'snapshot', 'status', file, '-w', 'json').stdout);
}

const count = (server, revision) => {
  const answer = ctl(
    server,
    'get',
    '',
    '--prefix',
    '--rev',
    String(revision),
    '--keys-only',
    '--limit',
    '1',
    '-w',
    'fields',
  );
  return Number(/"Count" : (\d+)/.exec(answer)?.[1]);
};

const programs = [
  ['etcd', etcdutl],
  ['quorate', quorateutl],
];

/** A member of each kind that starts from `file`, as its own tool restores it. */
async function eachRestored(file, more, check) {
  for (const [kind, utl] of programs) {
    const dir = `${file}-${kind}`;
    const ports = await newPorts();
    const peer = `http://127.0.0.1:${ports.peerPort}`;
    const args = ['--name', 'm', '--initial-cluster', `m=${peer}`, '--initial-advertise-peer-urls', peer, ...more];
    const restored = tool(utl, 'snapshot', 'restore', file, '--data-dir', dir, ...args);
    equal(restored.status, 0, restored.stderr);
    const server = await serve(kind, dir, ports);
    try {
      await check(server, `${kind} restored from ${file}`);
    } finally {
      await server.stop();
    }
    rmSync(dir, { recursive: true });
  }
}

/** What is restored from `file` by either program answers as `source`, of which it was taken. */
async function restoreAndCompare(file, source, { revision, totalKey }) {
  const wanted = await hashKv(source, revision);
  equal(count(source, revision), totalKey, 'keys alive in the file');
  await eachRestored(file, [], async (server, which) => {
    equal(await hashKv(server, revision), wanted, which);
    equal(count(server, revision), totalKey, which);
    match(ctl(server, 'lease', 'list'), /found 1 leases/);
    ctl(server, 'put', 'after', 'the restore');
    match(ctl(server, 'get', 'after', '-w', 'fields'), new RegExp(`"ModRevision" : ${revision + 1}\n`));
  });
  const hashes = new Set();
  await eachRestored(file, ['--bump-revision', '1000', '--mark-compacted'], async (server, which) => {
    hashes.add(await hashKv(server, revision + 1000));
    equal(count(server, 0), totalKey, which);
    equal(start('etcdctl', [`--endpoints=${server.endpoint}`, 'get', 'a', '--rev', String(revision)]).status, 1, which);
  });
  equal(hashes.size, 1, 'both go beyond the revisions of the file in the same way');
}

async function streamed(kind) {
  const server = await serve(kind, join(work, kind), await newPorts());
  const file = join(work, `${kind}.db`);
  try {
    await fill(server);
    const writing = load(server, '--seconds=600', '--value-bytes=300');
    await sleep(1000);
    ctl(server, 'snapshot', 'save', file);
    writing.kill('SIGTERM');
    await ended(writing);
    const status = statusOf(file);
    await restoreAndCompare(file, server, status);
    console.log(
      `snapshot of ${kind}: revision ${status.revision}, ${status.totalKey} keys, hash ${status.hash.toString(16)}`,
    );
  } finally {
    await server.stop();
  }
  return file;
}

/** Whatever is done to the file, restoring it is refused by both, and describing it ends. */
function refuseDamage(file) {
  const bytes = readFileSync(file);
  const damaged = join(work, 'damaged.db');
  const random = new Random(1);
  const restore = (utl, ...more) =>
    tool(utl, 'snapshot', 'restore', damaged, '--data-dir', join(work, 'never'), ...more);
  for (let i = 0; i < damages; i++) {
    const changed = Buffer.from(bytes);
    const at = random.below(bytes.length);
    changed[at] ^= 1 << random.below(8);
    const isCut = random.oneIn(3);
    writeFileSync(damaged, isCut ? changed.subarray(0, at) : changed);
    const ours = restore(quorateutl);
    equal(ours.status, 1, `byte ${at} of a damaged file`);
    if (i === 0) {
      const theirs = restore(etcdutl);
      rmSync(join(work, 'never'), { recursive: true, force: true });
      const said = ({ stderr }) => stderr.slice(stderr.indexOf('Error:'));
      equal(said(ours), said(theirs));
    }
    // Without its digest a file may be sound to look at. It is read to the end, or named as damaged.
    if (i % 5 === 0) match(String(tool(quorateutl, 'snapshot', 'status', damaged).status), /^[01]$/);
  }
  writeFileSync(damaged, bytes.subarray(0, -32));
  notEqual(restore(quorateutl).status, 0);
}

try {
  build();
  checkBoltFiles(join(work, 'bolt'), work, boltRounds);
  console.log(`bbolt files: ${boltRounds} each way`);
  const ours = await streamed('quorate');
  await streamed('etcd');
  refuseDamage(ours);
  console.log('snapshot: all passed');
} finally {
  rmSync(work, { recursive: true, force: true });
}
