/** What a member asks of its cluster without being asked itself; it goes through raft like any client's request. */
import type { Outcome } from '../apply/outcome.js';
import type { RequestField } from '../apply/request-field.js';
import type { Bytes } from '../base/bytes.js';
import type { ErrorName } from '../wire/errors.js';
import type { MemberFront } from './front.js';

/** `ended` is told why the request was refused, or nothing. */
export type Ended = (error: ErrorName | undefined) => void;

export function proposeOwn(front: Pick<MemberFront, 'propose'>, field: RequestField, bytes: Bytes, ended: Ended): void {
  front.propose(field, bytes, 0, bytes.length, {
    applied: (outcome: Outcome) => ended(outcome.kind === 'refused' ? outcome.error : undefined),
    failed: ended,
  });
}
