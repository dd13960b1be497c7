// Proves: a database received with a snapshot takes the place of all values, for whoever holds the store; a start finishes what a crash cut
// short, and is refused where the database is missing.
import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { concatBytes, utf8 } from '../base/bytes.js';
import { DiskCounters } from '../base/counters.js';
import type { ClusterId, MemberId } from '../base/ids.js';
import { silentLog } from '../base/log.js';
import { appliedKey, readRecordedNumber } from '../member/applier.js';
import { beginDump } from '../member/dump.js';
import { MemoryValues } from '../mvcc/memory-values.js';
import type { ValueStore } from '../mvcc/value-store.js';
import { emptyConfState } from '../raft/memory-storage.js';
import { snapDbName } from '../wire/wal/snap-file.js';
import { diskStorage } from './disk-storage.js';

import type { Storage } from './storage.js';

const home = mkdtempSync(join(tmpdir(), 'quorate-storage-'));
after(() => rmSync(home, { recursive: true }));

const identity = { memberId: 7n as MemberId, clusterId: 9n as ClusterId };
const confState = { ...emptyConfState, voters: [identity.memberId] };
const log = silentLog;

const open = (dir: string) =>
  diskStorage(
    { dir, walDir: '', unsafeNoFsync: true, walsMax: 5, snapshotsMax: 5, log, counters: new DiskCounters() },
    async () => identity,
  );

function revisions(values: ValueStore): number[] {
  const found: number[] = [];
  values.scan(0, 0, Number.MAX_SAFE_INTEGER, (main) => {
    found.push(main);
    return true;
  });
  return found;
}

/** A database with revisions 2 to 4 at the entry `index`, where the member will look for it. */
function receive(dir: string, index: number): string {
  const values = new MemoryValues();
  for (let main = 2; main <= 4; main++) values.append(main, 0, false, utf8(`value ${main}`));
  const dump = beginDump(values, { index, term: 2, confState, revision: 4 });
  while (!dump.plan(1 << 20));
  const pieces = [];
  for (let piece = dump.next(1 << 16); piece !== undefined; piece = dump.next(1 << 16)) pieces.push(piece);
  const snap = join(dir, 'member', 'snap');
  mkdirSync(snap, { recursive: true });
  const path = join(snap, snapDbName(index));
  writeFileSync(path, concatBytes(pieces));
  return path;
}

/** The log rests on a snapshot at `index`, the values on nothing. */
async function rest(storage: Storage, index: number): Promise<void> {
  const snapshot = { data: utf8('{}'), metadata: { index, term: 2, confState } };
  await new Promise<void>((resolve) => storage.saveSnapshot(snapshot, resolve));
  const persisted = new Promise<void>((resolve) => storage.onPersisted(() => resolve()));
  const hardState = { term: 2, vote: identity.memberId, commit: index };
  storage.append({ entries: [], hardState, snapshot, mustSync: true });
  await persisted;
}

test('a received database takes the place of all values', async () => {
  const dir = join(home, 'running');
  const storage = await open(dir);
  storage.values.append(9, 0, false, utf8('old'));
  await rest(storage, 100);
  const path = receive(dir, 100);
  await new Promise<void>((resolve) => storage.restore(100, resolve));
  deepEqual(revisions(storage.values), [2, 3, 4]);
  equal(existsSync(path), false);
  storage.values.append(5, 0, false, utf8('new'));
  await new Promise<void>((resolve) => storage.values.commit(resolve));
  await storage.close(undefined);
  const again = await open(dir);
  deepEqual(revisions(again.values), [2, 3, 4, 5]);
  equal(readRecordedNumber(again.values, appliedKey), 100);
  await again.close(undefined);
});

test('a start finishes what was cut short, and is refused without the database', async () => {
  const dir = join(home, 'cut');
  const storage = await open(dir);
  await rest(storage, 100);
  await storage.close(undefined);
  await rejects(open(dir), /database file \(.*values index 0\) does not match with snapshot \(index 100\)/);
  const path = receive(dir, 100);
  // One that raft never heard of.
  const unheard = receive(dir, 200);
  // Half of an earlier attempt.
  mkdirSync(join(dir, 'member', 'snap', 'values.next'));
  const again = await open(dir);
  deepEqual(revisions(again.values), [2, 3, 4]);
  ok(!existsSync(path) && !existsSync(unheard));
  equal(again.takeRecovered().snapshot.index, 100);
  await again.close(undefined);
});
