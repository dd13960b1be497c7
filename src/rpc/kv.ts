/**
 * `etcdserverpb.KV`: decode, validate, ask the member, encode.
 *
 * A write's own bytes are what is proposed, so a request is decoded here only to be judged. A read that the member can answer
 * as it stands is answered within the call; otherwise its bytes are kept until the read index is confirmed.
 */
import { putCost, txnCost } from '../apply/quota.js';
import { requestField } from '../apply/request-field.js';
import type { Bytes } from '../base/bytes.js';
import type { ServerCounters } from '../base/counters.js';
import type { Histogram } from '../base/histogram.js';
import type { ErrorName } from '../wire/errors.js';
import type { Call, Method } from '../wire/grpc/service.js';
import { CompactionRequest, DeleteRangeRequest, PutRequest } from '../wire/messages/kv-requests.js';
import { TxnRequest } from '../wire/messages/txn-request.js';
import type { DecodeFailure } from '../wire/proto/failure.js';
import { LaterRead } from './later-read.js';
import { RangeMethod, type RangeParts } from './range.js';
import { RangeStreamMethod } from './range-stream.js';
import { isReadOnly, isSerializable, validateDeleteRange, validatePut } from './validate.js';
import { validateTxn } from './validate-txn.js';
import { WriteMethod, type WriteParts, WriteReply } from './write.js';

export interface KvParts extends WriteParts, RangeParts {
  readonly maxTxnOps: number;
  readonly maxRequestBytes: number;
}

export function kvMethods(parts: KvParts): [string, Method][] {
  const path = (name: string) => `/etcdserverpb.KV/${name}`;
  return [
    [path('Range'), new RangeMethod(parts)],
    [path('RangeStream'), new RangeStreamMethod(parts)],
    [path('Put'), new PutMethod(parts)],
    [path('DeleteRange'), new DeleteRangeMethod(parts)],
    [path('Txn'), new TxnMethod(parts)],
    [path('Compact'), new CompactMethod(parts)],
  ];
}

class PutMethod extends WriteMethod {
  protected readonly field = requestField.put;
  readonly #request = new PutRequest();

  protected decode(bytes: Bytes, start: number, end: number): DecodeFailure {
    return this.#request.decode(bytes, start, end);
  }

  protected validate(): ErrorName | undefined {
    return validatePut(this.#request);
  }

  protected override cost(): number {
    return putCost(this.#request);
  }
}

class DeleteRangeMethod extends WriteMethod {
  protected readonly field = requestField.deleteRange;
  readonly #request = new DeleteRangeRequest();

  protected decode(bytes: Bytes, start: number, end: number): DecodeFailure {
    return this.#request.decode(bytes, start, end);
  }

  protected validate(): ErrorName | undefined {
    return validateDeleteRange(this.#request);
  }
}

class CompactMethod extends WriteMethod {
  protected readonly field = requestField.compaction;
  readonly #request = new CompactionRequest();

  protected decode(bytes: Bytes, start: number, end: number): DecodeFailure {
    return this.#request.decode(bytes, start, end);
  }

  protected validate(): ErrorName | undefined {
    return undefined;
  }

  protected override accepted(call: Call, bytes: Bytes, start: number, end: number): void {
    this.propose(call, bytes, start, end, this.#request.physical);
  }
}

class TxnMethod extends WriteMethod {
  #seconds: Histogram | undefined;
  protected readonly field = requestField.txn;
  readonly #maxTxnOps: number;
  readonly #counters: ServerCounters;
  #request = new TxnRequest();

  constructor(parts: KvParts) {
    super(parts);
    this.#maxTxnOps = parts.maxTxnOps;
    this.#counters = parts.counters;
  }

  protected decode(bytes: Bytes, start: number, end: number): DecodeFailure {
    this.#request = new TxnRequest();
    return this.#request.decode(bytes, start, end);
  }

  protected validate(): ErrorName | undefined {
    return validateTxn(this.#request, this.#maxTxnOps);
  }

  protected override cost(): number {
    return txnCost(this.#request);
  }

  protected override accepted(call: Call, bytes: Bytes, start: number, end: number): void {
    if (!isReadOnly(this.#request)) return this.propose(call, bytes, start, end, false);
    const { front } = this.answers;
    const beganMs = call.receivedMs;
    if (isSerializable(this.#request) || front.readsNow) return this.#answer(call, this.#request, beganMs);
    const kept = bytes.slice(start, end);
    call.state = kept;
    front.readIndex(
      new LaterRead(call, () => {
        const request = new TxnRequest();
        request.decode(kept, 0, kept.length);
        this.#answer(call, request, beganMs);
      }),
    );
  }

  #answer(call: Call, request: TxnRequest, beganMs: number): void {
    new WriteReply(this.parts, call, false).applied(this.parts.kv.readTxn(request));
    this.#seconds ??= this.#counters.requestSeconds.of('ReadonlyTxn true');
    this.#seconds.observe((this.answers.front.nowMs() - beganMs) / 1000);
  }
}
