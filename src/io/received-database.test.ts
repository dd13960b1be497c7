// Proves: a database that comes with a snapshot has its name only when it is whole and can be taken in; of any other nothing is left.
import { deepEqual, equal, match } from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { type Bytes, concatBytes, utf8 } from '../base/bytes.js';
import { DiskCounters } from '../base/counters.js';
import type { MemberId } from '../base/ids.js';
import { Random } from '../base/random.js';
import { beginDump } from '../member/dump.js';
import { MemoryValues } from '../mvcc/memory-values.js';
import { emptyConfState } from '../raft/memory-storage.js';
import { KeyValue } from '../wire/messages/key-value.js';
import { snapDbName } from '../wire/wal/snap-file.js';
import { ReceivedDatabase } from './received-database.js';

const directory = mkdtempSync(join(tmpdir(), 'quorate-received-'));
after(() => rmSync(directory, { recursive: true }));
const index = 100;

function keyValue(main: number): Bytes {
  const kv = new KeyValue();
  const [key, value] = [utf8(`key ${main}`), utf8('x'.repeat(main))];
  kv.setKey(key, 0, key.length);
  kv.setValue(value, 0, value.length);
  kv.createRevision = main;
  kv.modRevision = main;
  kv.version = 1;
  return kv.encode();
}

function databaseAt(applied: number, value: (main: number) => Bytes = keyValue): Bytes {
  const values = new MemoryValues();
  for (let main = 2; main < 200; main++) values.append(main, 0, false, value(main));
  const confState = { ...emptyConfState, voters: [7n as MemberId] };
  const dump = beginDump(values, { index: applied, term: 2, confState, revision: 199 });
  while (!dump.plan(1 << 20));
  const pieces = [];
  for (let piece = dump.next(1 << 14); piece !== undefined; piece = dump.next(1 << 14)) pieces.push(piece);
  return concatBytes(pieces);
}

/** Why it was not kept. */
async function receive(bytes: Bytes): Promise<string | undefined> {
  const intake = new ReceivedDatabase(directory, index, new DiskCounters());
  for (let at = 0; at < bytes.length; at += 10_000) {
    const failed = await new Promise((written) => intake.write(bytes.subarray(at, at + 10_000), written));
    equal(failed, undefined);
  }
  return new Promise((kept) => intake.finish(kept));
}

test('a good one has its name, and its bytes', async () => {
  const bytes = databaseAt(index);
  equal(await receive(bytes), undefined);
  // A second one takes the place of the first.
  equal(await receive(bytes), undefined);
  deepEqual(readdirSync(directory), [snapDbName(index)]);
  deepEqual(Uint8Array.from(readFileSync(join(directory, snapDbName(index)))), bytes);
  rmSync(join(directory, snapDbName(index)));
});

test('what cannot be taken in is refused, and leaves nothing', async () => {
  const good = databaseAt(index);
  match(String(await receive(new Uint8Array(0))), /invalid database/);
  match(String(await receive(utf8('a database'))), /invalid database/);
  match(String(await receive(good.subarray(0, good.length - 4096))), /the file ends at/);
  match(String(await receive(databaseAt(index + 1))), /its applied index is 101, and that of its snapshot 100/);
  match(String(await receive(databaseAt(index, () => Uint8Array.of(0xff)))), /revision 2 is no KeyValue/);
  match(String(await receive(databaseAt(index, (main) => keyValue(main + 1)))), /revision 2 says that it is 3/);
  deepEqual(readdirSync(directory), []);
});

test('damage is refused or does no harm, and never thrown', async () => {
  const random = new Random(5);
  const good = databaseAt(index);
  for (let i = 0; i < 40; i++) {
    const bad = Uint8Array.from(good);
    const at = random.below(bad.length);
    bad[at] = (bad[at] as number) ^ (1 << random.below(8));
    await receive(bad);
  }
  rmSync(join(directory, snapDbName(index)), { force: true });
  deepEqual(readdirSync(directory), []);
});

test('one that is given up leaves nothing', async () => {
  const intake = new ReceivedDatabase(directory, index, new DiskCounters());
  await new Promise((written) => intake.write(utf8('begin'), written));
  intake.abort();
  while (readdirSync(directory).length > 0) await new Promise((resolve) => setTimeout(resolve, 1));
});
