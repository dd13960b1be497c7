/**
 * One process a data directory. Node has no `flock`, so each platform's own means that the kernel undoes when a process dies,
 * `kill -9` included:
 *
 * - Linux: an abstract socket named after the directory's device and inode; and, where the program `flock` is installed, a lock on
 *   `member/lock`: the child locks the open file that it shares with us, and ends. The socket is atomic and needs nothing but is known
 *   within a network namespace only; the lock is known to all containers that share the directory.
 * - macOS and the BSDs: `O_EXLOCK`. Windows: a named pipe, which one process may open first.
 *
 * A Go etcd holds kernel locks on its files that these do not meet: they are looked up in `/proc/locks`.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, ftruncateSync, openSync, readdirSync, readFileSync, statSync, writeSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';

export interface DataDirLock {
  release(): void;
}

/** The answer when a member of this process has the directory. */
export const heldByUs = 'this process already';

/** The directories that members of this very process hold: the kernel's locks would not always tell them apart. */
const ours = new Set<string>();

/** The lock, or who holds the directory. `member/` is there already. */
export async function lockDataDir(dataDir: string): Promise<DataDirLock | string> {
  const { dev, ino } = statSync(dataDir, { bigint: true });
  const identity = `${dev}-${ino}`;
  if (ours.has(identity)) return heldByUs;
  ours.add(identity);
  const taken = await lockAgainstOthers(dataDir, identity).finally(() => ours.delete(identity));
  if (typeof taken === 'string') return taken;
  ours.add(identity);
  return {
    release() {
      ours.delete(identity);
      taken.release();
    },
  };
}

async function lockAgainstOthers(dataDir: string, identity: string): Promise<DataDirLock | string> {
  const path = join(dataDir, 'member', 'lock');
  if (process.platform === 'linux' && heldByGo(dataDir)) return 'a Go etcd';
  const socket = await bindName(identity);
  if (socket === 'taken') return ownerIn(path);
  const file = lockFile(path);
  if (file === 'taken') {
    socket?.close();
    return ownerIn(path);
  }
  return {
    release() {
      socket?.close();
      closeSync(file);
    },
  };
}

function ownerIn(path: string): string {
  try {
    return `process ${readFileSync(path, 'utf8').trim()}`;
  } catch {
    return 'another process';
  }
}

/** Binds a name that only one process can have; undefined on platforms that have none. */
function bindName(identity: string): Promise<Server | 'taken' | undefined> {
  const names: Partial<Record<NodeJS.Platform, string>> = {
    linux: `\0quorate-data-${identity}`,
    win32: `\\\\.\\pipe\\quorate-data-${identity}`,
  };
  const path = names[process.platform];
  if (path === undefined) return Promise.resolve(undefined);
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve('taken');
      else reject(error);
    });
    server.listen({ path, exclusive: true }, () => {
      server.unref();
      resolve(server);
    });
  });
}

/** Opens the file and locks it as far as the platform lets us; our process id in it is for people. */
function lockFile(path: string): number | 'taken' {
  const exclusive = ['darwin', 'freebsd', 'openbsd'].includes(process.platform);
  // `O_EXLOCK | O_NONBLOCK`, which Node does not name.
  const flags = constants.O_RDWR | constants.O_CREAT | (exclusive ? 0x20 | 0x4 : 0);
  let descriptor: number;
  try {
    descriptor = openSync(path, flags, 0o600);
  } catch (error) {
    if (exclusive && error instanceof Error && 'code' in error && error.code === 'EAGAIN') return 'taken';
    throw error;
  }
  if (process.platform === 'linux') {
    // Exit code 1: another holds it. No such program, or a file system without locks: the socket has to do.
    const { status } = spawnSync('flock', ['-n', '-x', '3'], { stdio: ['ignore', 'ignore', 'ignore', descriptor] });
    if (status === 1) {
      closeSync(descriptor);
      return 'taken';
    }
  }
  ftruncateSync(descriptor, 0);
  writeSync(descriptor, `${process.pid}\n`);
  return descriptor;
}

/** Whether some process holds a lock, of whichever kind, on the database or a segment of the log, as etcd's do. */
function heldByGo(dataDir: string): boolean {
  const held = heldInodes();
  if (held.size === 0) return false;
  const files = [join(dataDir, 'member', 'snap', 'db')];
  const wal = join(dataDir, 'member', 'wal');
  for (const name of namesIn(wal)) if (name.endsWith('.wal')) files.push(join(wal, name));
  return files.some((path) => {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) return false;
    const major = ((found.dev >>> 8) & 0xfff).toString(16).padStart(2, '0');
    const minor = ((found.dev & 0xff) | ((found.dev >>> 12) & 0xfff00)).toString(16).padStart(2, '0');
    return held.has(`${major}:${minor}:${found.ino}`);
  });
}

/** `major:minor:inode` of each file that is locked for writing. */
function heldInodes(): Set<string> {
  const held = new Set<string>();
  try {
    // `1: OFDLCK ADVISORY  WRITE -1 fd:01:131 0 EOF`; those who wait for one have an arrow behind the number.
    for (const line of readFileSync('/proc/locks', 'utf8').split('\n')) {
      const found = /^\d+: \S+\s+\S+\s+WRITE\s+\S+\s+([0-9a-f]+:[0-9a-f]+:\d+)\s/.exec(line);
      if (found?.[1] !== undefined) held.add(found[1]);
    }
  } catch {
    // A system without `/proc` cannot tell.
  }
  return held;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
