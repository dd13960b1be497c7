/** The HTTP side of the client port, and of the sockets of `--listen-metrics-urls`. */
import { type JsonOut, jsonText } from '../base/json.js';
import type { Log } from '../base/log.js';
import { apiVersion } from '../base/version.js';
import { type AccessRules, withAccess } from './access.js';
import { type HealthCounters, healthFamilies, healthRoutes } from './health.js';
import type { HealthProbe } from './health-probe.js';
import { type Handler, jsonResponse } from './message.js';
import { type Family, metricsContentType, metricsText } from './metrics-text.js';
import { onlyGet, router } from './router.js';

/** What the endpoints ask of the member and of the process; read anew for each request. */
export interface ClientPort {
  readonly probe: HealthProbe;
  readonly health: HealthCounters;
  readonly log: Log;
  /** `3.7.0`; undefined until the cluster, or the store, has decided. */
  versions(): { readonly cluster: string | undefined; readonly storage: string | undefined };
  families(): readonly Family[];
  /** Named objects for `/debug/vars`: `cmdline`, `file_descriptor_limit`, `memstats`, `raft.status`. */
  vars(): Readonly<Record<string, JsonOut>>;
}

export function clientHandler(port: ClientPort, rules: AccessRules): Handler {
  const routes = new Map([
    ...metricsRoutes(port),
    versionRoute(port),
    ['/debug/vars', onlyGet(varsHandler(port))] as const,
  ]);
  return withAccess(rules, port.log, router(routes));
}

/** Metrics and health alone, for whoever comes. */
export function metricsHandler(port: ClientPort): Handler {
  return router(new Map(metricsRoutes(port)));
}

function metricsRoutes(port: ClientPort): readonly (readonly [string, Handler])[] {
  const metrics: Handler = (_, respond) => {
    const families = [...port.families(), ...healthFamilies(port.health)];
    respond({ status: 200, headers: { 'Content-Type': metricsContentType }, body: metricsText(families) });
  };
  const { probe, health: counters, log } = port;
  return [['/metrics', metrics], ...healthRoutes({ probe, counters, log })];
}

export function versionRoute(port: Pick<ClientPort, 'versions'>): readonly [string, Handler] {
  return ['/version', onlyGet(versionHandler(port))];
}

function versionHandler(port: Pick<ClientPort, 'versions'>): Handler {
  return (_, respond) => {
    const { cluster, storage } = port.versions();
    const body = jsonText({
      etcdserver: apiVersion,
      etcdcluster: cluster ?? 'not_decided',
      storage: storage ?? 'unknown',
    });
    respond(jsonResponse(body));
  };
}

function varsHandler(port: ClientPort): Handler {
  return (_, respond) => {
    const members = Object.entries(port.vars()).sort(([a], [b]) => (a < b ? -1 : 1));
    const lines = members.map(([name, value]) => `${jsonText(name)}: ${jsonText(value)}`);
    respond(jsonResponse(`{\n${lines.join(',\n')}\n}\n`, 'application/json; charset=utf-8'));
  };
}
