/**
 * URL lists of flags: comma separated, each `scheme://host:port` without a path, or a unix socket.
 * Refusals read as Go's `net/url` and etcd word them, for scripts and operators know those texts.
 */
import { type Parsed, parsed, quote, refused } from './go-text.js';

export type Url = {
  readonly scheme: string;
  /** Host and port as written, an IPv6 host in brackets; of a unix socket, what stands before the first slash. */
  readonly host: string;
  readonly path: string;
  /** As Go prints it back. */
  readonly text: string;
};

/** `http://b:1, http://a:1,http://b:1` -> both, in order of their text, each once. */
export function parseUrls(list: string): Parsed<readonly string[]> {
  const urls = new Set<string>();
  for (const item of list.split(',')) {
    const url = parseMemberUrl(item.trim());
    if (!url.ok) return url;
    urls.add(url.value.text);
  }
  return parsed([...urls].sort());
}

/** The URLs of one member, in order of their text: at least one. Nothing is dropped, as etcd drops nothing. */
export function parseMemberUrls(texts: readonly string[]): Parsed<readonly string[]> {
  if (texts.length === 0) return refused('no valid URLs given');
  const urls: string[] = [];
  for (const text of texts) {
    const url = parseMemberUrl(text.trim());
    if (!url.ok) return url;
    urls.push(url.value.text);
  }
  return parsed(urls.sort());
}

/** One URL under etcd's rules. */
export function parseMemberUrl(text: string): Parsed<Url> {
  const url = parseUrl(text);
  if (!url.ok) return url;
  switch (url.value.scheme) {
    case 'http':
    case 'https':
      if (splitHostPort(url.value.host) === undefined)
        return refused(`URL address does not have the form "host:port": ${text}`);
      if (url.value.path !== '') return refused(`URL must not contain a path: ${text}`);
      return url;
    case 'unix':
    case 'unixs':
      return url;
    default:
      return refused(`URL scheme must be http, https, unix, or unixs: ${text}`);
  }
}

/** `[::1]:2379` -> `::1` and `2379`; undefined where Go's `net.SplitHostPort` errs. The port may be empty. */
export function splitHostPort(text: string): { readonly host: string; readonly port: string } | undefined {
  const match = /^(?:\[([^[\]]*)\]|([^:[\]]*)):([^:[\]]*)$/.exec(text);
  if (match === null) return undefined;
  return { host: match[1] ?? match[2] ?? '', port: match[3] ?? '' };
}

/** What to listen on: `http://[::1]:2379` -> host and port, `unix://tmp/s` and `unix:///tmp/s` -> a socket path. */
export function listenAddress(text: string): { host: string; port: number } | { path: string } {
  const url = parseMemberUrl(text);
  if (!url.ok) throw new Error(url.why);
  if (url.value.scheme.startsWith('unix')) return { path: url.value.host + url.value.path };
  const { host, port } = splitHostPort(url.value.host) ?? { host: '', port: '' };
  return { host, port: Number(port) };
}

function parseUrl(text: string): Parsed<Url> {
  const wrong = (why: string) => refused(`parse ${quote(text)}: ${why}`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: Go refuses exactly these.
  if (/[\u0000-\u001f\u007f]/.test(text)) return wrong('net/url: invalid control character in URL');
  const [, scheme = '', rest = ''] = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(.*)$/s.exec(text.replace(/#.*$/s, '')) ?? [];
  if (scheme === '' && rest.startsWith(':')) return wrong('missing protocol scheme');
  const [beforeQuery = ''] = rest.split('?', 1);
  if (scheme === '' && /^[^/]*:/.test(beforeQuery)) return wrong('first path segment in URL cannot contain colon');
  const printed = scheme.toLowerCase() + text.slice(scheme.length);
  if (!beforeQuery.startsWith('//')) {
    // `localhost:2379` has the scheme `localhost`; etcd refuses it as an unknown one.
    const path = beforeQuery.startsWith('/') || scheme === '' ? beforeQuery : '';
    return parsed({ scheme: scheme.toLowerCase(), host: '', path, text: printed });
  }
  const [, authority = '', path = ''] = /^\/\/([^/]*)(.*)$/s.exec(beforeQuery) ?? [];
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  const badHost = hostFault(host);
  if (badHost !== undefined) return wrong(badHost);
  return parsed({ scheme: scheme.toLowerCase(), host, path, text: printed });
}

function hostFault(host: string): string | undefined {
  if (host.startsWith('[')) {
    const end = host.lastIndexOf(']');
    if (end < 0) return "missing ']' in host";
    return portFault(host.slice(end + 1));
  }
  const strange = /[\s"<>\\^`{|}]/.exec(host);
  if (strange !== null) return `invalid character ${quote(strange[0])} in host name`;
  const colon = host.lastIndexOf(':');
  return colon < 0 ? undefined : portFault(host.slice(colon));
}

function portFault(colonAndPort: string): string | undefined {
  return /^(?::\d*)?$/.test(colonAndPort) ? undefined : `invalid port ${quote(colonAndPort)} after host`;
}
