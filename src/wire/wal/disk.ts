/**
 * The port behind which files live: `io/` answers with the operating system, `sim/` with a disk that forgets what was not synced.
 *
 * Two kinds of calls. Those that end in `Now`, and those that read, return when they are done and throw `DiskFailure`: they are for the
 * start, before anyone is served. The others are answered later through `done`, in the order in which the disk gets them done.
 * A name, once made, changed or removed, is durable when its directory was synced, and content when it was synced or written through.
 */
import type { Bytes } from '../../base/bytes.js';

export class DiskFailure extends Error {
  override readonly name = 'DiskFailure';

  /** `code` is the system's: `ENOSPC`, `EIO`... */
  constructor(
    readonly code: string,
    readonly path: string,
    message: string,
  ) {
    super(message);
  }
}

/** With the failure, or without one when it went well. */
export type Done = (failure: DiskFailure | undefined) => void;

export interface DiskFile {
  readonly path: string;
  /** Length of the file, zeroes ahead included. */
  readonly sizeBytes: number;
  /**
   * Writes `bytes[0, length)` at `offset`, through to the disk. At most one write at a time, and `bytes` is not touched until `done`.
   */
  write(bytes: Bytes, length: number, offset: number, done: Done): void;
  truncate(sizeBytes: number, done: Done): void;
  writeNow(bytes: Bytes, length: number, offset: number): void;
  truncateNow(sizeBytes: number): void;
  /** Content and length. */
  syncNow(): void;
  close(): void;
}

export interface Disk {
  /** The names in a directory; undefined when there is none. */
  list(directory: string): string[] | undefined;
  /** The whole file, in `reuse` when that is long enough: only the first `length` bytes are the file's. */
  read(path: string, reuse?: Bytes): { readonly bytes: Bytes; readonly length: number };
  /** With all missing parents, for the owner only. */
  makeDirectoryNow(path: string): void;
  /** For writing; what is written to it goes through to the disk. Made for the owner only when it is not there. */
  open(path: string): DiskFile;
  renameNow(from: string, to: string): void;
  /** A file, or a directory with all in it; nothing when it is not there. */
  removeNow(path: string): void;
  syncDirectoryNow(path: string): void;

  rename(from: string, to: string, done: Done): void;
  remove(path: string, done: Done): void;
  syncDirectory(path: string, done: Done): void;
  /** Calls back when the present call stack has ended. */
  soon(call: () => void): void;
}
