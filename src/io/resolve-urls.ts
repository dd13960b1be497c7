/** Names in URLs to addresses, asked of the system's resolver. A name that is not there yet is asked for again for a while. */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parsed, printDuration, quote, refused } from '../base/go-text.js';
import type { Log } from '../base/log.js';
import { parseMemberUrl, splitHostPort } from '../base/urls.js';
import type { Resolve } from '../cluster/same-urls.js';

const retryMsDefault = 1000;
const waitMsMax = 30_000;

export interface ResolverOptions {
  readonly log: Log;
  /** How long a name that is not there is asked for. */
  readonly waitMs?: number;
  readonly retryMs?: number;
  /** The address of a name; rejects when it has none. The system's resolver unless another is given. */
  readonly find?: (host: string) => Promise<string>;
}

/** Answers by what was found out about `urls`, each name of which is asked for once. */
export async function resolverFor(urls: readonly string[], options: ResolverOptions): Promise<Resolve> {
  const untilMs = performance.now() + (options.waitMs ?? waitMsMax);
  const addresses = new Map<string, string | undefined>();
  const resolved = new Map<string, string>();
  for (const url of urls) {
    const host = nameIn(url);
    if (host === undefined) continue;
    if (!addresses.has(host)) addresses.set(host, await addressOf(url, host, untilMs, options));
    const address = addresses.get(host);
    if (address === undefined) continue;
    const shown = isIP(address) === 6 ? `[${address}]` : address;
    resolved.set(url, url.replace(`//${host}:`, `//${shown}:`));
  }
  return (wanted) => {
    const missing = wanted.find((url) => nameIn(url) !== undefined && !resolved.has(url));
    if (missing === undefined) return parsed(wanted.map((url) => resolved.get(url) ?? url));
    return refused(`failed to resolve ${quote(missing)} (lookup ${nameIn(missing)}: no such host)`);
  };
}

/** The name that has to be resolved; undefined for an address, a socket and `localhost`. */
function nameIn(url: string): string | undefined {
  const read = parseMemberUrl(url);
  if (!read.ok || read.value.scheme.startsWith('unix')) return undefined;
  const host = splitHostPort(read.value.host)?.host ?? '';
  return host === '' || host === 'localhost' || isIP(host) !== 0 ? undefined : host;
}

async function addressOf(
  url: string,
  host: string,
  untilMs: number,
  { log, retryMs = retryMsDefault, find = systemAddress }: ResolverOptions,
): Promise<string | undefined> {
  for (;;) {
    try {
      const address = await find(host);
      log.info('resolved URL Host', { url, host, 'resolved-addr': address });
      return address;
    } catch (cause) {
      const error = cause instanceof Error ? cause.message : String(cause);
      log.warn('failed to resolve URL Host', { url, host, 'retry-interval': printDuration(retryMs), error });
      if (performance.now() + retryMs > untilMs) return undefined;
      await sleep(retryMs);
    }
  }
}

const systemAddress = async (host: string) => (await lookup(host)).address;
