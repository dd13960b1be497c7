// Proves: other members get etcd's answers on who is a member, on promotions and on downgrades, errors included.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { noBytes } from '../base/bytes.js';
import type { MemberId } from '../base/ids.js';
import { silentLog } from '../base/log.js';
import type { Member } from '../cluster/member.js';
import type { ErrorName } from '../wire/errors.js';
import type { HttpResponse } from './message.js';
import { peerRoutes } from './peer-port.js';
import { router } from './router.js';

const one: Member = { id: 0xa1n as MemberId, peerUrls: ['http://p'], isLearner: true, name: '', clientUrls: [] };
const list = '[{"id":161,"peerURLs":["http://p"],"isLearner":true}]\n';

function ask(method: string, path: string, failure?: ErrorName, asked: unknown[] = []): HttpResponse | undefined {
  const handler = router(
    peerRoutes({
      clusterId: 0xc1n,
      log: silentLog,
      members: () => [one],
      promote(id, token, waiter) {
        asked.push(id, token);
        if (failure === undefined) waiter.changed([one]);
        else waiter.failed(failure);
      },
      readIndex: (waiter) => (failure === undefined ? waiter.confirmed() : waiter.failed(failure)),
      downgradeEnabled: () => true,
    }),
  );
  let response: HttpResponse | undefined;
  const headers = { authorization: 'token' };
  const request = { method, path, query: '', host: '', headers, body: noBytes, secure: false };
  handler(request, (answer) => {
    response = answer;
  });
  return response;
}

const told = (response: HttpResponse | undefined) => [response?.status, response?.body];

test('the members, with the id of their cluster', () => {
  const response = ask('GET', '/members');
  deepEqual(told(response), [200, list]);
  equal(response?.headers['X-Etcd-Cluster-ID'], 'c1');
  equal(ask('POST', '/members')?.status, 405);
});

test('a promotion, for the user who asked for it', () => {
  const asked: unknown[] = [];
  deepEqual(told(ask('POST', '/members/promote/161', undefined, asked)), [200, list]);
  deepEqual(asked, [161n, 'token']);
  equal(ask('GET', '/members/promote/161')?.headers.Allow, 'POST');
});

const refusals: readonly (readonly [string, ErrorName | undefined, number, string])[] = [
  ['x', undefined, 404, 'member x not found in cluster\n'],
  ['18446744073709551616', undefined, 404, 'member 18446744073709551616 not found in cluster\n'],
  ['1', 'memberNotFound', 404, 'membership: ID not found\n'],
  ['1', 'memberNotLearner', 412, 'membership: can only promote a learner member\n'],
  ['1', 'learnerNotReady', 412, 'etcdserver: can only promote a learner member which is in sync with leader\n'],
  ['1', 'notEnoughStarted', 500, '{"message":"Internal Server Error"}'],
];

for (const [id, failure, status, body] of refusals) {
  test(`a promotion of ${id} that is refused: ${failure ?? 'no id'}`, () => {
    deepEqual(told(ask('POST', `/members/promote/${id}`, failure)), [status, body]);
  });
}

test('whether the cluster goes down a version, as far as the leader knows', () => {
  deepEqual(told(ask('GET', '/downgrade/enabled')), [200, 'true']);
  const failed = 'failed linearized read: etcdserver: request timed out\n';
  deepEqual(told(ask('GET', '/downgrade/enabled', 'timeout')), [500, failed]);
});
