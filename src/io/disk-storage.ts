/** Log and values of a member in its data directory, each opened or made. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { check } from '../base/check.js';
import type { DiskCounters } from '../base/counters.js';
import type { Log } from '../base/log.js';
import { appliedKey, readRecordedNumber } from '../member/applier.js';
import { emptyLog, type RecoveredLog } from '../member/assembly.js';
import { makeDataDirectory } from '../wire/wal/data-directory.js';
import { decodeMetadata, metadataBytes } from '../wire/wal/records.js';
import { SnapDirectory } from '../wire/wal/snap-directory.js';
import { snapDbName } from '../wire/wal/snap-file.js';
import { checksum } from './checksum.js';
import { NodeDisk } from './disk.js';
import { loadIndex, saveIndex } from './index-checkpoint.js';
import { ReceivedDatabase } from './received-database.js';
import { restoreValues } from './restore-values.js';
import type { Identity, Storage } from './storage.js';
import { settleReplacement } from './values/replacement.js';
import { openStoredValues } from './values/stored-values.js';
import { diskFailedExitCode, logExists, startWal } from './wal.js';

export interface DiskStorageOptions {
  readonly dir: string;
  /** Empty: inside the data directory. */
  readonly walDir: string;
  readonly unsafeNoFsync: boolean;
  readonly walsMax: number;
  readonly snapshotsMax: number;
  readonly log: Log;
  /** Where each write of the log that reached the disk is measured. */
  readonly counters: DiskCounters;
}

/** The directory must be taken (`takeDataDir`): what is in it is this process's alone. */
export async function diskStorage(options: DiskStorageOptions, identity: () => Promise<Identity>): Promise<Storage> {
  const { dir, log, counters } = options;
  const folders = makeDataDirectory(new NodeDisk({ unsafeNoFsync: options.unsafeNoFsync }), dir);
  const snaps = new SnapDirectory(new NodeDisk(), folders.snap, checksum, log);
  snaps.clean();
  let persisted: (batches: number) => void = () => {};
  const directory = options.walDir === '' ? folders.wal : options.walDir;
  const made = logExists(directory) ? undefined : metadataBytes(await identity());
  const started = startWal({
    directory,
    metadata() {
      check(made !== undefined, 'a log that was there a moment ago has to be made');
      return made;
    },
    from: snaps.newest()?.metadata,
    log,
    persisted: (batches) => persisted(batches),
    unsafeNoFsync: options.unsafeNoFsync,
    walsMax: options.walsMax,
    observe(tookMs, bytes) {
      // One call writes and syncs, so it is both.
      counters.walFsyncSeconds.observe(tookMs / 1000);
      counters.walWriteSeconds.observe(tookMs / 1000);
      counters.walWriteBytes += bytes;
    },
  });
  if (!started.ok) throw new Error(started.refusal.text);
  const { wal, writer, stop } = started;
  const found = decodeMetadata(wal.tail.metadata);
  if (found === undefined) throw new Error(`the log in ${dir} does not say whose it is`);
  const fatal = (what: string, cause: unknown) => {
    log.error(what, { error: cause instanceof Error ? cause.message : String(cause) });
    process.exit(diskFailedExitCode);
  };
  const path = folders.values;
  const beganMs = performance.now();
  const valueOptions = { onFatal: (cause: unknown) => fatal('the value store cannot be written; stopping', cause) };
  settleReplacement(path);
  const values = openStoredValues(path, valueOptions);
  let restoring: Promise<void> = Promise.resolve();
  const databaseOf = (index: number) => join(folders.snap, snapDbName(index));
  const restore = async (index: number) => {
    const database = databaseOf(index);
    await restoreValues({ values, folder: path, options: valueOptions, path: database, index });
    // Its content is in the values for good.
    await rm(database, { force: true });
  };
  const recorded = readRecordedNumber(values, appliedKey);
  const from = wal.snapshot.index;
  if (recorded < from) {
    // The end came after the log rested on a snapshot that was received, and before the values did.
    if (!existsSync(databaseOf(from))) {
      throw new Error(
        `database file (${path} index ${recorded}) does not match with snapshot (index ${from}): ` +
          "failed to find database snapshot file (snap: snapshot file doesn't exist)",
      );
    }
    await restore(from);
    log.info('restored values from a received snapshot', { 'snapshot-index': from });
  }
  // Of databases that raft never heard of, or whose snapshot was overtaken, nobody will ask again.
  await new Promise<void>((resolve) => snaps.releaseDatabases(Number.POSITIVE_INFINITY, () => resolve()));
  log.info('opened backend db', { path, took: millisecondsText(performance.now() - beganMs) });
  let recovered: RecoveredLog = {
    snapshot: wal.snapshot,
    hardState: wal.hardState.term === 0 ? undefined : wal.hardState,
    entries: wal.entries,
  };
  return {
    identity: found,
    values,
    takeRecovered() {
      const taken = recovered;
      recovered = emptyLog;
      return taken;
    },
    loadIndex: () => loadIndex(folders.snap, values),
    saveIndex: (store) =>
      new Promise((resolve) => {
        saveIndex(folders.snap, store);
        values.commit(resolve);
      }),
    append: (batch) => writer.append(batch),
    onPersisted(tell) {
      persisted = tell;
    },
    saveSnapshot(snapshot, done) {
      const beganMs = performance.now();
      snaps.save(snapshot, (failure) => {
        counters.snapFsyncSeconds.observe((performance.now() - beganMs) / 1000);
        if (failure !== undefined) return fatal('a snapshot cannot be written; stopping', failure);
        log.info('saved snapshot', { 'snapshot-index': snapshot.metadata.index });
        snaps.purge(options.snapshotsMax, () => snaps.releaseDatabases(snapshot.metadata.index, () => {}));
        done();
      });
    },
    receiveDatabase: (index) => new ReceivedDatabase(folders.snap, index, counters),
    restore(index, done) {
      restoring = restore(index).then(done, (cause: unknown) => fatal('failed to open snapshot backend', cause));
    },
    release: (index) => writer.release(index),
    defragment: (done) => values.defragment(() => done(undefined)),
    close: (hardState) =>
      new Promise((resolve) => {
        // The member has stopped, and did not ask for what is written now.
        persisted = () => {};
        if (hardState !== undefined) writer.append({ entries: [], hardState, snapshot: undefined, mustSync: false });
        stop(() => resolve(restoring.then(() => values.close())));
      }),
  };
}

/** As Go prints a duration of less than a second. */
function millisecondsText(ms: number): string {
  return ms >= 1000 ? `${ms / 1000}s` : `${Math.round(ms * 1000) / 1000}ms`;
}
