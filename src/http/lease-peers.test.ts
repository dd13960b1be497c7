// Proves: /leases and /leases/internal answer other members as etcd's leasehttp does, and bad bodies with 400, never a fault.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { type Bytes, noBytes, text, utf8 } from '../base/bytes.js';
import type { LeaseId } from '../base/ids.js';
import {
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
  LeaseTimeToLiveRequestSchema,
} from '../gen/etcdserverpb/rpc_pb.js';
import { LeaseInternalRequestSchema, LeaseInternalResponseSchema } from '../gen/leasepb/lease_pb.js';
import { LeaseBook } from '../lease/book.js';
import { Deadlines } from '../lease/deadlines.js';
import { LeaseDesk, noOtherLeader } from '../lease/desk.js';
import type { ReadWaiter } from '../member/front.js';
import { MemoryValues } from '../mvcc/memory-values.js';
import { leasePeerRoutes } from './lease-peers.js';
import type { HttpResponse } from './message.js';

class Leader {
  clockMs = 0;
  failure: 'timeoutAppliedIndex' | undefined = undefined;
  readonly book = new LeaseBook(new MemoryValues(), 2);
  readonly deadlines = new Deadlines(this.book, () => this.clockMs);
  readonly #routes;

  constructor() {
    const whenApplied = (waiter: ReadWaiter) =>
      this.failure === undefined ? waiter.confirmed() : waiter.failed(this.failure);
    const catchUp = { whenApplied };
    const proof = { isSure: true, whenSure: (waiter: ReadWaiter) => waiter.confirmed() };
    const { book, deadlines } = this;
    const desk = new LeaseDesk({ book, deadlines, catchUp, proof, leader: noOtherLeader });
    this.#routes = new Map(leasePeerRoutes({ desk, catchUp }));
    this.deadlines.promote(0);
    book.grant(7n as LeaseId, 60);
    book.attach(7n as LeaseId, utf8('a'));
  }

  ask(path: string, body: Bytes, method = 'POST'): HttpResponse | undefined {
    let answer: HttpResponse | undefined;
    const request = { method, path, body, query: '', host: '', headers: {}, secure: false };
    this.#routes.get(path)?.(request, (response) => {
      answer = response;
    });
    return answer;
  }

  renew(ID: bigint): HttpResponse | undefined {
    return this.ask('/leases', toBinary(LeaseKeepAliveRequestSchema, create(LeaseKeepAliveRequestSchema, { ID })));
  }

  timeToLive(ID: bigint, keys = false): HttpResponse | undefined {
    const LeaseTimeToLiveRequest = create(LeaseTimeToLiveRequestSchema, { ID, keys });
    const request = create(LeaseInternalRequestSchema, { LeaseTimeToLiveRequest });
    return this.ask('/leases/internal', toBinary(LeaseInternalRequestSchema, request));
  }
}

const shown = (response: HttpResponse | undefined) =>
  `${response?.status} ${typeof response?.body === 'string' ? response.body : text(response?.body ?? noBytes)}`;
const bytesOf = (response: HttpResponse | undefined) => (typeof response?.body === 'string' ? noBytes : response?.body);

test('a renewal', () => {
  const leader = new Leader();
  leader.clockMs = 50_000;
  const renewed = leader.renew(7n);
  deepEqual([renewed?.status, renewed?.headers], [200, { 'Content-Type': 'application/protobuf' }]);
  const { ID, TTL, header } = fromBinary(LeaseKeepAliveResponseSchema, bytesOf(renewed) ?? noBytes);
  deepEqual([ID, TTL, header], [7n, 60n, undefined]);
  leader.clockMs = 109_000;
  equal(leader.renew(7n)?.status, 200, 'it had its whole time again');
  equal(shown(leader.renew(8n)), '404 lease not found\n');
  leader.failure = 'timeoutAppliedIndex';
  const late = '408 waiting for node to catch up its applied index has timed out\n';
  equal(shown(leader.renew(7n)), late);
  equal(shown(leader.timeToLive(7n)), late);
});

test('one that is due is answered when it is gone, or when this member leads no more', () => {
  const leader = new Leader();
  leader.clockMs = 60_000;
  let answer: HttpResponse | undefined;
  const body = toBinary(LeaseKeepAliveRequestSchema, create(LeaseKeepAliveRequestSchema, { ID: 7n }));
  const request = { method: 'POST', path: '/leases', body, query: '', host: '', headers: {}, secure: false };
  const routes = new Map(
    leasePeerRoutes({
      desk: { renewHere: (_id, waiter) => waiter.failed('notPrimaryLessor'), timeToLiveHere() {} },
      catchUp: { whenApplied: (waiter) => waiter.confirmed() },
    }),
  );
  routes.get('/leases')?.(request, (response) => {
    answer = response;
  });
  equal(shown(answer), '400 not a primary lessor\n');
  equal(leader.renew(7n), undefined);
  leader.book.revoke(7n as LeaseId);
  equal(shown(leader.renew(7n)), '404 lease not found\n');
});

test('a time to live', () => {
  const leader = new Leader();
  leader.clockMs = 1500;
  const { LeaseTimeToLiveResponse: found } = fromBinary(
    LeaseInternalResponseSchema,
    bytesOf(leader.timeToLive(7n, true)) ?? noBytes,
  );
  deepEqual([found?.ID, found?.TTL, found?.grantedTTL, found?.keys], [7n, 58n, 60n, [utf8('a')]]);
  equal(shown(leader.timeToLive(9n)), '404 lease not found\n');
  leader.deadlines.demote();
  equal(shown(leader.timeToLive(7n)), '500 not a primary lessor\n');
  equal(shown(leader.timeToLive(9n)), '500 not a primary lessor\n', 'it may be known where somebody leads');
  equal(shown(leader.renew(9n)), '400 not a primary lessor\n');
});

test('what is no request', () => {
  const leader = new Leader();
  for (const path of ['/leases', '/leases/internal']) {
    equal(shown(leader.ask(path, noBytes, 'GET')), '405 Method Not Allowed\n');
    equal(shown(leader.ask(path, new Uint8Array(65_537))), '413 request body too large\n');
    for (let length = 1; length < 40; length++) {
      const body = Uint8Array.from({ length }, (_, i) => (i * 37 + length * 11 + 0x0b) & 255);
      equal(shown(leader.ask(path, body)), '400 error unmarshalling request\n');
    }
  }
  equal(shown(leader.ask('/leases/internal', noBytes)), '400 error unmarshalling request\n');
  equal(shown(leader.ask('/leases', noBytes)), '404 lease not found\n');
});
