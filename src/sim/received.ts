/**
 * Databases that came with snapshots, on a simulated disk: as `io/received-database.ts` and `io/restore-values.ts` have it, a file gets its
 * name only when all of it is durable, and its content comes in the place of all values or not at all.
 */
import type { Bytes } from '../base/bytes.js';
import { check } from '../base/check.js';
import { appliedKey, readRecordedNumber } from '../member/applier.js';
import { DatabaseImport } from '../member/database-import.js';
import { MemoryValues } from '../mvcc/memory-values.js';
import { BoltFile } from '../wire/bolt/bolt-file.js';
import type { DiskFailure } from '../wire/wal/disk.js';
import { snapDbName } from '../wire/wal/snap-file.js';
import type { SimDisk } from './disk.js';
import type { SimValues } from './values.js';

export class ReceivedDatabases {
  readonly #disk: SimDisk;
  readonly #folder: string;
  /** Faults are planted here. */
  tamper: (values: MemoryValues) => void = () => {};
  #unfinished = 0;

  constructor(disk: SimDisk, folder: string) {
    this.#disk = disk;
    this.#folder = folder;
  }

  has(index: number): boolean {
    return this.#disk.list(this.#folder)?.includes(snapDbName(index)) === true;
  }

  /** Keeps it; `done` when it is durable. */
  keep(index: number, database: Bytes, done: () => void): void {
    const disk = this.#disk;
    const path = `${this.#folder}/tmp${++this.#unfinished}`;
    disk.removeNow(path);
    const file = disk.open(path);
    const synced = orThrow(done);
    const renamed = orThrow(() => disk.syncDirectory(this.#folder, synced));
    const written = orThrow(() => disk.rename(path, this.#pathOf(index), renamed));
    file.write(database, database.length, 0, written);
  }

  /** Puts it in the place of all values; `done` when that is durable. */
  restore(index: number, values: SimValues, done: () => void): void {
    values.replaceAll(this.#read(index), () => {
      // Its content is in the values for good.
      this.#disk.remove(this.#pathOf(index), orThrow(done));
    });
  }

  /** At a start, before anybody is served. */
  restoreNow(index: number, values: SimValues): void {
    values.replaceAllNow(this.#read(index));
    this.#disk.removeNow(this.#pathOf(index));
  }

  #read(index: number): MemoryValues {
    const { bytes, length } = this.#disk.read(this.#pathOf(index));
    const file = { sizeBytes: length, read: (offset: number, count: number) => bytes.subarray(offset, offset + count) };
    const values = new MemoryValues();
    const taking = new DatabaseImport(new BoltFile(file), values);
    while (!taking.step(1 << 16));
    const recorded = readRecordedNumber(values, appliedKey);
    check(recorded <= index, 'the database of a snapshot holds nothing that comes after it');
    const at = new Uint8Array(8);
    new DataView(at.buffer).setBigUint64(0, BigInt(index));
    values.setRecord('meta', appliedKey, at);
    this.tamper(values);
    return values;
  }

  #pathOf(index: number): string {
    return `${this.#folder}/${snapDbName(index)}`;
  }
}

function orThrow(next: () => void): (failure: DiskFailure | undefined) => void {
  return (failure) => {
    if (failure !== undefined) throw failure;
    next();
  };
}
