// Proves: the client port answers what etcd 3.7.1 answered to the same requests, which were recorded from it.
import { deepEqual, equal, match } from 'node:assert/strict';
import { test } from 'node:test';
import { noBytes } from '../base/bytes.js';
import { silentLog } from '../base/log.js';
import { type AccessRules, withAccess } from './access.js';
import { type ClientPort, clientHandler, metricsHandler } from './client-port.js';
import { HealthCounters } from './health.js';
import type { HealthProbe } from './health-probe.js';
import { type Handler, type HttpRequest, type HttpResponse, okEmpty } from './message.js';

/** A member in a state of our choice. */
class Probe implements HealthProbe {
  alarmsRaised: number[] = [];
  leader = true;
  learner = false;
  readError: string | undefined;
  reads: string[] = [];

  alarms(): readonly number[] {
    return this.alarmsRaised;
  }

  hasLeader(): boolean {
    return this.leader;
  }

  isLearner(): boolean {
    return this.learner;
  }

  read(consistency: string, done: (error: string | undefined) => void): void {
    this.reads.push(consistency);
    done(consistency === 'linearizable' ? this.readError : undefined);
  }
}

const anyone: AccessRules = { cors: ['*'], hostWhitelist: ['*'] };

function portOf(probe: HealthProbe): ClientPort {
  return {
    probe,
    health: new HealthCounters(),
    log: silentLog,
    versions: () => ({ cluster: '3.7.0', storage: '3.7.0' }),
    families: () => [],
    vars: () => ({ 'raft.status': { id: 'a', term: 2 }, cmdline: ['quorate'] }),
  };
}

function request(method: string, target: string, change: Partial<HttpRequest> = {}): HttpRequest {
  const [path = '', query = ''] = target.split('?');
  return { method, path, query, host: '127.0.0.1:2379', headers: {}, body: noBytes, secure: false, ...change };
}

function ask(handler: Handler, asked: HttpRequest): HttpResponse {
  const answers: HttpResponse[] = [];
  handler(asked, (response) => answers.push(response));
  equal(answers.length, 1);
  return answers[0] as HttpResponse;
}

const get = (probe: HealthProbe, target: string): HttpResponse =>
  ask(clientHandler(portOf(probe), anyone), request('GET', target));

const recorded: readonly (readonly [string, string, number, Readonly<Record<string, string>>, string])[] = [
  [
    'GET',
    '/version',
    200,
    { 'Content-Type': 'application/json' },
    '{"etcdserver":"3.7.1","etcdcluster":"3.7.0","storage":"3.7.0"}',
  ],
  [
    'POST',
    '/version',
    405,
    { Allow: 'GET', 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    'Method Not Allowed\n',
  ],
  ['GET', '/health', 200, { 'Content-Type': 'text/plain; charset=utf-8' }, '{"health":"true","reason":""}'],
  [
    'GET',
    '/health?serializable=true&exclude=NOSPACE',
    200,
    { 'Content-Type': 'text/plain; charset=utf-8' },
    '{"health":"true","reason":""}',
  ],
  [
    'PUT',
    '/health',
    405,
    { Allow: 'GET', 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    'Method Not Allowed\n',
  ],
  ['GET', '/livez', 200, { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' }, 'ok\n'],
  [
    'GET',
    '/livez?verbose',
    200,
    { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    '[+]serializable_read ok\nok\n',
  ],
  [
    'GET',
    '/readyz?verbose&exclude=foo&exclude=non_learner',
    200,
    { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    '[+]data_corruption ok\n[+]serializable_read ok\n[+]linearizable_read ok\nok\n',
  ],
  [
    'GET',
    '/readyz/data_corruption',
    200,
    { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    'ok\n',
  ],
  [
    'GET',
    '/readyz/data_corruption?verbose',
    200,
    { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    '[+]data_corruption ok\nok\n',
  ],
  [
    'GET',
    '/readyz/foo',
    404,
    { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    '404 page not found\n',
  ],
  [
    'GET',
    '/livez/',
    404,
    { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    '404 page not found\n',
  ],
  [
    'GET',
    '/',
    404,
    { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    '404 page not found\n',
  ],
  [
    'GET',
    '/v2/keys',
    404,
    { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    '404 page not found\n',
  ],
  ['OPTIONS', '/nope', 200, {}, ''],
  ['OPTIONS', '/version', 200, {}, ''],
  [
    'POST',
    '/readyz',
    405,
    { Allow: 'GET', 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    'Method Not Allowed\n',
  ],
  [
    'GET',
    '/health/',
    404,
    { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    '404 page not found\n',
  ],
  [
    'GET',
    '//version',
    307,
    { 'Content-Type': 'text/html; charset=utf-8', Location: '/version' },
    '<a href="/version">Temporary Redirect</a>.\n\n',
  ],
  [
    'GET',
    '/version/x',
    404,
    { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    '404 page not found\n',
  ],
  [
    'GET',
    '/debug/pprof/',
    404,
    { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    '404 page not found\n',
  ],
  [
    'GET',
    '/debug/vars/',
    404,
    { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' },
    '404 page not found\n',
  ],
];

for (const [method, target, status, headers, body] of recorded) {
  test(`${method} ${target}`, () => {
    const answer = ask(clientHandler(portOf(new Probe()), anyone), request(method, target));
    const own = Object.entries(answer.headers).filter(([name]) => !name.startsWith('Access-Control'));
    equal(answer.status, status);
    equal(answer.headers['Access-Control-Allow-Origin'], '*');
    deepEqual(Object.fromEntries(own), headers);
    equal(answer.body.length === 0 ? '' : answer.body, body);
  });
}

test('alarms, but excluded ones, make /health false', () => {
  const probe = new Probe();
  probe.alarmsRaised = [2];
  const answer = get(probe, '/health');
  equal(answer.status, 503);
  equal(answer.body, '{"health":"false","reason":"ALARM CORRUPT"}\n');
  equal(get(probe, '/health?exclude=CORRUPT').status, 200);
  equal(get(probe, '/health?exclude=corrupt').status, 503);
});

test('without a leader /health is false, but for a serializable look', () => {
  const probe = new Probe();
  probe.leader = false;
  equal(get(probe, '/health').body, '{"health":"false","reason":"RAFT NO LEADER"}\n');
  equal(get(probe, '/health?serializable=true').status, 200);
  deepEqual(probe.reads, ['serializable']);
});

test('a read that fails is named', () => {
  const probe = new Probe();
  probe.readError = 'etcdserver: request timed out';
  equal(get(probe, '/health').body, '{"health":"false","reason":"RANGE ERROR:etcdserver: request timed out"}\n');
  const ready = get(probe, '/readyz');
  equal(ready.status, 503);
  equal(
    ready.body,
    '[+]data_corruption ok\n[+]serializable_read ok\n[-]linearizable_read failed: etcdserver: request timed out\n[+]non_learner ok\n\n',
  );
  equal(get(probe, '/readyz?exclude=linearizable_read').body, 'ok\n');
  equal(get(probe, '/livez').status, 200);
});

test('a learner is not ready, corruption neither', () => {
  const probe = new Probe();
  probe.learner = true;
  probe.alarmsRaised = [2];
  equal(get(probe, '/readyz/non_learner').body, '[-]non_learner failed: not supported for learner\n\n');
  equal(get(probe, '/readyz/data_corruption').body, '[-]data_corruption failed: alarm activated: CORRUPT\n\n');
});

test('before anything is decided, /version says so', () => {
  const port = { ...portOf(new Probe()), versions: () => ({ cluster: undefined, storage: undefined }) };
  const answer = ask(clientHandler(port, anyone), request('GET', '/version'));
  equal(answer.body, '{"etcdserver":"3.7.1","etcdcluster":"not_decided","storage":"unknown"}');
});

test('/debug/vars', () => {
  equal(get(new Probe(), '/debug/vars').body, '{\n"cmdline": ["quorate"],\n"raft.status": {"id":"a","term":2}\n}\n');
});

test('metrics count health checks; metrics sockets serve no more than metrics and health', () => {
  const handler = metricsHandler(portOf(new Probe()));
  ask(handler, request('GET', '/health'));
  ask(handler, request('GET', '/livez'));
  const metrics = ask(handler, request('POST', '/metrics'));
  match(String(metrics.body), /^etcd_server_health_success 1$/m);
  match(
    String(metrics.body),
    /^etcd_server_healthchecks_total\{name="serializable_read",status="success",type="livez"\} 1$/m,
  );
  equal(ask(handler, request('GET', '/version')).status, 404);
  equal(metrics.headers['Access-Control-Allow-Origin'], undefined);
});

const echo: Handler = (_, respond) => respond(okEmpty);

test('unknown host names are refused without TLS', () => {
  const handler = withAccess({ cors: ['*'], hostWhitelist: ['good', '::1'] }, silentLog, echo);
  const bad = ask(handler, request('GET', '/', { host: 'evil:2379' }));
  equal(bad.status, 421);
  match(String(bad.body), /^\netcd received your request, but the Host header was unrecognized\./);
  match(String(bad.body), /--host-whitelist "evil"\n/);
  equal(bad.headers['Access-Control-Allow-Origin'], undefined);
  for (const host of ['good', 'good:1', '[::1]:2379']) equal(ask(handler, request('GET', '/', { host })).status, 200);
  equal(ask(handler, request('GET', '/', { host: 'evil', secure: true })).status, 200);
});

test('origins that are listed are told so, others not', () => {
  const handler = withAccess({ cors: ['http://a:1'], hostWhitelist: ['*'] }, silentLog, echo);
  const from = (origin: string) => ask(handler, request('GET', '/', { headers: { origin } })).headers;
  equal(from('http://a:1')['Access-Control-Allow-Origin'], 'http://a:1');
  equal(from('http://b:1')['Access-Control-Allow-Origin'], undefined);
});

test('old gateway paths are rewritten', () => {
  const seen: string[] = [];
  const handler = withAccess(anyone, silentLog, (asked, respond) => {
    seen.push(asked.path);
    respond(okEmpty);
  });
  ask(handler, request('POST', '/v3beta/kv/put'));
  deepEqual(seen, ['/v3/kv/put']);
});
