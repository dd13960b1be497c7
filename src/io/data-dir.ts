/**
 * Taking a data directory: it must be there, writable, and this process alone must use it.
 *
 * Node has no `flock`, so on Linux the lock is an abstract socket named after the directory's inode, which the kernel
 * gives up with the process, however that ends; elsewhere it is a file that names its owner. A Go etcd on the same
 * directory holds a `flock` on its database, which `/proc/locks` tells.
 */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../base/log.js';
import { faultText } from './fault.js';

const privateMode = 0o700;
const retryMs = 500;
const complainMs = 10_000;

/** Settles when the directory is ours: while another process has it, this waits, as etcd does. Rejects when it cannot be used. */
export async function takeDataDir(dir: string, log: Log): Promise<void> {
  touch(dir);
  warnAboutMode(dir, log);
  let complainedMs = Number.NEGATIVE_INFINITY;
  while (heldByFlock(dir) || !(await tryLock(dir))) {
    if (performance.now() - complainedMs >= complainMs) {
      complainedMs = performance.now();
      log.warn('db file is flocked by another process, or taking too long', { 'data-dir': dir });
    }
    await sleep(retryMs);
  }
}

function touch(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: privateMode });
    const probe = join(dir, '.touch');
    writeFileSync(probe, '', { mode: 0o600 });
    rmSync(probe);
  } catch (cause) {
    throw new Error(`cannot access data directory: ${faultText(cause)}`, { cause });
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

function inode(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}

function heldByFlock(dir: string): boolean {
  const found = statSync(join(dir, 'member', 'snap', 'db'), { bigint: true, throwIfNoEntry: false });
  if (found === undefined) return false;
  return locks().some((line) => line.includes('FLOCK') && line.includes(`:${found.ino} `));
}

function locks(): readonly string[] {
  try {
    return readFileSync('/proc/locks', 'utf8').split('\n');
  } catch {
    return [];
  }
}

function tryLock(dir: string): Promise<boolean> {
  return process.platform === 'linux' ? bindName(`\0quorate-data-dir:${inode(dir)}`) : Promise.resolve(writeOwner(dir));
}

function bindName(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const lock = createServer((socket) => socket.destroy());
    lock.on('error', () => resolve(false));
    lock.listen(name, () => {
      lock.unref();
      resolve(true);
    });
  });
}

function writeOwner(dir: string): boolean {
  const path = join(dir, 'quorate.lock');
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
  } catch {
    if (isAlive(Number(readFileSync(path, 'utf8')))) return false;
    writeFileSync(path, String(process.pid));
  }
  process.once('exit', () => rmSync(path, { force: true }));
  return true;
}

function isAlive(pid: number): boolean {
  try {
    return pid !== process.pid && process.kill(pid, 0);
  } catch (cause) {
    return cause instanceof Error && 'code' in cause && cause.code === 'EPERM';
  }
}
