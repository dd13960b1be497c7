/**
 * The directory of `.snap` files: one is written before the log records its position, so that a recorded snapshot is always there.
 * It has its name only when it is whole and durable. A file that does not read is put aside as `.broken`, and the next older one is tried.
 */
import type { Log } from '../../base/log.js';
import type { Snapshot } from '../raftpb/types.js';
import type { Disk, DiskFailure, Done } from './disk.js';
import type { Checksum } from './format.js';
import { decodeSnapFile, encodeSnapFile, parseSnapDbName, snapName } from './snap-file.js';

/** A snapshot's place in the log. */
type Place = { readonly term: number; readonly index: number };

export class SnapDirectory {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #checksum: Checksum;
  readonly #log: Pick<Log, 'warn' | 'info'>;

  constructor(disk: Disk, path: string, checksum: Checksum, log: Pick<Log, 'warn' | 'info'>) {
    this.#disk = disk;
    this.#path = path;
    this.#checksum = checksum;
    this.#log = log;
  }

  /** Removes what was left unfinished: received databases, defragmentations, snapshots. */
  clean(): void {
    for (const name of this.#names())
      if (name.startsWith('tmp') || name.startsWith('db.tmp')) {
        this.#log.info('found orphaned file; deleting', { path: this.#in(name) });
        this.#disk.removeNow(this.#in(name));
      }
  }

  save(snapshot: Snapshot, done: Done): void {
    const { term, index } = snapshot.metadata;
    const name = snapName(term, index);
    const unfinished = this.#in(`tmp-${name}`);
    const bytes = encodeSnapFile(snapshot, this.#checksum);
    const disk = this.#disk;
    const unlessFailed =
      (next: () => void): Done =>
      (failure) => {
        if (failure === undefined) next();
        else done(failure);
      };
    disk.removeNow(unfinished);
    const file = disk.open(unfinished);
    const renamed = unlessFailed(() => disk.syncDirectory(this.#path, done));
    const written = unlessFailed(() => {
      file.close();
      disk.rename(unfinished, this.#in(name), renamed);
    });
    file.write(bytes, bytes.length, 0, written);
  }

  /** The newest that reads, among those that the log records when `recorded` is given. "snap: no available snapshot" is undefined. */
  newest(recorded?: readonly Place[]): Snapshot | undefined {
    const names = this.#names().filter((name) => name.endsWith('.snap'));
    for (const name of names.reverse()) {
      const snapshot = this.#read(name);
      if (snapshot === undefined) continue;
      const { term, index } = snapshot.metadata;
      if (recorded === undefined || recorded.some((place) => place.term === term && place.index === index))
        return snapshot;
    }
    return undefined;
  }

  /** Removes databases received with snapshots below `index`: they were applied, or overtaken. */
  releaseDatabases(index: number, done: (failure: DiskFailure | undefined) => void): void {
    const old = this.#names().filter((name) => (parseSnapDbName(name) ?? index) < index);
    this.#removeAll(old, done);
  }

  /**
   * Removes the oldest snapshots while there are more than `keep`; 0 keeps all. Databases are not counted: one that raft never
   * heard of may be of a later index than the one that the log rests on now.
   */
  purge(keep: number, done: (failure: DiskFailure | undefined) => void): void {
    const names = keep === 0 ? [] : this.#names().filter((name) => name.endsWith('.snap'));
    this.#removeAll(names.slice(0, -keep), done);
  }

  #read(name: string): Snapshot | undefined {
    const path = this.#in(name);
    const { bytes, length } = this.#disk.read(path);
    const read = decodeSnapFile(bytes, length, this.#checksum);
    if (read.ok) return read.snapshot;
    const broken = `${path}.broken`;
    this.#log.warn('failed to read a snap file', { path, error: read.text });
    this.#disk.renameNow(path, broken);
    this.#log.warn('renamed to a broken snap file', { path, 'broken-path': broken });
    return undefined;
  }

  #removeAll(names: readonly string[], done: (failure: DiskFailure | undefined) => void): void {
    const [first, ...rest] = names;
    if (first === undefined) done(undefined);
    else
      this.#disk.remove(this.#in(first), (failure) => {
        if (failure === undefined) this.#removeAll(rest, done);
        else done(failure);
      });
  }

  /** In order. */
  #names(): string[] {
    return [...(this.#disk.list(this.#path) ?? [])].sort();
  }

  #in(name: string): string {
    return `${this.#path}/${name}`;
  }
}
