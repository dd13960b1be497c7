/**
 * Applies the requests of the key-value service to the store, with etcd's checks in etcd's order.
 *
 * The outcome comes from the request and the store alone, and so is the same on every member, but for the quota: a member
 * that has no room applies the entry like all others and only answers differently.
 *
 * Requests are read in place and may be gone when a call returns; what an outcome holds is its own.
 */
import type { Bytes } from '../base/bytes.js';
import { noLease } from '../base/ids.js';
import type { KeyVisitor } from '../mvcc/key-index.js';
import type { Store } from '../mvcc/store.js';
import type { WriteTxn } from '../mvcc/write-txn.js';
import type { ErrorName } from '../wire/errors.js';
import { KeyValue } from '../wire/messages/key-value.js';
import type { CompactionRequest, DeleteRangeRequest, PutRequest } from '../wire/messages/kv-requests.js';
import { rangeKvSize } from '../wire/messages/kv-responses.js';
import type { TxnRequest } from '../wire/messages/txn-request.js';
import { openEnd } from './compare.js';
import { answerBytesMax, type Outcome } from './outcome.js';
import { fits, putCost, txnCost } from './quota.js';
import { TxnApplier } from './txn.js';

export class KvApplier {
  readonly #store: Store;
  readonly #quotaBytes: number;
  readonly #txn: TxnApplier;
  readonly #previous = new KeyValue();

  /** A smaller `bytesMax` is for tests. */
  constructor(
    store: Store,
    quotaBytes: number,
    readonly bytesMax = answerBytesMax,
  ) {
    this.#store = store;
    this.#quotaBytes = quotaBytes;
    this.#txn = new TxnApplier(store, this);
  }

  put(request: PutRequest): Outcome {
    const room = this.hasRoom(putCost(request));
    if (request.hasLease && !this.#store.leases.has(request.lease)) return this.#refused('leaseNotFound');
    if ((request.ignoreValue || request.ignoreLease) && this.#store.get(request.key) === undefined)
      return this.#refused('keyNotFound');
    const txn = this.#store.begin();
    const prevKv = this.putIn(txn, request);
    const revision = txn.end();
    return room ? { kind: 'put', revision, prevKv } : this.#refused('noSpace');
  }

  /** Puts within `txn`, all checks done; answers the replaced `KeyValue`, if it is asked for and there is one. */
  putIn(txn: WriteTxn, request: PutRequest): Bytes | undefined {
    const key = request.key;
    let value = request.value;
    let lease = request.hasLease ? request.lease : noLease;
    let prevKv: Bytes | undefined;
    if (request.prevKv || request.ignoreValue || request.ignoreLease) {
      // The bytes in the store are overwritten by nobody, but may move with the next write.
      const stored = this.#store.get(key)?.slice();
      if (request.prevKv) prevKv = stored;
      if (stored !== undefined) {
        this.#previous.decode(stored, 0, stored.length);
        if (request.ignoreValue) value = this.#previous.value;
        if (request.ignoreLease) lease = this.#previous.lease;
      }
    }
    txn.put(key, value, lease);
    return prevKv;
  }

  deleteRange(request: DeleteRangeRequest, wanted = true): Outcome {
    const asked = request.prevKv && wanted;
    const bytes = asked ? this.prevKvBytesOf(request) : 0;
    const prevKvs = asked && bytes <= this.bytesMax ? this.prevKvsOf(request) : [];
    const txn = this.#store.begin();
    const deleted = this.deleteIn(txn, request);
    const revision = txn.end();
    if (bytes > this.bytesMax) return { kind: 'tooLarge', revision, bytes };
    return { kind: 'deleteRange', revision, deleted, prevKvs };
  }

  deleteIn(txn: WriteTxn, request: DeleteRangeRequest): number {
    if (request.rangeEndStart === request.rangeEndEnd) return txn.deleteKey(request.key);
    return txn.deleteRange(request.key, openEnd(request.rangeEnd));
  }

  /** What `prevKvsOf` takes in an answer, told by the index alone. */
  prevKvBytesOf(request: DeleteRangeRequest): number {
    if (request.rangeEndStart === request.rangeEndEnd) return 0; // One value is never too large.
    let bytes = 0;
    const visit: KeyVisitor = (_key, { storedBytes }) => {
      bytes += rangeKvSize(storedBytes);
      return true;
    };
    this.#store.index.scan(request.key, openEnd(request.rangeEnd), 0, visit);
    return bytes;
  }

  /** What a deletion is about to delete. */
  prevKvsOf(request: DeleteRangeRequest): Bytes[] {
    const store = this.#store;
    if (request.rangeEndStart === request.rangeEndEnd) {
      const stored = store.get(request.key);
      return stored === undefined ? [] : [stored.slice()];
    }
    const prevKvs: Bytes[] = [];
    const visit: KeyVisitor = (_key, state) => prevKvs.push(store.stored(state.main, state.sub).slice()) > 0;
    store.index.scan(request.key, openEnd(request.rangeEnd), 0, visit);
    return prevKvs;
  }

  /** `wanted` is false where nobody waits for the answer: then none is put together. */
  txn(request: TxnRequest, wanted = true): Outcome {
    const room = this.hasRoom(txnCost(request));
    const outcome = this.#txn.apply(request, wanted);
    return room || outcome.kind === 'refused' ? outcome : this.#refused('noSpace');
  }

  /** A transaction that only reads, from the state as it is now. */
  readTxn(request: TxnRequest): Outcome {
    return this.#txn.apply(request, true);
  }

  compaction(request: CompactionRequest, nowMs: number): Outcome {
    const error = this.#store.compactor.schedule(request.revision, nowMs);
    if (error !== undefined) return this.#refused(error);
    return { kind: 'compaction', revision: this.#store.revision, compacted: request.revision };
  }

  /** Whether something of this cost fits into the quota. */
  hasRoom(cost: number): boolean {
    if (this.#quotaBytes === Number.POSITIVE_INFINITY) return true;
    return fits(cost, this.#store.values.sizeBytes(), this.#quotaBytes);
  }

  #refused(error: ErrorName): Outcome {
    return { kind: 'refused', error, revision: this.#store.revision };
  }
}
