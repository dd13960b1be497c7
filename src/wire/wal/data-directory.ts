/**
 * The folders of a data directory, laid out as etcd does:
 *
 *     <data-dir>/member/wal          segments of the log
 *     <data-dir>/member/snap         snapshots (`.snap`)
 *     <data-dir>/member/snap/values  the value store
 */
import type { Disk } from './disk.js';

export interface DataDirectory {
  readonly wal: string;
  readonly snap: string;
  readonly values: string;
}

/**
 * Makes what is missing, and makes it durable: a folder whose parent was never synced may be gone when the power comes back, with a
 * whole log in it. It is done at each start, for the one before may have ended between the two. The log makes its own folder.
 */
export function makeDataDirectory(disk: Disk, path: string): DataDirectory {
  const member = `${path}/member`;
  const snap = `${member}/snap`;
  const values = `${snap}/values`;
  disk.makeDirectoryNow(values);
  for (const parent of [snap, member, path]) disk.syncDirectoryNow(parent);
  return { wal: `${member}/wal`, snap, values };
}
