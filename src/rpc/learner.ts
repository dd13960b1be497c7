/**
 * What a learner serves: it has the log and no vote, so it may be far behind and answers only what says so itself: its status,
 * serializable ranges of its own state, and a copy of its database.
 *
 * A member that is no learner does not pay for the question: its methods are put in the place of these.
 */
import type { Bytes } from '../base/bytes.js';
import type { Call, Method, Services } from '../wire/grpc/service.js';
import { RangeRequest } from '../wire/messages/kv-requests.js';
import { decodeFailure } from '../wire/proto/failure.js';
import { refuse } from './answers.js';

const served: ReadonlySet<string> = new Set(['/etcdserverpb.Maintenance/Status', '/etcdserverpb.Maintenance/Snapshot']);

export function learnerServices(services: Services): Services {
  return new Map(
    [...services].map(([path, method]) => {
      if (served.has(path)) return [path, method];
      return [path, path === '/etcdserverpb.KV/Range' ? new LearnerRange(method) : refusing(method)];
    }),
  );
}

function refusing({ kind }: Method): Method {
  const refused = (call: Call) => refuse(call, 'notSupportedForLearner');
  return kind === 'unary' ? { kind, message: refused } : { kind, open: refused, message() {} };
}

class LearnerRange implements Method {
  readonly kind = 'unary';
  readonly #request = new RangeRequest();

  constructor(readonly method: Method) {}

  message(call: Call, bytes: Bytes, start: number, end: number): void {
    const failure = this.#request.decode(bytes, start, end);
    // What cannot be read is refused by the method itself, in its words.
    const isAllowed = failure !== decodeFailure.none || this.#request.serializable;
    if (isAllowed) this.method.message(call, bytes, start, end);
    else refuse(call, 'notSupportedForLearner');
  }

  canceled(call: Call): void {
    this.method.canceled?.(call);
  }

  drained(call: Call): void {
    this.method.drained?.(call);
  }
}
