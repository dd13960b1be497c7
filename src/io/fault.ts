/** Refusals of the operating system in the words that Go, and so etcd, has for them. */

const words: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by peer',
  EEXIST: 'file exists',
  EHOSTUNREACH: 'no route to host',
  EISDIR: 'is a directory',
  EMFILE: 'too many open files',
  ENETUNREACH: 'network is unreachable',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on device',
  ENOTDIR: 'not a directory',
  EPERM: 'operation not permitted',
  EPIPE: 'broken pipe',
  EROFS: 'read-only file system',
};

const calls: Readonly<Record<string, string>> = { scandir: 'open' };

/** `listen tcp 127.0.0.1:2379: bind: address already in use`; `mkdir /x: permission denied`. */
export function faultText(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  // A name with several addresses, none of which answers.
  if (cause instanceof AggregateError && cause.errors.length > 0) return faultText(cause.errors[0]);
  const { code, syscall, path, address, port }: NodeJS.ErrnoException & { address?: string; port?: number } = cause;
  const why = code === undefined ? undefined : words[code];
  if (why === undefined || syscall === undefined) return cause.message;
  if (syscall === 'listen') {
    if (port === undefined || port < 0) return `listen unix ${address ?? ''}: bind: ${why}`;
    const host = address?.includes(':') ? `[${address}]` : address;
    return `listen tcp ${host}:${port}: bind: ${why}`;
  }
  if (syscall === 'connect') {
    if (port === undefined) return `dial unix ${address ?? ''}: connect: ${why}`;
    return `dial tcp ${address?.includes(':') ? `[${address}]` : address}:${port}: connect: ${why}`;
  }
  return `${calls[syscall] ?? syscall}${path === undefined ? '' : ` ${path}`}: ${why}`;
}
