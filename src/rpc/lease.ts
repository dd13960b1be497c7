/** `etcdserverpb.Lease`: grant, revoke, keep alive, time to live, list. */
import { toBinary } from '@bufbuild/protobuf';
import { leaseGrantCost } from '../apply/quota.js';
import { type LeaseId, noLease } from '../base/ids.js';
import {
  LeaseGrantRequestSchema,
  LeaseGrantResponseSchema,
  LeaseLeasesRequestSchema,
  LeaseLeasesResponseSchema,
  LeaseRevokeRequestSchema,
  LeaseRevokeResponseSchema,
  LeaseTimeToLiveRequestSchema,
  LeaseTimeToLiveResponseSchema,
} from '../gen/etcdserverpb/rpc_pb.js';
import type { LeaseBook, LeaseSlot } from '../lease/book.js';
import type { Deadlines } from '../lease/deadlines.js';
import type { LeaseDesk } from '../lease/desk.js';
import { requestField } from '../member/front.js';
import type { ErrorName } from '../wire/errors.js';
import type { Call, Method } from '../wire/grpc/service.js';
import type { Answers } from './answers.js';
import { coldHeader, coldMethod, whenApplied } from './cold.js';
import { KeepAliveMethod } from './lease-keep-alive.js';

/** What the caller may do when auth is on; each answers why not. */
export interface LeasePermits {
  /** Whether anybody is there at all. */
  anyUser(call: Call): ErrorName | undefined;
  /** Whether all keys of the lease may be written. */
  write(call: Call, slot: LeaseSlot): ErrorName | undefined;
  /** Whether all keys of the lease may be read. */
  read(call: Call, slot: LeaseSlot): ErrorName | undefined;
}

/** Room in the value store: see `apply/quota.ts`. */
export interface Room {
  hasRoom(cost: number): boolean;
  /** Raises the alarm of a member that has no room for what it was asked. */
  outOfSpace(): void;
}

export interface LeaseParts {
  readonly answers: Answers;
  readonly book: LeaseBook;
  readonly deadlines: Deadlines;
  readonly desk: LeaseDesk;
  readonly permits: LeasePermits;
  readonly room: Room;
  nextLeaseId(): LeaseId;
}

export function leaseMethods(parts: LeaseParts): [string, Method][] {
  const path = (name: string) => `/etcdserverpb.Lease/${name}`;
  return [
    [path('LeaseGrant'), grantMethod(parts)],
    [path('LeaseRevoke'), revokeMethod(parts)],
    [path('LeaseKeepAlive'), new KeepAliveMethod(parts)],
    [path('LeaseTimeToLive'), timeToLiveMethod(parts)],
    [path('LeaseLeases'), leasesMethod(parts)],
  ];
}

function grantMethod(parts: LeaseParts): Method {
  const { answers, permits, room } = parts;
  return coldMethod(answers, LeaseGrantRequestSchema, LeaseGrantResponseSchema, (request, reply) => {
    if (!room.hasRoom(leaseGrantCost)) {
      room.outOfSpace();
      reply.refuse('noSpace');
      return;
    }
    const forbidden = permits.anyUser(reply.call);
    if (forbidden !== undefined) {
      reply.refuse(forbidden);
      return;
    }
    if (request.ID === noLease) request.ID = parts.nextLeaseId();
    const bytes = toBinary(LeaseGrantRequestSchema, request);
    const answer = whenApplied(reply, (outcome) => {
      const header = coldHeader(answers, outcome.revision);
      if (outcome.kind === 'leaseGrant') reply.answer({ header, ID: outcome.id, TTL: BigInt(outcome.ttlSeconds) });
    });
    answers.front.propose(requestField.leaseGrant, bytes, 0, bytes.length, answer);
  });
}

function revokeMethod({ answers, permits }: LeaseParts): Method {
  return coldMethod(answers, LeaseRevokeRequestSchema, LeaseRevokeResponseSchema, (request, reply) => {
    const forbidden = permits.anyUser(reply.call);
    if (forbidden !== undefined) {
      reply.refuse(forbidden);
      return;
    }
    const bytes = toBinary(LeaseRevokeRequestSchema, request);
    const answer = whenApplied(reply, (outcome) => reply.answer({ header: coldHeader(answers, outcome.revision) }));
    answers.front.propose(requestField.leaseRevoke, bytes, 0, bytes.length, answer);
  });
}

function timeToLiveMethod({ answers, permits, book, desk }: LeaseParts): Method {
  return coldMethod(answers, LeaseTimeToLiveRequestSchema, LeaseTimeToLiveResponseSchema, (request, reply) => {
    const slot = book.slotOf(request.ID as LeaseId);
    const keysForbidden = () => (request.keys && slot >= 0 ? permits.read(reply.call, slot) : undefined);
    const forbidden = permits.anyUser(reply.call) ?? keysForbidden();
    if (forbidden !== undefined) {
      reply.refuse(forbidden);
      return;
    }
    desk.timeToLive(request.ID as LeaseId, request.keys, {
      answered: ({ ttlSeconds, grantedSeconds, keys }) =>
        reply.answer({
          header: coldHeader(answers),
          ID: request.ID,
          TTL: BigInt(ttlSeconds),
          grantedTTL: BigInt(grantedSeconds),
          keys: [...keys],
        }),
      failed: (error) => reply.refuse(error),
    });
  });
}

function leasesMethod({ answers, permits, book, deadlines }: LeaseParts): Method {
  return coldMethod(answers, LeaseLeasesRequestSchema, LeaseLeasesResponseSchema, (_request, reply) => {
    const ids = deadlines.inOrder();
    for (const id of ids) {
      const forbidden = permits.read(reply.call, book.slotOf(id));
      if (forbidden === undefined) continue;
      reply.refuse(forbidden);
      return;
    }
    reply.answer({ header: coldHeader(answers), leases: ids.map((ID) => ({ ID })) });
  });
}
