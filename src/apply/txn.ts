/**
 * Transactions.
 *
 *     compare     all compares first, nested ones along the chosen branches too: they do not see what the transaction writes
 *     check       the chosen operations, in order; the first that cannot be done refuses the whole, without effect
 *     execute     in order; reads see earlier writes; all writes share one main revision
 *
 * The branches chosen are kept as a list in the order in which the nested transactions stand, so all three walk alike.
 */
import { type Bytes, compareBytes, noBytes } from '../base/bytes.js';
import { Slab } from '../base/slab.js';
import { KeyState } from '../mvcc/key-index.js';
import { RangeCursor } from '../mvcc/range-cursor.js';
import type { Store } from '../mvcc/store.js';
import type { WriteTxn } from '../mvcc/write-txn.js';
import type { ErrorName } from '../wire/errors.js';
import type { DeleteRangeRequest, PutRequest, RangeRequest } from '../wire/messages/kv-requests.js';
import {
  beginNestedTxn,
  beginOpRange,
  endNestedTxn,
  writeOpDeleteRange,
  writeOpPut,
  writeSucceeded,
} from '../wire/messages/txn-body.js';
import type { RequestOp, TxnRequest } from '../wire/messages/txn-request.js';
import { Writer } from '../wire/proto/writer.js';
import { Comparer, openEnd } from './compare.js';
import type { KvApplier } from './kv-applier.js';
import type { Outcome } from './outcome.js';

/** A body that grew beyond this is not kept for the next transaction. */
const keptBodyBytesMax = 1024 * 1024;
const responsesTag = 0x1a;

export class TxnApplier {
  readonly #store: Store;
  readonly #kv: KvApplier;
  readonly #comparer: Comparer;
  readonly #cursor: RangeCursor;
  readonly #slab = new Slab();
  #body = new Writer(1024);
  /** Whether each transaction's compares hold, in the order they are met. */
  #path: boolean[] = [];
  #step = 0;
  /** Whether an answer is put together, and what it would have taken if it is too large to be. */
  #wanted = true;
  #tooLargeBytes = 0;
  /** All keys from here on are deleted by what was checked so far. */
  #deletedFrom: Bytes | undefined;
  readonly #state = new KeyState();

  constructor(store: Store, kv: KvApplier) {
    this.#store = store;
    this.#kv = kv;
    this.#comparer = new Comparer(store);
    this.#cursor = new RangeCursor(store);
  }

  apply(request: TxnRequest, wanted: boolean): Outcome {
    this.#path = [];
    this.#choose(request);
    this.#step = 0;
    this.#deletedFrom = undefined;
    const error = this.#check(request);
    if (error !== undefined) return { kind: 'refused', error, revision: this.#store.revision };
    this.#step = 0;
    this.#wanted = wanted;
    this.#tooLargeBytes = 0;
    this.#body.reset();
    writeSucceeded(this.#body, this.#path[0] === true);
    const txn = this.#store.begin();
    this.#execute(txn, request);
    const revision = txn.end();
    const body = this.#takeBody();
    if (this.#tooLargeBytes > 0) return { kind: 'tooLarge', revision, bytes: this.#tooLargeBytes };
    return { kind: 'txn', revision, body };
  }

  /** Small ones are cut from a slab: answers are sent, and forgotten, about when they are made. */
  #takeBody(): Bytes {
    const { bytes, at } = this.#body;
    const isLarge = bytes.length > keptBodyBytesMax;
    if (isLarge) this.#body = new Writer(1024);
    if (!this.#wanted) return noBytes;
    if (isLarge) return bytes.subarray(0, at);
    const copy = this.#slab.take(at);
    copy.set(bytes.subarray(0, at));
    return copy;
  }

  /** Whether so many bytes more still make an answer that can be sent; if not, none is put together any more. */
  #answers(moreBytes: number): boolean {
    const bytes = this.#body.at + moreBytes;
    if (this.#wanted && bytes > this.#kv.bytesMax) {
      this.#tooLargeBytes = bytes;
      this.#wanted = false;
    }
    return this.#wanted;
  }

  #choose(request: TxnRequest): void {
    const holds = this.#comparer.all(request.compare);
    this.#path.push(holds);
    for (const op of holds ? request.success : request.failure) if (op.kind === 'txn') this.#choose(op);
  }

  #chosen(request: TxnRequest): readonly RequestOp[] {
    return this.#path[this.#step++] === true ? request.success : request.failure;
  }

  #check(request: TxnRequest): ErrorName | undefined {
    for (const op of this.#chosen(request)) {
      const error = this.#checkOp(op);
      if (error !== undefined) return error;
    }
    return undefined;
  }

  #checkOp(op: RequestOp): ErrorName | undefined {
    switch (op.kind) {
      case 'range':
        return this.#checkRange(op.revision);
      case 'put':
        return this.#checkPut(op);
      case 'deleteRange':
        this.#checkDelete(op);
        return undefined;
      case 'txn':
        return this.#check(op);
      case 'empty':
        return undefined;
    }
  }

  /** Unlike a range of its own, one in a transaction is refused for a revision below the compacted one, even a negative. */
  #checkRange(revision: number): ErrorName | undefined {
    if (revision === 0) return undefined;
    if (revision > this.#store.revision) return 'futureRevision';
    return revision < this.#store.compactedRevision ? 'compacted' : undefined;
  }

  #checkPut(request: PutRequest): ErrorName | undefined {
    if (request.hasLease && !this.#store.leases.has(request.lease)) return 'leaseNotFound';
    if ((request.ignoreValue || request.ignoreLease) && !this.#willBeThere(request.key)) return 'keyNotFound';
    return undefined;
  }

  #checkDelete({ key, rangeEnd }: DeleteRangeRequest): void {
    if (openEnd(rangeEnd) !== undefined) return;
    if (this.#deletedFrom === undefined || compareBytes(key, this.#deletedFrom) < 0) this.#deletedFrom = key;
  }

  /**
   * Whether `key` will be alive when the checked operations have been done. A valid transaction writes each key once, but
   * for deletions with an open end: one can stand before a put of what it deletes. etcd 3.7.1 crashes there when the put
   * asks for what was there before.
   */
  #willBeThere(key: Bytes): boolean {
    if (this.#deletedFrom !== undefined && compareBytes(key, this.#deletedFrom) >= 0) return false;
    return this.#store.index.find(key, this.#state);
  }

  #execute(txn: WriteTxn, request: TxnRequest): void {
    for (const op of this.#chosen(request)) {
      switch (op.kind) {
        case 'range':
          if (this.#wanted) this.#range(txn, op);
          break;
        case 'put':
          this.#put(txn, op);
          break;
        case 'deleteRange':
          this.#deleteRange(txn, op);
          break;
        case 'txn': {
          const nested = beginNestedTxn(this.#body, this.#path[this.#step] === true);
          this.#execute(txn, op);
          endNestedTxn(this.#body, nested);
          break;
        }
        case 'empty':
          this.#body.close(this.#body.open(responsesTag));
          break;
      }
    }
  }

  #range(txn: WriteTxn, request: RangeRequest): void {
    const cursor = this.#cursor;
    txn.countRead();
    // It was checked, and nothing can be compacted in between.
    cursor.open(request, txn.revision);
    cursor.plan();
    if (!this.#answers(cursor.bodyBytes)) return;
    const op = beginOpRange(this.#body, txn.revision);
    cursor.write(this.#body);
    this.#body.close(op.response);
    this.#body.close(op.op);
  }

  #put(txn: WriteTxn, request: PutRequest): void {
    const prevKv = this.#kv.putIn(txn, request);
    writeOpPut(this.#body, txn.revision, prevKv);
  }

  #deleteRange(txn: WriteTxn, request: DeleteRangeRequest): void {
    const asked = request.prevKv && this.#answers(this.#kv.prevKvBytesOf(request));
    const prevKvs = asked ? this.#kv.prevKvsOf(request) : [];
    const deleted = this.#kv.deleteIn(txn, request);
    writeOpDeleteRange(this.#body, txn.revision, deleted, prevKvs);
  }
}
