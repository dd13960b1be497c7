/** Refusals of the operating system in the words that Go, and so etcd, has for them. */

const words: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EEXIST: 'file exists',
  EISDIR: 'is a directory',
  EMFILE: 'too many open files',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
};

const calls: Readonly<Record<string, string>> = { scandir: 'open' };

/** `listen tcp 127.0.0.1:2379: bind: address already in use`; `mkdir /x: permission denied`. */
export function faultText(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { code, syscall, path, address, port }: NodeJS.ErrnoException & { address?: string; port?: number } = cause;
  const why = code === undefined ? undefined : words[code];
  if (why === undefined || syscall === undefined) return cause.message;
  if (syscall === 'listen') {
    if (port === undefined || port < 0) return `listen unix ${address ?? ''}: bind: ${why}`;
    const host = address?.includes(':') ? `[${address}]` : address;
    return `listen tcp ${host}:${port}: bind: ${why}`;
  }
  return `${calls[syscall] ?? syscall} ${path ?? ''}: ${why}`;
}
