/**
 * Methods that are not on anybody's hot path: their messages go through the generated codecs.
 *
 * A cold method is a function from a decoded request to an answer that is given now or later; everything around it,
 * decoding, turning away, encoding, is here.
 */
import { create, type DescMessage, type MessageInitShape, type MessageShape, toBinary } from '@bufbuild/protobuf';
import type { Outcome } from '../apply/outcome.js';
import type { ProposalWaiter, ReadWaiter } from '../member/front.js';
import type { ErrorName } from '../wire/errors.js';
import type { Call, Method } from '../wire/grpc/service.js';
import { decodeGenerated } from '../wire/messages/generated.js';
import { type Answers, refuse, refuseMalformed } from './answers.js';

/** Where a cold method's answer goes. */
export interface Reply<Response extends DescMessage> {
  readonly call: Call;
  answer(response: MessageInitShape<Response>): void;
  refuse(error: ErrorName): void;
}

export function coldMethod<Request extends DescMessage, Response extends DescMessage>(
  answers: Answers,
  request: Request,
  response: Response,
  handle: (request: MessageShape<Request>, reply: Reply<Response>) => void,
): Method {
  return {
    kind: 'unary',
    message(call, bytes, start, end) {
      if (answers.turnedAway(call)) return;
      const decoded = decodeGenerated(request, bytes, start, end);
      if (!decoded.ok) return refuseMalformed(call, decoded.failure);
      handle(decoded.message, {
        call,
        answer: (fields) => call.reply(toBinary(response, create(response, fields))),
        refuse: (error) => refuse(call, error),
      });
    },
  };
}

/** A header as the generated codecs want it; `revision` 0 leaves it out, as cluster answers do. */
export function coldHeader({ front }: Answers, revision = front.revision) {
  return {
    clusterId: front.clusterId,
    memberId: front.memberId,
    revision: BigInt(revision),
    raftTerm: BigInt(front.term),
  };
}

/** A waiter that hands on an outcome, and refuses the reply when there is none. */
export function whenApplied<Response extends DescMessage>(
  reply: Reply<Response>,
  answer: (outcome: Outcome) => void,
): ProposalWaiter {
  return {
    applied: (outcome) => (outcome.kind === 'refused' ? reply.refuse(outcome.error) : answer(outcome)),
    failed: (error) => reply.refuse(error),
  };
}

export function whenConfirmed<Response extends DescMessage>(reply: Reply<Response>, answer: () => void): ReadWaiter {
  return { confirmed: answer, failed: (error) => reply.refuse(error) };
}
