// Proves: a process killed at any moment leaves a prefix of its commits, with their records, and no commit it was told of is missing.
import { deepEqual, equal } from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { utf8 } from '../../base/bytes.js';
import { Random } from '../../base/random.js';
import { MemoryValues } from '../../mvcc/memory-values.js';
import type { ValueStore } from '../../mvcc/value-store.js';
import { openStoredValues, type StoredValues } from './stored-values.js';

const kills = Number(process.env.QUORATE_KILLS ?? 6);
const rowsPerBatch = 40;
const batchKey = utf8('batch');
const onFatal = (error: unknown) => {
  throw error;
};
const openSmall = (folder: string) => openStoredValues(folder, { onFatal, segmentBytes: 200_000 });

/** Batch after batch, the same from the same number: rows, drops of older rows, and a record that names the batch. */
function writeBatch(store: ValueStore, batch: number): void {
  const random = new Random(batch);
  for (let row = 0; row < rowsPerBatch; row++) {
    store.append(batch, row, false, random.bytes(random.oneIn(50) ? 9000 : random.below(400)));
    if (batch > 3 && random.below(10) < 8) store.drop(batch - 1 - random.below(3), random.below(rowsPerBatch), false);
  }
  store.setRecord('meta', batchKey, utf8(String(batch)));
  if (random.oneIn(2)) store.setRecord('lease', Uint8Array.of(batch % 100), random.bytes(20));
  else store.deleteRecord('lease', Uint8Array.of(batch % 100));
}

const batchOf = (store: ValueStore) => Number(Buffer.from(store.getRecord('meta', batchKey) ?? utf8('0')).toString());

function contents(store: ValueStore): string[] {
  const seen: string[] = [];
  store.scan(0, 0, Number.MAX_SAFE_INTEGER, (main, sub, _, value) => {
    seen.push(`${main}/${sub} ${Buffer.from(value).toString('hex')}`);
    return true;
  });
  store.scanRecords('lease', (key, value) => seen.push(`${key[0]} ${Buffer.from(value).toString('hex')}`));
  return seen;
}

/** The process that is killed: it tells of each commit that has ended. */
function writeForever(store: StoredValues): void {
  const next = (batch: number) => {
    writeBatch(store, batch);
    if (batch % 20 === 0) store.defragment(() => {});
    store.commit(() => process.stdout.write(`${batch}\n`));
    setImmediate(next, batch + 1);
  };
  next(batchOf(store) + 1);
}

/** Lets a child write until it has told of `lines` commits, kills it, and answers the last batch it told of. */
function writeAndKill(folder: string, lines: number): Promise<number> {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'write', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let told = '';
  child.stdout.on('data', (chunk) => {
    told += String(chunk);
    if (told.split('\n').length > lines) child.kill('SIGKILL');
  });
  return new Promise((resolve) => child.on('close', () => resolve(Number(told.split('\n').at(-2) ?? 0))));
}

async function killAndCompare(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-crash-'));
  const random = new Random(kills);
  const expected = new MemoryValues();
  let expectedBatch = 0;
  for (let kill = 0; kill < kills; kill++) {
    const told = await writeAndKill(folder, 1 + random.below(40));
    const store = openSmall(folder);
    const batch = batchOf(store);
    equal(batch >= told, true, `batch ${told} was told of, and ${batch} is the last there`);
    while (expectedBatch < batch) writeBatch(expected, ++expectedBatch);
    deepEqual(contents(store), contents(expected));
    await store.close();
  }
  rmSync(folder, { recursive: true });
}

const [mode, folder] = process.argv.slice(2);
if (mode === 'write' && folder !== undefined) writeForever(openSmall(folder));
else test('a killed process leaves a prefix of its commits', killAndCompare);
