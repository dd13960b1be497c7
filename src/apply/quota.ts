/**
 * The space quota: what a request may cost, and whether the store has room for it.
 *
 * It is asked twice. Where a request comes in, one that does not fit is refused. Where an entry is applied it is carried out
 * all the same, for members may differ in size but not in state; only the answer is then the refusal, and an alarm follows.
 */
import type { PutRequest } from '../wire/messages/kv-requests.js';
import type { RequestOp, TxnRequest } from '../wire/messages/txn-request.js';

/** What a key costs beside its bytes. */
const keyOverheadBytes = 256;
export const leaseGrantCost = 64;

const quotaBytesDefault = 2 * 1024 ** 3;

/** `--quota-backend-bytes` as it is meant: 0 is the default of 2 GiB, a negative one is none. */
export function quotaBytesOf(configured: number): number {
  if (configured < 0) return Number.POSITIVE_INFINITY;
  return configured === 0 ? quotaBytesDefault : configured;
}

/** Whether something of this cost fits; what costs nothing always does. */
export function fits(cost: number, sizeBytes: number, quotaBytes: number): boolean {
  return cost === 0 || sizeBytes + cost < quotaBytes;
}

export function putCost(request: PutRequest): number {
  return keyOverheadBytes + (request.keyEnd - request.keyStart) + (request.valueEnd - request.valueStart);
}

/** Transactions within transactions deeper than this are refused, for the stack has an end; see `rpc/validate-txn.ts`. */
export const txnDepthMax = 1000;

/** The dearer of both branches, whichever will be taken. It is asked before the validation, so of any depth. */
export function txnCost(request: TxnRequest, depth = 1): number {
  if (depth > txnDepthMax) return 0;
  return Math.max(opsCost(request.success, depth), opsCost(request.failure, depth));
}

function opsCost(ops: readonly RequestOp[], depth: number): number {
  let cost = 0;
  for (const op of ops) {
    if (op.kind === 'put') cost += putCost(op);
    else if (op.kind === 'txn') cost += txnCost(op, depth + 1);
  }
  return cost;
}
