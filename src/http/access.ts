/**
 * What each request on the client port passes first: old gateway paths are rewritten, unknown host names are refused
 * where there is no TLS (a page that rebinds its own name to this address must not reach the store), and browsers are
 * told which origins may call.
 */
import { quote } from '../base/go-text.js';
import type { Log } from '../base/log.js';
import { splitHostPort } from '../base/urls.js';
import { errorResponse, type Handler, okEmpty, type Respond } from './message.js';

export type AccessRules = {
  /** `*` or none allows all. */
  readonly cors: readonly string[];
  /** `*` or none allows all. */
  readonly hostWhitelist: readonly string[];
};

const oldPrefix = '/v3beta/';

export function withAccess(rules: AccessRules, log: Log, inner: Handler): Handler {
  const anyOrigin = allowsAll(rules.cors);
  const origins = new Set(rules.cors);
  const anyHost = allowsAll(rules.hostWhitelist);
  const hosts = new Set(rules.hostWhitelist);
  return (asked, respond) => {
    const request = asked.path.startsWith(oldPrefix)
      ? { ...asked, path: `/v3/${asked.path.slice(oldPrefix.length)}` }
      : asked;
    const host = hostName(request.host);
    if (!request.secure && !anyHost && !hosts.has(host)) {
      log.warn('rejecting HTTP request to prevent DNS rebinding attacks', { host });
      return respond(errorResponse(421, unknownHost(host)));
    }
    const origin = anyOrigin ? '*' : (request.headers.origin ?? '');
    const answer = anyOrigin || origins.has(origin) ? withOrigin(origin, respond) : respond;
    if (request.method === 'OPTIONS') return answer(okEmpty);
    inner(request, answer);
  };
}

const allowsAll = (list: readonly string[]): boolean => list.length === 0 || list.includes('*');
const hostName = (host: string): string => splitHostPort(host)?.host ?? host;

function withOrigin(origin: string, respond: Respond): Respond {
  return (response) => {
    const headers = {
      'Access-Control-Allow-Headers': 'accept, content-type, authorization',
      'Access-Control-Allow-Methods': 'POST, GET, OPTIONS, PUT, DELETE',
      'Access-Control-Allow-Origin': origin,
      ...response.headers,
    };
    respond({ ...response, headers });
  };
}

const unknownHost = (host: string): string => `
etcd received your request, but the Host header was unrecognized.

To fix this, choose one of the following options:
- Enable TLS, then any HTTPS request will be allowed.
- Add the hostname you want to use to the whitelist in settings.
  - e.g. etcd --host-whitelist ${quote(host)}

This requirement has been added to help prevent "DNS Rebinding" attacks (CVE-2018-5702).
`;
