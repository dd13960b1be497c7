/**
 * `/leases` and `/leases/internal` of the peer port: where members that do not lead renew leases and ask about them, as etcd's
 * `leasehttp` answers. A Go member asks here, and ours asks a Go member, in the same words.
 */
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { LeaseId } from '../base/ids.js';
import { LeaseKeepAliveRequestSchema, LeaseKeepAliveResponseSchema } from '../gen/etcdserverpb/rpc_pb.js';
import { LeaseInternalRequestSchema, LeaseInternalResponseSchema } from '../gen/leasepb/lease_pb.js';
import type { LeaseDesk } from '../lease/desk.js';
import type { ReadWaiter } from '../member/front.js';
import { leaseBodyType, leasesInternalPath, leasesPath } from '../member/leader-desk.js';
import { type ErrorName, errors } from '../wire/errors.js';
import { decodeGenerated } from '../wire/messages/generated.js';
import { errorResponse, type Handler, type HttpResponse, type Respond } from './message.js';

/** etcd's `maxLeaseHTTPRequestSize`. */
const bodyBytesMax = 64 * 1024;

const wrongMethod = errorResponse(405, 'Method Not Allowed');
const tooLarge = errorResponse(413, 'request body too large');
const malformed = errorResponse(400, 'error unmarshalling request');
const noSuchLease = errorResponse(404, 'lease not found');
const notAppliedInTime = errorResponse(408, 'waiting for node to catch up its applied index has timed out');

export interface LeasePeerParts {
  readonly desk: Pick<LeaseDesk, 'renewHere' | 'timeToLiveHere'>;
  readonly catchUp: { whenApplied(waiter: ReadWaiter): void };
}

export function leasePeerRoutes(parts: LeasePeerParts): readonly (readonly [path: string, handler: Handler])[] {
  return [
    [leasesPath, posted((body, respond) => renew(parts, body, respond))],
    [leasesInternalPath, posted((body, respond) => timeToLive(parts, body, respond))],
  ];
}

function posted(handle: (body: Uint8Array, respond: Respond) => void): Handler {
  return ({ method, body }, respond) => {
    if (method !== 'POST') return respond(wrongMethod);
    if (body.length > bodyBytesMax) return respond(tooLarge);
    handle(body, respond);
  };
}

function renew({ desk, catchUp }: LeasePeerParts, body: Uint8Array, respond: Respond): void {
  const decoded = decodeGenerated(LeaseKeepAliveRequestSchema, body, 0, body.length);
  if (!decoded.ok) return respond(malformed);
  const id = decoded.message.ID as LeaseId;
  catchUp.whenApplied({
    confirmed: () =>
      desk.renewHere(id, {
        renewed: (ttlSeconds) => {
          if (ttlSeconds === 0) respond(noSuchLease);
          else respond(answer(LeaseKeepAliveResponseSchema, { ID: id, TTL: BigInt(ttlSeconds) }));
        },
        failed: (error) => respond(refusal(error, 400)),
      }),
    failed: () => respond(notAppliedInTime),
  });
}

function timeToLive({ desk }: LeasePeerParts, body: Uint8Array, respond: Respond): void {
  const decoded = decodeGenerated(LeaseInternalRequestSchema, body, 0, body.length);
  // Without the question inside, etcd's handler ends in a panic.
  const question = decoded.ok ? decoded.message.LeaseTimeToLiveRequest : undefined;
  if (question === undefined) return respond(malformed);
  desk.timeToLiveHere(question.ID as LeaseId, question.keys, {
    answered: ({ ttlSeconds, grantedSeconds, keys }) => {
      if (grantedSeconds === 0) return respond(noSuchLease);
      const LeaseTimeToLiveResponse = {
        header: {},
        ID: question.ID,
        TTL: BigInt(ttlSeconds),
        grantedTTL: BigInt(grantedSeconds),
        keys: [...keys],
      };
      respond(answer(LeaseInternalResponseSchema, { LeaseTimeToLiveResponse }));
    },
    failed: (error) => {
      // etcd's word for a leader that was deposed in the middle of it.
      if (error === 'leaderChanged') respond(refusal('notPrimaryLessor', 500));
      else respond(refusal(error, 400));
    },
  });
}

function refusal(error: ErrorName, status: number): HttpResponse {
  return error === 'timeoutAppliedIndex' ? notAppliedInTime : errorResponse(status, errors[error].text);
}

function answer<Schema extends DescMessage>(schema: Schema, fields: MessageInitShape<Schema>): HttpResponse {
  return { status: 200, headers: { 'Content-Type': leaseBodyType }, body: toBinary(schema, create(schema, fields)) };
}
