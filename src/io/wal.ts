/**
 * The log on the disk of this machine: made or opened, written to, purged, and ending the process when the disk fails.
 *
 * A failed write or sync is never tried again: after it the kernel may call pages clean that never reached the disk, so that a second
 * sync that succeeds says nothing.
 */
import type { Bytes } from '../base/bytes.js';
import type { Log } from '../base/log.js';
import type { DiskFailure } from '../wire/wal/disk.js';
import { createWal, type OpenWal, openWalAt, type WalRefusal, walExists } from '../wire/wal/open.js';
import type { StartPosition } from '../wire/wal/replay.js';
import { WalWriter } from '../wire/wal/writer.js';
import { checksum } from './checksum.js';
import { NodeDisk } from './disk.js';

/** What a process ends with whose disk failed: `EX_IOERR` of sysexits. */
export const diskFailedExitCode = 74;
/** How often segments that are not needed are looked for. */
const purgeEveryMs = 30_000;
const slowSyncMs = 1000;

export type LogEvents = Pick<Log, 'warn' | 'info'>;

export interface WalOptions {
  readonly directory: string;
  /** For a log that has to be made: `metadataBytes` of the member. */
  readonly metadata: () => Bytes;
  readonly log: LogEvents;
  /** The newest snapshot that has a file: when the log records it, segments before it need not be read. */
  readonly from?: StartPosition | undefined;
  /** `batches` more are durable, in order. */
  readonly persisted: (batches: number) => void;
  readonly unsafeNoFsync: boolean;
  /** 0 keeps all. */
  readonly walsMax: number;
  /** Milliseconds of each write that reached the disk: `etcd_disk_wal_fsync_duration_seconds`. */
  readonly observe?: (tookMs: number, bytes: number) => void;
  /** Instead of ending the process. */
  readonly fatal?: (failure: DiskFailure) => void;
}

export type WalStart =
  | {
      readonly ok: true;
      readonly wal: OpenWal;
      readonly writer: WalWriter;
      readonly stop: (stopped: () => void) => void;
    }
  | { readonly ok: false; readonly refusal: WalRefusal };

/** Whether there is a log: then the member restarts, and bootstrap flags are ignored. */
export function logExists(directory: string): boolean {
  return walExists(new NodeDisk(), directory);
}

export function startWal(options: WalOptions): WalStart {
  const { directory, log } = options;
  const observe = (tookMs: number, bytes: number) => {
    if (tookMs > slowSyncMs) log.warn('slow fdatasync', { took: `${tookMs}ms`, 'expected-duration': '1s' });
    options.observe?.(tookMs, bytes);
  };
  const { unsafeNoFsync } = options;
  const disk = new NodeDisk({ unsafeNoFsync, observe });
  const open = { disk, directory, checksum };
  const opening = walExists(disk, directory)
    ? openWalAt(open, options.from)
    : { ok: true as const, wal: createWal(open, options.metadata()) };
  if (!opening.ok) return opening;
  const { wal } = opening;
  tell(wal, log);
  const failed = (failure: DiskFailure) => {
    log.warn('the disk failed; stopping', { path: failure.path, error: failure.message });
    if (options.fatal === undefined) process.exit(diskFailedExitCode);
    options.fatal(failure);
  };
  const writer = new WalWriter(wal.tail, { disk, checksum, persisted: options.persisted, failed });
  const purging = setInterval(() => purge(writer, options), purgeEveryMs);
  purging.unref();
  const stop = (stopped: () => void) => {
    clearInterval(purging);
    writer.close(stopped);
  };
  return { ok: true, wal, writer, stop };
}

function tell(wal: OpenWal, log: LogEvents): void {
  for (const path of wal.ignored) log.warn('ignored file in WAL directory', { path });
  if (wal.repaired !== undefined) log.info('repaired', { ...wal.repaired, error: 'unexpected EOF' });
}

function purge(writer: WalWriter, { walsMax, log, directory }: WalOptions): void {
  writer.purge(walsMax, (name, failure) => {
    const path = `${directory}/${name}`;
    if (failure === undefined) log.info('purged', { path });
    else log.warn('failed to purge file', { path, error: failure.message });
  });
}
