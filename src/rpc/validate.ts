/**
 * What a request must be before anything is proposed or read: etcd's checks, in etcd's order.
 *
 * They look at the request alone. Whether a key, a lease or a revision exists is found out where the state is.
 */
import type { ErrorName } from '../wire/errors.js';
import {
  type DeleteRangeRequest,
  type PutRequest,
  type RangeRequest,
  sortOrder,
  sortTarget,
} from '../wire/messages/kv-requests.js';
import type { RequestOp, TxnRequest } from '../wire/messages/txn-request.js';

export function validateRange(request: RangeRequest): ErrorName | undefined {
  if (request.keyStart === request.keyEnd) return 'emptyKey';
  if (request.sortOrder < sortOrder.none || request.sortOrder > sortOrder.descend) return 'invalidSortOption';
  if (request.sortTarget < sortTarget.key || request.sortTarget > sortTarget.value) return 'invalidSortOption';
  return undefined;
}

/** A stream goes out in key order while it is read, so it can be neither sorted nor filtered. */
export function validateRangeStream(request: RangeRequest): ErrorName | undefined {
  const refused = validateRange(request);
  if (refused !== undefined) return refused;
  if (!inKeyOrder(request)) return 'rangeStreamSorted';
  return hasRevisionFilters(request) ? 'rangeStreamFiltered' : undefined;
}

/** Whether the answer needs no sorting. Of a target other than the key with no order, etcd says so too here. */
export function inKeyOrder(request: RangeRequest): boolean {
  if (request.sortOrder === sortOrder.none) return true;
  return request.sortTarget === sortTarget.key && request.sortOrder === sortOrder.ascend;
}

export function hasRevisionFilters(request: RangeRequest): boolean {
  return (
    request.minModRevision !== 0 ||
    request.maxModRevision !== 0 ||
    request.minCreateRevision !== 0 ||
    request.maxCreateRevision !== 0
  );
}

export function validatePut(request: PutRequest): ErrorName | undefined {
  if (request.keyStart === request.keyEnd) return 'emptyKey';
  if (request.ignoreValue && request.valueStart !== request.valueEnd) return 'valueProvided';
  if (request.ignoreLease && request.hasLease) return 'leaseProvided';
  return undefined;
}

export function validateDeleteRange(request: DeleteRangeRequest): ErrorName | undefined {
  return request.keyStart === request.keyEnd ? 'emptyKey' : undefined;
}

const isRange = (op: RequestOp) => op.kind === 'range';
const isLocalRange = (op: RequestOp) => op.kind === 'range' && op.serializable;

/** Such a transaction is not replicated. One that holds another counts as writing, even if that only reads. */
export function isReadOnly(txn: TxnRequest): boolean {
  return txn.success.every(isRange) && txn.failure.every(isRange);
}

/** A read-only transaction that may be answered from local state; one without operations may. */
export function isSerializable(txn: TxnRequest): boolean {
  return txn.success.every(isLocalRange) && txn.failure.every(isLocalRange);
}
