/** What applying one entry answered: the same on every member, for it comes from log and state alone. */
import type { Bytes } from '../base/bytes.js';
import type { LeaseId, MemberId } from '../base/ids.js';
import type { ErrorName } from '../wire/errors.js';

export type Alarm = { readonly memberId: MemberId; readonly alarm: number };

/** No answer is longer: grpc-go's bound on what a server sends. */
export const answerBytesMax = 2 ** 31 - 1;

/** `revision` is what the answer's header says: the store's revision after the entry. */
export type Outcome =
  | { readonly kind: 'refused'; readonly error: ErrorName; readonly revision: number }
  /** `prevKv`: the encoded `KeyValue` that was replaced, if it was asked for and there was one. */
  | { readonly kind: 'put'; readonly revision: number; readonly prevKv: Bytes | undefined }
  | {
      readonly kind: 'deleteRange';
      readonly revision: number;
      readonly deleted: number;
      readonly prevKvs: readonly Bytes[];
    }
  /** `body`: the encoded `TxnResponse` without its header: field 2 `succeeded`, field 3 `responses`. */
  | { readonly kind: 'txn'; readonly revision: number; readonly body: Bytes }
  /** A compaction has been decided and begun; `physical` waiters are told separately when its last slice is done. */
  | { readonly kind: 'compaction'; readonly revision: number; readonly compacted: number }
  | { readonly kind: 'leaseGrant'; readonly revision: number; readonly id: LeaseId; readonly ttlSeconds: number }
  | { readonly kind: 'leaseRevoke'; readonly revision: number }
  | { readonly kind: 'alarm'; readonly revision: number; readonly alarms: readonly Alarm[] }
  /** It was done, but its answer takes so many bytes that it cannot be sent. */
  | { readonly kind: 'tooLarge'; readonly revision: number; readonly bytes: number }
  | { readonly kind: 'done'; readonly revision: number };
