/**
 * Taking a data directory: it must be there, writable, and this process alone must use it.
 *
 * etcd waits for ever for whoever holds its database. Here a start waits for as long as a predecessor may take to end,
 * and then says in one line who is in the way: a supervisor sees a failed start rather than one that hangs. A member of this
 * very process is not waited for: who started it can wait for its end.
 */
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../base/log.js';
import { DiskFailure } from '../wire/wal/disk.js';
import { type DataDirLock, heldByUs, lockDataDir } from './data-dir-lock.js';
import { NodeDisk } from './disk.js';
import { faultText } from './fault.js';

const privateMode = 0o700;
const retryMs = 200;
const waitMsMax = 10_000;

/** Settles when the directory is ours. Rejects when it cannot be used, or when another has held it for `waitMs`. */
export async function takeDataDir(dir: string, log: Log, waitMs = waitMsMax): Promise<DataDirLock> {
  touch(dir);
  warnAboutMode(dir, log);
  touch(join(dir, 'member'));
  const beganMs = performance.now();
  for (let tries = 0; ; tries++) {
    const lock = await lockDataDir(dir);
    if (typeof lock !== 'string') return lock;
    if (lock === heldByUs || performance.now() - beganMs >= waitMs)
      throw new Error(`data directory ${dir} is in use by ${lock}: db file is flocked by another process`);
    if (tries === 0)
      log.warn('db file is flocked by another process, or taking too long', { 'data-dir': dir, 'used-by': lock });
    await sleep(retryMs);
  }
}

function touch(dir: string): void {
  try {
    const made = mkdirSync(dir, { recursive: true, mode: privateMode });
    if (made !== undefined) syncParents(dir, made);
    const probe = join(dir, '.touch');
    writeFileSync(probe, '', { mode: 0o600 });
    rmSync(probe);
  } catch (cause) {
    throw new Error(`cannot access data directory: ${faultText(cause)}`, { cause });
  }
}

/** A folder is there after a power failure when the one above it was synced: so from `dir` up to `made`, the first that was new. */
function syncParents(dir: string, made: string): void {
  const disk = new NodeDisk();
  const top = dirname(resolve(made));
  for (let at = resolve(dir); at !== top; at = dirname(at)) {
    try {
      disk.syncDirectoryNow(dirname(at));
    } catch (failure) {
      // A folder may be written to that cannot be read; then the file system's own journal has to do.
      if (!(failure instanceof DiskFailure && failure.code === 'EACCES')) throw failure;
    }
  }
}

function warnAboutMode(dir: string, log: Log): void {
  const mode = statSync(dir).mode & 0o777;
  if (mode === privateMode || process.platform === 'win32') return;
  const error = `directory "${dir}" exist, but the permission is "${modeText(mode, 'd')}". The recommended permission is "${modeText(privateMode, '-')}" to prevent possible unprivileged access to the data`;
  log.warn('check file permission', { error });
}

function modeText(mode: number, kind: string): string {
  return kind + Array.from('rwxrwxrwx', (letter, i) => ((mode >> (8 - i)) & 1 ? letter : '-')).join('');
}
