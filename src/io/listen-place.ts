/** Where a listen URL points, and Go's words for why one cannot listen there. */
import { lookup } from 'node:dns/promises';
import { existsSync, statSync, unlinkSync } from 'node:fs';
import { isIP } from 'node:net';
import { dirname } from 'node:path';

export interface ListenPlace {
  /** Empty for every address. */
  readonly host: string;
  readonly port: number;
  /** Of a unix socket; else empty. */
  readonly path: string;
}

export function listenPlace(url: string): ListenPlace {
  const unix = /^unixs?:\/\/(.+)$/.exec(url);
  if (unix !== null) return { host: '', port: 0, path: unix[1] as string };
  const { hostname, port, protocol } = new URL(url);
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  return { host, port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port), path: '' };
}

/** Finds the address of a host's name: the first IPv4 one, as Go does, so that `localhost` means 127.0.0.1. */
export async function resolvePlace(place: ListenPlace): Promise<ListenPlace> {
  if (place.path !== '' || place.host === '' || isIP(place.host) !== 0) return place;
  try {
    const { address } = await lookup(place.host, { verbatim: false });
    return { ...place, host: address };
  } catch (error) {
    throw new ListenError(place, error instanceof Error ? error : new Error(String(error)));
  }
}

/** As etcd: a socket left over from a process that was killed must not keep the next one from starting. */
export function removeStaleSocket({ path }: ListenPlace): void {
  if (path !== '' && statSync(path, { throwIfNoEntry: false })?.isSocket() === true) unlinkSync(path);
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'bind: address already in use',
  EADDRNOTAVAIL: 'bind: cannot assign requested address',
  EACCES: 'bind: permission denied',
  EAFNOSUPPORT: 'socket: address family not supported by protocol',
  ENOENT: 'bind: no such file or directory',
};

/** `listen tcp 127.0.0.1:2379: bind: address already in use` */
export class ListenError extends Error {
  override readonly name = 'ListenError';

  constructor(place: ListenPlace, cause: NodeJS.ErrnoException & { address?: string }) {
    super(listenText(place, cause), { cause });
  }
}

function listenText(place: ListenPlace, cause: NodeJS.ErrnoException & { address?: string }): string {
  if (cause.code === 'ENOTFOUND' || cause.code === 'EAI_AGAIN') return `listen tcp: lookup ${place.host}: no such host`;
  // libuv says EACCES where a unix socket's folder is missing.
  const missing = place.path !== '' && cause.code === 'EACCES' && !existsSync(dirname(place.path));
  const reason = reasons[missing ? 'ENOENT' : (cause.code ?? '')] ?? cause.message;
  if (place.path !== '') return `listen unix ${place.path}: ${reason}`;
  const host = cause.address ?? place.host;
  return `listen tcp ${host.includes(':') ? `[${host}]` : host}:${place.port}: ${reason}`;
}
