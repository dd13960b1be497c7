/** Values from a database in bbolt's format: all of them, in the place of those that a member has. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { uint64Bytes } from '../base/bytes.js';
import { check } from '../base/check.js';
import { appliedKey, readRecordedNumber } from '../member/applier.js';
import { DatabaseImport } from '../member/database-import.js';
import type { ValueStore } from '../mvcc/value-store.js';
import { BoltFile } from '../wire/bolt/bolt-file.js';
import { DatabaseFile } from './database-file.js';
import { replaceValues } from './values/replacement.js';
import type { StoredValues, StoredValuesOptions } from './values/stored-values.js';

/** Taking them in takes a few milliseconds. */
const sliceBytes = 2 << 20;
/** What one commit carries; twice as much may be in memory. */
const commitBytes = 16 << 20;

/** Takes the database into an empty store and commits it. */
export async function importDatabase(path: string, values: ValueStore): Promise<void> {
  const source = new DatabaseFile(path);
  try {
    const taking = new DatabaseImport(new BoltFile(source), values);
    const commit = () => new Promise<void>((resolve) => values.commit(resolve));
    let committed: Promise<void> = Promise.resolve();
    let uncommitted = 0;
    while (!taking.step(sliceBytes)) {
      uncommitted += sliceBytes;
      if (uncommitted >= commitBytes) {
        // The next part is taken in while this one is written.
        await committed;
        committed = commit();
        uncommitted = 0;
      }
      await nextTurn();
    }
    await committed;
    await commit();
  } finally {
    source.close();
  }
}

export interface Restoration {
  readonly values: StoredValues;
  readonly folder: string;
  readonly options: StoredValuesOptions;
  /** The database that came with a snapshot, and the snapshot's index. */
  readonly path: string;
  readonly index: number;
}

/** Whole or not at all: a crash leaves the values as they were, or as they are to be. */
export async function restoreValues({ values, folder, options, path, index }: Restoration): Promise<void> {
  await replaceValues(values, folder, options, async (next) => {
    await importDatabase(path, next);
    const recorded = readRecordedNumber(next, appliedKey);
    check(recorded <= index, 'the database of a snapshot holds nothing that comes after it');
    if (recorded === index) return;
    // Entries that change no values may stand between the two: they are in the snapshot, and must not be waited for at the next start.
    next.setRecord('meta', appliedKey, uint64Bytes(index));
    await new Promise<void>((resolve) => next.commit(resolve));
  });
}
