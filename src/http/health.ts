/**
 * `/health`, `/livez` and `/readyz`: whether this member works, is alive, is ready.
 *
 * `/health` is etcd's first form, one JSON object; the other two are lists of named checks, each with a path of its own.
 */
import type { Log } from '../base/log.js';
import { alarmName, type HealthProbe } from './health-probe.js';
import {
  errorResponse,
  type Handler,
  type HttpRequest,
  type HttpResponse,
  methodNotAllowed,
  type Respond,
  textType,
} from './message.js';
import type { Family, Sample } from './metrics-text.js';

/** `done` is called once, with what is wrong or nothing. */
type Check = (probe: HealthProbe, done: (error: string | undefined) => void) => void;

const serializableRead: Check = (probe, done) => probe.read('serializable', done);
const linearizableRead: Check = (probe, done) => probe.read('linearizable', done);
const dataCorruption: Check = (probe, done) => {
  const corrupt = probe.alarms().some((alarm) => alarmName(alarm) === 'CORRUPT');
  done(corrupt ? 'alarm activated: CORRUPT' : undefined);
};
const nonLearner: Check = (probe, done) => done(probe.isLearner() ? 'not supported for learner' : undefined);

type CheckList = readonly (readonly [name: string, check: Check])[];
const lists = {
  livez: [['serializable_read', serializableRead]],
  readyz: [
    ['data_corruption', dataCorruption],
    ['serializable_read', serializableRead],
    ['linearizable_read', linearizableRead],
    ['non_learner', nonLearner],
  ],
} as const satisfies Record<string, CheckList>;

/** How the checks went so far, for `/metrics`. */
export class HealthCounters {
  successes = 0;
  failures = 0;
  /** By `readyz data_corruption`. */
  readonly checks = new Map<string, { successes: number; errors: number; last: 0 | 1 }>();

  count(kind: string, name: string, ok: boolean): void {
    const key = `${kind} ${name}`;
    const known = this.checks.get(key) ?? { successes: 0, errors: 0, last: 0 };
    if (ok) known.successes++;
    else known.errors++;
    known.last = ok ? 1 : 0;
    this.checks.set(key, known);
  }
}

export type HealthParts = { readonly probe: HealthProbe; readonly counters: HealthCounters; readonly log: Log };

export function healthRoutes(parts: HealthParts): readonly (readonly [path: string, handler: Handler])[] {
  const routes: (readonly [string, Handler])[] = [['/health', healthHandler(parts)]];
  for (const [kind, list] of Object.entries<CheckList>(lists)) {
    routes.push([`/${kind}`, checksHandler(parts, kind, list, true)]);
    for (const each of list) routes.push([`/${kind}/${each[0]}`, checksHandler(parts, kind, [each], false)]);
  }
  return routes;
}

function healthHandler({ probe, counters, log }: HealthParts): Handler {
  const answer = (reason: string, respond: Respond) => {
    const ok = reason === '';
    const body = JSON.stringify({ health: String(ok), reason });
    if (ok) {
      counters.successes++;
      return respond({ status: 200, headers: { 'Content-Type': textType }, body });
    }
    counters.failures++;
    log.warn('/health error', { output: body, 'status-code': 503 });
    respond(errorResponse(503, body));
  };
  return (request, respond) => {
    if (request.method !== 'GET') {
      log.warn('/health error', { 'status-code': 405 });
      return respond(methodNotAllowed);
    }
    const query = new URLSearchParams(request.query);
    const excluded = new Set(query.getAll('exclude'));
    const raised = probe.alarms().find((alarm) => !excluded.has(alarmName(alarm)));
    if (raised !== undefined) return answer(`ALARM ${shownAlarm(alarmName(raised))}`, respond);
    const serializable = query.get('serializable') === 'true';
    if (!serializable && !probe.hasLeader()) return answer('RAFT NO LEADER', respond);
    probe.read(serializable ? 'serializable' : 'linearizable', (error) => {
      answer(error === undefined ? '' : `RANGE ERROR:${error}`, respond);
    });
  };
}

const shownAlarm = (name: string): string => (name === 'NOSPACE' || name === 'CORRUPT' ? name : 'UNKNOWN');

/** `root`: the path that runs all checks, of which some may be excluded. */
function checksHandler(parts: HealthParts, kind: string, list: CheckList, root: boolean): Handler {
  const { probe, counters, log } = parts;
  return (request, respond) => {
    if (request.method !== 'GET') {
      log.warn('Health request error', { path: request.path, 'status-code': 405 });
      return respond(methodNotAllowed);
    }
    const query = new URLSearchParams(request.query);
    const chosen = root ? withoutExcluded(list, query, log) : list;
    const errors: (string | undefined)[] = chosen.map(() => undefined);
    let waiting = chosen.length;
    const finish = () => respond(checksResponse(request, query.has('verbose'), reportOf(chosen, errors), log));
    if (waiting === 0) return finish();
    for (const [i, [name, check]] of chosen.entries()) {
      check(probe, (error) => {
        errors[i] = error;
        counters.count(kind, name, error === undefined);
        if (--waiting === 0) finish();
      });
    }
  };
}

type Report = { readonly ok: boolean; readonly lines: string };

function reportOf(list: CheckList, errors: readonly (string | undefined)[]): Report {
  const lines = list.map(([name], i) => {
    const error = errors[i];
    return error === undefined ? `[+]${name} ok\n` : `[-]${name} failed: ${error}\n`;
  });
  return { ok: errors.every((error) => error === undefined), lines: lines.join('') };
}

function checksResponse(request: HttpRequest, verbose: boolean, report: Report, log: Log): HttpResponse {
  if (!report.ok) {
    log.error('Health check error', { path: request.path, reason: report.lines, 'status-code': 503 });
    return errorResponse(503, report.lines);
  }
  const headers = { 'Content-Type': textType, 'X-Content-Type-Options': 'nosniff' };
  return { status: 200, headers, body: `${verbose ? report.lines : ''}ok\n` };
}

function withoutExcluded(list: CheckList, query: URLSearchParams, log: Log): CheckList {
  const excluded = new Set(query.getAll('exclude').filter((name) => name !== ''));
  const kept = list.filter(([name]) => !excluded.delete(name));
  if (excluded.size > 0) {
    const missing = [...excluded].map((name) => `"${name}"`).join(',');
    log.warn('some health checks cannot be excluded', { 'missing-health-checks': missing });
  }
  return kept;
}

export function healthFamilies(counters: HealthCounters): readonly Family[] {
  const split = (key: string) => {
    const [type = '', name = ''] = key.split(' ');
    return { type, name };
  };
  return [
    {
      name: 'etcd_server_health_success',
      help: 'The total number of successful health checks',
      type: 'counter',
      samples: () => [[{}, counters.successes]],
    },
    {
      name: 'etcd_server_health_failures',
      help: 'The total number of failed health checks',
      type: 'counter',
      samples: () => [[{}, counters.failures]],
    },
    {
      name: 'etcd_server_healthcheck',
      help: 'The result of each kind of healthcheck.',
      type: 'gauge',
      samples: () => [...counters.checks].map(([key, check]): Sample => [split(key), check.last]),
    },
    {
      name: 'etcd_server_healthchecks_total',
      help: 'The total number of each kind of healthcheck.',
      type: 'counter',
      samples: () =>
        [...counters.checks].flatMap(([key, check]): Sample[] => {
          const samples: Sample[] = [];
          if (check.successes > 0) samples.push([{ ...split(key), status: 'success' }, check.successes]);
          if (check.errors > 0) samples.push([{ ...split(key), status: 'error' }, check.errors]);
          return samples;
        }),
    },
  ];
}
