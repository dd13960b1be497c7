/**
 * Another value store in the place of a member's own, whole or not at all.
 *
 *     values                          the store in use
 *     values, values.next             the other is being filled: after a crash it is thrown away, for the same can be done again
 *     values.old, values.next         the other is whole and durable: after a crash it takes its place
 *     values, values.old              done; the old one goes
 *
 * Each line differs from the next by one rename.
 */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ValueStore } from '../../mvcc/value-store.js';
import { NodeDisk } from '../disk.js';
import { openStoredValues, type StoredValues, type StoredValuesOptions } from './stored-values.js';

const disk = new NodeDisk();
const nextOf = (folder: string) => `${folder}.next`;
const oldOf = (folder: string) => `${folder}.old`;

/** At a start, before the store is opened: finishes a replacement that was cut short, or forgets it. */
export function settleReplacement(folder: string): void {
  const [next, old] = [nextOf(folder), oldOf(folder)];
  if (existsSync(old) && existsSync(next)) {
    // Whatever stands in its place was made by a start that came here before us, and is empty.
    rmSync(folder, { recursive: true, force: true });
    renameSync(next, folder);
  }
  rmSync(next, { recursive: true, force: true });
  disk.syncDirectoryNow(dirname(folder));
  rmSync(old, { recursive: true, force: true });
}

/** `fill` puts everything into the new store and commits it. Nobody else uses `values` until this settles. */
export async function replaceValues(
  values: StoredValues,
  folder: string,
  options: StoredValuesOptions,
  fill: (next: ValueStore) => Promise<void>,
): Promise<void> {
  const [next, old] = [nextOf(folder), oldOf(folder)];
  rmSync(next, { recursive: true, force: true });
  const filled = openStoredValues(next, options);
  try {
    await fill(filled);
  } catch (cause) {
    await filled.close();
    rmSync(next, { recursive: true, force: true });
    throw cause;
  }
  await filled.close();
  disk.syncDirectoryNow(next);
  const parent = dirname(folder);
  disk.syncDirectoryNow(parent);
  await values.replace(() => {
    renameSync(folder, old);
    disk.syncDirectoryNow(parent);
    renameSync(next, folder);
    disk.syncDirectoryNow(parent);
  });
  await rm(old, { recursive: true, force: true });
}
