// Proves: locks and elections go to the oldest key, pass on when it goes, and are refused and let go with etcd's words.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { noBytes, text, utf8 } from '../base/bytes.js';
import type { LeaseId } from '../base/ids.js';
import {
  CampaignRequestSchema,
  CampaignResponseSchema,
  LeaderRequestSchema,
  LeaderResponseSchema,
  ProclaimRequestSchema,
  ResignRequestSchema,
} from '../gen/v3electionpb/v3election_pb.js';
import { LockRequestSchema, LockResponseSchema, UnlockRequestSchema } from '../gen/v3lockpb/v3lock_pb.js';
import { electionMethods } from './election.js';
import { lockMethods } from './lock.js';
import { RecordingCall } from './recording-call.js';
import { SoloMember } from './solo-member.js';

class Server {
  readonly member = new SoloMember();
  readonly #methods = new Map([...lockMethods(this.#parts()), ...electionMethods(this.#parts())]);

  #parts() {
    const { answers, store, hub } = this.member;
    const room = { hasRoom: () => true, outOfSpace: () => {} };
    return { answers, store, hub, room, nextLeaseId: () => this.member.nextLeaseId() };
  }

  lease(id: bigint): bigint {
    this.member.book.grant(id as LeaseId, 60);
    return id;
  }

  call<Q extends DescMessage>(path: string, schema: Q, request: MessageInitShape<Q>): RecordingCall {
    const method = this.#methods.get(path);
    ok(method !== undefined);
    const call = new RecordingCall(method);
    call.write(toBinary(schema, create(schema, request)));
    this.member.settle();
    return call;
  }

  lock(lease: bigint, name = 'l') {
    return this.call('/v3lockpb.Lock/Lock', LockRequestSchema, { name: utf8(name), lease });
  }

  unlock(key: string) {
    return this.call('/v3lockpb.Lock/Unlock', UnlockRequestSchema, { key: utf8(key) });
  }

  campaign(lease: bigint, value: string) {
    const request = { name: utf8('e'), lease, value: utf8(value) };
    return this.call('/v3electionpb.Election/Campaign', CampaignRequestSchema, request);
  }

  leader() {
    return this.call('/v3electionpb.Election/Leader', LeaderRequestSchema, { name: utf8('e') });
  }

  keys(): string[] {
    const found: string[] = [];
    this.member.store.index.scan(utf8('\0'), undefined, 0, (key) => found.push(text(key)) > 0);
    return found;
  }
}

function locked(call: RecordingCall): string {
  equal(call.status?.code, 0, call.status?.text);
  const { header, key } = fromBinary(LockResponseSchema, call.sent[0] ?? noBytes);
  return `${text(key)}@${header?.revision}`;
}

function led(bytes: Uint8Array | undefined): string {
  const { header, kv } = fromBinary(LeaderResponseSchema, bytes ?? noBytes);
  return `${text(kv?.key ?? noBytes)}=${text(kv?.value ?? noBytes)}@${header?.revision}`;
}

test('a lock goes from the oldest to the next, one at a time', () => {
  const server = new Server();
  equal(locked(server.lock(server.lease(0xa1n))), 'l/a1@2');
  equal(locked(server.lock(0xa1n)), 'l/a1@2');
  const second = server.lock(server.lease(0xa2n));
  const third = server.lock(server.lease(0xa3n));
  server.member.settle();
  equal(second.ended, false);
  equal(server.member.hub.watchers, 2);
  equal(server.unlock('l/a1').status?.code, 0);
  equal(locked(second), 'l/a2@5');
  equal(third.ended, false);
  // The holder's session ends with its lease.
  server.call('/v3lockpb.Lock/Unlock', UnlockRequestSchema, { key: utf8('l/a2') });
  equal(locked(third), 'l/a3@6');
  equal(server.member.hub.watchers, 0);
  equal(server.member.hub.streams, 0);
});

test('who no longer waits for a lock leaves no key behind', () => {
  const server = new Server();
  server.lock(server.lease(1n));
  const second = server.lock(server.lease(2n));
  const third = server.lock(server.lease(3n));
  second.cancel();
  server.member.settle();
  deepEqual(server.keys(), ['l/1', 'l/3']);
  equal(third.ended, false);
  server.unlock('l/1');
  equal(locked(third), 'l/3@6');
});

test('a lock is refused without a lease that lives; without a lease it gets one', () => {
  const server = new Server();
  deepEqual(server.lock(9n).status, { code: 2, text: 'etcdserver: requested lease not found' });
  ok(locked(server.lock(0n)).startsWith('l/7'));
  equal(server.member.book.ttlSecondsOf(0), 60);
  server.lease(-5n);
  equal(locked(server.lock(-5n, 'other')), 'other/-5@3');
  deepEqual(server.unlock('').status, { code: 2, text: 'etcdserver: key is not provided' });
  equal(server.unlock('nothing').status?.code, 0);
});

test('a waiting lock whose own key is lost says so when its turn comes', () => {
  const server = new Server();
  server.lock(server.lease(1n));
  const second = server.lock(server.lease(2n));
  server.unlock('l/2');
  equal(second.ended, false);
  server.unlock('l/1');
  deepEqual(second.status, { code: 2, text: 'mutex: session is expired' });
});

test('a lock that cannot be waited for is let go', () => {
  const server = new Server();
  server.lock(server.lease(1n));
  const second = server.lock(server.lease(2n));
  server.member.failure = 'leaderChanged';
  const txn = server.member.store.begin();
  txn.deleteKey(utf8('l/1'));
  txn.end();
  server.member.turn();
  deepEqual(second.status, { code: 2, text: 'etcdserver: leader changed' });
  server.member.failure = undefined;
  server.member.settle();
  deepEqual(server.keys(), []);
});

test('an election: campaign, lead, proclaim, resign', () => {
  const server = new Server();
  deepEqual(server.leader().status, { code: 2, text: 'election: no leader' });
  const first = server.campaign(server.lease(0x10n), 'v1');
  const { leader, header } = fromBinary(CampaignResponseSchema, first.sent[0] ?? noBytes);
  deepEqual(
    [text(leader?.name ?? noBytes), text(leader?.key ?? noBytes), leader?.rev, leader?.lease],
    ['e', 'e/10', 2n, 0x10n],
  );
  equal(header?.revision, 2n);
  const second = server.campaign(server.lease(0x11n), 'v2');
  equal(second.ended, false);
  equal(led(server.leader().sent[0]), 'e/10=v1@3');
  const proclaim = (rev: bigint, value: string) =>
    server.call('/v3electionpb.Election/Proclaim', ProclaimRequestSchema, {
      leader: { name: utf8('e'), key: utf8('e/10'), rev, lease: 0x10n },
      value: utf8(value),
    });
  equal(proclaim(2n, 'v1b').status?.code, 0);
  equal(led(server.leader().sent[0]), 'e/10=v1b@4');
  deepEqual(proclaim(9n, 'x').status, { code: 2, text: 'election: not leader' });
  // Campaigning again with another value proclaims it.
  equal(server.campaign(0x10n, 'v1c').ended, true);
  equal(led(server.leader().sent[0]), 'e/10=v1c@5');
  const resign = (key: string, rev: bigint) =>
    server.call('/v3electionpb.Election/Resign', ResignRequestSchema, { leader: { key: utf8(key), rev } }).status?.code;
  equal(resign('e/10', 77n), 0);
  equal(second.ended, false);
  equal(resign('e/10', 2n), 0);
  equal(second.status?.code, 0);
  equal(led(server.leader().sent[0]), 'e/11=v2@6');
  const missing = server.call('/v3electionpb.Election/Resign', ResignRequestSchema, {});
  deepEqual(missing.status, { code: 2, text: '"leader" field must be provided' });
});

test('who no longer campaigns leaves no key behind', () => {
  const server = new Server();
  server.campaign(server.lease(1n), 'a');
  const second = server.campaign(server.lease(2n), 'b');
  second.cancel();
  server.member.settle();
  deepEqual(server.keys(), ['e/1']);
});

test('observe: the leader now, each new value, each new leader', () => {
  const server = new Server();
  const call = server.call('/v3electionpb.Election/Observe', LeaderRequestSchema, { name: utf8('e') });
  deepEqual(call.sent, []);
  server.campaign(server.lease(1n), 'a');
  server.campaign(server.lease(2n), 'b');
  server.campaign(1n, 'a2');
  server.unlock('e/1');
  deepEqual(call.sent.map(led), ['e/1=a@2', 'e/1=a2@4', 'e/2=b@5']);
  call.writable = false;
  server.campaign(2n, 'b2');
  server.campaign(2n, 'b3');
  equal(call.sent.length, 3);
  call.drain();
  server.member.settle();
  deepEqual(call.sent.slice(3).map(led), ['e/2=b2@7', 'e/2=b3@7']);
  server.unlock('e/2');
  equal(call.ended, false);
  call.cancel();
  equal(server.member.hub.streams, 0);
});
