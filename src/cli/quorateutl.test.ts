// Proves: quorateutl reads its command line and words its answers as etcdutl does; a snapshot file is described, restored, and refused when
// it was cut or changed.
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { utf8 } from '../base/bytes.js';
import { DiskCounters } from '../base/counters.js';
import { type ClusterId, type LeaseId, type MemberId, noLease } from '../base/ids.js';
import { silentLog } from '../base/log.js';
import { diskStorage } from '../io/disk-storage.js';
import { beginDump } from '../member/dump.js';
import { MemoryValues } from '../mvcc/memory-values.js';
import { PlainIndex } from '../mvcc/plain-index.js';
import { Store } from '../mvcc/store.js';
import { emptyConfState } from '../raft/memory-storage.js';
import { runCommand } from './command-tree.js';
import { quorateutl } from './quorateutl.js';

const home = mkdtempSync(join(tmpdir(), 'quorate-utl-'));
after(() => rmSync(home, { recursive: true }));

async function run(...argv: string[]) {
  let [out, err] = ['', ''];
  const output = {
    out(text: string) {
      out += text;
    },
    err(text: string) {
      err += text;
    },
  };
  const code = await runCommand(quorateutl, argv, output);
  return { code, out, err };
}

/** Keys `k0` to `k99`, one deleted, in a file with its digest behind it. */
function snapshotFile(name: string): { path: string; bytes: Buffer } {
  const leases = { has: () => true, attach() {}, detach() {} };
  const values = new MemoryValues();
  const store = new Store({ index: new PlainIndex(), values, leases });
  const change = (act: (txn: ReturnType<Store['begin']>) => void) => {
    const txn = store.begin();
    act(txn);
    txn.end();
  };
  const lease = noLease as LeaseId;
  for (let i = 0; i < 100; i++) change((txn) => void txn.put(utf8(`k${i}`), utf8(`value ${i}`), lease));
  change((txn) => void txn.deleteKey(utf8('k7')));
  values.setRecord('members', utf8('a1'), utf8('{"id":161}'));
  const dump = beginDump(values, { index: 1000, term: 9, confState: emptyConfState, revision: store.revision });
  while (!dump.plan(1 << 20));
  const pieces: Uint8Array[] = [];
  for (let piece = dump.next(8192); piece !== undefined; piece = dump.next(8192)) pieces.push(piece);
  const database = Buffer.concat(pieces);
  const bytes = Buffer.concat([database, createHash('sha256').update(database).digest()]);
  const path = join(home, name);
  writeFileSync(path, bytes);
  return { path, bytes };
}

const storageAt = (dir: string) =>
  diskStorage(
    { dir, walDir: '', unsafeNoFsync: true, walsMax: 5, snapshotsMax: 5, log: silentLog, counters: new DiskCounters() },
    async () => ({ memberId: 0n as MemberId, clusterId: 0n as ClusterId }),
  );

test('the command line is read as etcdutl reads it', async () => {
  match((await run()).out, /^Usage:\n {2}quorateutl \[command\]\n\nAvailable Commands:\n {2}snapshot {4}Manages/);
  deepEqual(await run('nope'), {
    code: 1,
    out: '',
    err: 'Error: unknown command "nope" for "quorateutl"\nRun \'quorateutl --help\' for usage.\nError: unknown command "nope" for "quorateutl"\n',
  });
  deepEqual(await run('sn', 'st'), {
    code: 128,
    out: '',
    err: 'Error: snapshot status requires exactly one argument\n',
  });
  match(
    (await run('snapshot', 'status', '--what')).err,
    /^Error: unknown flag: --what\nUsage:\n {2}quorateutl snapshot/,
  );
  match(
    (await run('snapshot', 'restore', 'x', '--bump-revision=x')).err,
    /invalid argument "x" for "--bump-revision" flag/,
  );
  match((await run('snapshot', 'status', '-w')).err, /flag needs an argument: 'w' in -w/);
  equal((await run('snapshot', 'status', 'none')).err, 'Error: stat none: no such file or directory\n');
  match((await run('version')).out, /^quorateutl version: 3\.7\.1\nAPI version: 3\.7\n$/);
});

test('a file is described', async () => {
  const { path } = snapshotFile('status.db');
  const { out } = await run('snapshot', 'status', path, '-wjson');
  const status: unknown = JSON.parse(out);
  ok(typeof status === 'object' && status !== null && 'hash' in status && 'totalSize' in status);
  deepEqual(status, { ...status, revision: 102, totalKey: 99, version: '' });
  const hash = Number(status.hash).toString(16);
  match((await run('snapshot', 'status', path)).out, new RegExp(`^${hash}, 102, 99, \\d+ kB, \n$`));
  match(
    (await run('snapshot', 'status', path, '-w', 'table')).out,
    /│ {3}HASH {3}│ REVISION │ TOTAL KEYS │ TOTAL SIZE/,
  );
});

test('three members are restored from one file', async () => {
  const { path } = snapshotFile('restore.db');
  const cluster = ['a', 'b', 'c'].map((name, i) => `${name}=http://127.0.0.1:${i + 1}`).join(',');
  const ids = new Set<bigint>();
  for (const [i, name] of ['a', 'b', 'c'].entries()) {
    const dir = join(home, name);
    const args = [
      '--name',
      name,
      '--initial-cluster',
      cluster,
      '--initial-advertise-peer-urls',
      `http://127.0.0.1:${i + 1}`,
    ];
    const bump = ['--bump-revision', '1000', '--mark-compacted'];
    const restored = await run('snapshot', 'restore', path, '--data-dir', dir, ...args, ...bump);
    equal(restored.code, 0, restored.err);
    const storage = await storageAt(dir);
    ids.add(storage.identity.memberId);
    const { snapshot, hardState, entries } = storage.takeRecovered();
    equal(snapshot.index, 3);
    equal(snapshot.confState?.voters.length, 3);
    equal(hardState?.commit, 3);
    equal(entries.length, 0);
    const revisions: number[] = [];
    storage.values.scan(0, 0, Number.POSITIVE_INFINITY, (main) => revisions.push(main) > 0);
    equal(revisions.at(-1), 1102);
    const members: string[] = [];
    storage.values.scanRecords('members', (_key, value) => members.push(Buffer.from(value).toString()));
    equal(members.length, 3);
    ok(!members.some((text) => text.includes('161')));
    await storage.close(undefined);
  }
  equal(ids.size, 3);
  const again = await run('snapshot', 'restore', path, '--data-dir', join(home, 'a'));
  equal(again.err, `Error: data-dir "${join(home, 'a')}" not empty or could not be read\n`);
});

test('a file that was cut short or changed is refused, and nothing is left behind', async () => {
  const { path, bytes } = snapshotFile('damaged.db');
  const restore = async (content: Buffer, ...more: string[]) => {
    writeFileSync(path, content);
    const { code, err } = await run('snapshot', 'restore', path, '--data-dir', join(home, 'damaged'), ...more);
    equal(code, 1);
    ok(!existsSync(join(home, 'damaged')));
    return err.slice(err.indexOf('Error:'));
  };
  equal(await restore(bytes.subarray(0, -32)), 'Error: snapshot missing hash but --skip-hash-check=false\n');
  const flipped = Buffer.from(bytes);
  flipped[9000] = (flipped[9000] as number) ^ 1;
  match(await restore(flipped), /^Error: expected sha256 \[\d+ .*\], got \[/);
  match(await restore(bytes.subarray(0, 8192), '--skip-hash-check'), /^Error: the file ends at 8192 of \d+ bytes/);
  const page = Buffer.from(bytes);
  page.fill(0, 8192, 8208);
  match(
    await restore(page, '--skip-hash-check'),
    /integrity check failed. 1 errors found.\npage 2: says that it is page 0/,
  );
});
