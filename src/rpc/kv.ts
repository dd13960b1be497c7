/**
 * `etcdserverpb.KV`: decode, validate, ask the member, encode.
 *
 * A write's own bytes are what is proposed, so a request is decoded here only to be judged. A read that the member can answer
 * as it stands is answered within the call; otherwise its bytes are kept until the read index is confirmed.
 */
import type { KvApplier } from '../apply/kv-applier.js';
import type { Outcome } from '../apply/outcome.js';
import { putCost, txnCost } from '../apply/quota.js';
import { type RequestField, requestField } from '../apply/request-field.js';
import type { Bytes } from '../base/bytes.js';
import type { Chores } from '../base/chores.js';
import type { ServerCounters } from '../base/counters.js';
import type { Histogram } from '../base/histogram.js';
import type { MemberFront, ProposalWaiter, ReadWaiter } from '../member/front.js';
import { RangeCursor } from '../mvcc/range-cursor.js';
import type { Store } from '../mvcc/store.js';
import type { ErrorName } from '../wire/errors.js';
import type { Call, Method } from '../wire/grpc/service.js';
import { CompactionRequest, DeleteRangeRequest, PutRequest, RangeRequest } from '../wire/messages/kv-requests.js';
import {
  writeDeleteRangeResponse,
  writePutResponse,
  writeRangeEnd,
  writeRangeKv,
  writeTxnResponse,
} from '../wire/messages/kv-responses.js';
import { TxnRequest } from '../wire/messages/txn-request.js';
import { type DecodeFailure, decodeFailure } from '../wire/proto/failure.js';
import { type Answers, refuse, refuseMalformed, refuseTooLarge } from './answers.js';
import { LargeRange, wholeBytesMax, wholeKeysMax } from './large-range.js';
import { RangeStreamMethod } from './range-stream.js';
import { isReadOnly, isSerializable, validateDeleteRange, validatePut, validateRange } from './validate.js';
import { validateTxn } from './validate-txn.js';

export interface KvParts {
  readonly answers: Answers;
  readonly store: Store;
  readonly kv: KvApplier;
  readonly chores: Chores;
  readonly maxTxnOps: number;
  readonly maxRequestBytes: number;
  readonly counters: ServerCounters;
  /** Raises the alarm of a member that has no room for what it was asked. */
  readonly outOfSpace: () => void;
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

/** Who waits for a write: answers the call with what the write's outcome says. */
class WriteReply implements ProposalWaiter {
  constructor(
    private readonly parts: KvParts,
    private readonly call: Call,
    private readonly physical: boolean,
  ) {}

  applied(outcome: Outcome): void {
    const { call } = this;
    const { answers, store } = this.parts;
    switch (outcome.kind) {
      case 'put': {
        const writer = answers.begin(outcome.revision);
        writePutResponse(writer, answers.header, outcome.prevKv);
        return call.reply(writer.bytes, 0, writer.at);
      }
      case 'deleteRange': {
        const writer = answers.begin(outcome.revision);
        writeDeleteRangeResponse(writer, answers.header, outcome.deleted, outcome.prevKvs);
        return call.reply(writer.bytes, 0, writer.at);
      }
      case 'txn': {
        const writer = answers.begin(outcome.revision);
        writeTxnResponse(writer, answers.header, outcome.body);
        return call.reply(writer.bytes, 0, writer.at);
      }
      case 'compaction':
        if (!this.physical) return answers.headerOnly(call, outcome.revision);
        return store.compactor.whenDone({ compacted: () => answers.headerOnly(call, store.revision) });
      case 'tooLarge':
        return refuseTooLarge(call, outcome.bytes);
      case 'refused':
        return refuse(call, outcome.error);
      default:
        return answers.headerOnly(call, outcome.revision);
    }
  }

  failed(error: ErrorName): void {
    refuse(this.call, error);
  }
}

/** A write: what differs is how it is decoded, judged and what room it takes. */
abstract class WriteMethod implements Method {
  readonly kind = 'unary';
  protected readonly parts: KvParts;
  protected readonly answers: Answers;
  readonly #front: MemberFront;
  protected abstract readonly field: RequestField;

  constructor(parts: KvParts) {
    this.parts = parts;
    this.answers = parts.answers;
    this.#front = parts.answers.front;
  }

  protected abstract decode(bytes: Bytes, start: number, end: number): DecodeFailure;
  protected abstract validate(): ErrorName | undefined;
  /** What the request may add to the store: see `apply/quota.ts`. */
  protected cost(): number {
    return 0;
  }

  message(call: Call, bytes: Bytes, start: number, end: number): void {
    if (this.answers.turnedAway(call)) return;
    const failure = this.decode(bytes, start, end);
    if (failure !== decodeFailure.none) return refuseMalformed(call, failure);
    // Room is looked at before the request itself is: so etcd does.
    if (!this.parts.kv.hasRoom(this.cost())) {
      this.parts.outOfSpace();
      return refuse(call, 'noSpace');
    }
    const error = this.validate();
    if (error !== undefined) return refuse(call, error);
    this.accepted(call, bytes, start, end);
  }

  protected accepted(call: Call, bytes: Bytes, start: number, end: number): void {
    this.propose(call, bytes, start, end, false);
  }

  protected propose(call: Call, bytes: Bytes, start: number, end: number, physical: boolean): void {
    this.#front.propose(this.field, bytes, start, end, new WriteReply(this.parts, call, physical));
  }
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
  #request = new TxnRequest();

  protected decode(bytes: Bytes, start: number, end: number): DecodeFailure {
    this.#request = new TxnRequest();
    return this.#request.decode(bytes, start, end);
  }

  protected validate(): ErrorName | undefined {
    return validateTxn(this.#request, this.parts.maxTxnOps);
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
    front.readIndex(
      new Later(call, () => {
        const request = new TxnRequest();
        request.decode(kept, 0, kept.length);
        this.#answer(call, request, beganMs);
      }),
    );
  }

  #answer(call: Call, request: TxnRequest, beganMs: number): void {
    new WriteReply(this.parts, call, false).applied(this.parts.kv.readTxn(request));
    this.#seconds ??= this.parts.counters.requestSeconds.of('ReadonlyTxn true');
    this.#seconds.observe((this.answers.front.nowMs() - beganMs) / 1000);
  }
}

/** A read that waits for its index. */
class Later implements ReadWaiter {
  constructor(
    private readonly call: Call,
    private readonly read: () => void,
  ) {}

  confirmed(): void {
    if (!this.call.ended) this.read();
  }

  failed(error: ErrorName): void {
    refuse(this.call, error);
  }
}

class RangeMethod implements Method {
  readonly kind = 'unary';
  readonly #parts: KvParts;
  readonly #answers: Answers;
  readonly #front: MemberFront;
  readonly #store: Store;
  readonly #request = new RangeRequest();
  readonly #requestSeconds: Histogram;
  readonly #rangeSeconds: Histogram;
  #cursor: RangeCursor;

  constructor(parts: KvParts) {
    this.#parts = parts;
    this.#requestSeconds = parts.counters.requestSeconds.of('Range true');
    this.#rangeSeconds = parts.counters.rangeSeconds.of('true');
    this.#answers = parts.answers;
    this.#front = parts.answers.front;
    this.#store = parts.store;
    this.#cursor = new RangeCursor(parts.store);
  }

  message(call: Call, bytes: Bytes, start: number, end: number): void {
    if (this.#answers.turnedAway(call)) return;
    const request = this.#request;
    const failure = request.decode(bytes, start, end);
    if (failure !== decodeFailure.none) return refuseMalformed(call, failure);
    const error = validateRange(request);
    if (error !== undefined) return refuse(call, error);
    const beganMs = call.receivedMs;
    if (request.serializable || this.#front.readsNow) return this.#answerTimed(call, request, beganMs);
    const kept = bytes.slice(start, end);
    this.#front.readIndex(
      new Later(call, () => {
        request.decode(kept, 0, kept.length);
        this.#answerTimed(call, request, beganMs);
      }),
    );
  }

  drained(call: Call): void {
    if (call.state instanceof LargeRange) call.state.drained();
  }

  canceled(call: Call): void {
    if (call.state instanceof LargeRange) call.state.drop();
  }

  /** From the arrival of its bytes: one look at the clock a read, so both histograms get the whole time. */
  #answerTimed(call: Call, request: RangeRequest, beganMs: number): void {
    this.#store.counters.ranges++;
    this.#answer(call, request);
    const seconds = (this.#front.nowMs() - beganMs) / 1000;
    this.#requestSeconds.observe(seconds);
    this.#rangeSeconds.observe(seconds);
  }

  #answer(call: Call, request: RangeRequest): void {
    if (isPlainGet(request)) return this.#get(call, request);
    const cursor = this.#cursor;
    const error = cursor.open(request);
    if (error !== undefined) return refuse(call, error);
    const revision = this.#store.revision;
    if (!cursor.plan(wholeKeysMax) || cursor.bodyBytes > wholeBytesMax) {
      // Too much for one turn: the cursor goes with the call, and the next request gets a new one.
      this.#cursor = new RangeCursor(this.#store);
      return this.#parts.chores.wake(new LargeRange(call, cursor, this.#answers, this.#parts.chores, revision));
    }
    const writer = this.#answers.begin(revision);
    this.#answers.header.write(writer);
    cursor.write(writer);
    call.reply(writer.bytes, 0, writer.at);
  }

  /** The most common read of all: one key, now. */
  #get(call: Call, request: RangeRequest): void {
    const stored = this.#store.get(request.key);
    const writer = this.#answers.begin(this.#store.revision);
    this.#answers.header.write(writer);
    if (stored !== undefined) {
      writeRangeKv(writer, stored, 0, stored.length);
      writeRangeEnd(writer, false, 1);
    }
    call.reply(writer.bytes, 0, writer.at);
  }
}

function isPlainGet(request: RangeRequest): boolean {
  return (
    request.rangeEndStart === request.rangeEndEnd &&
    request.revision <= 0 &&
    !request.keysOnly &&
    !request.countOnly &&
    request.minModRevision === 0 &&
    request.maxModRevision === 0 &&
    request.minCreateRevision === 0 &&
    request.maxCreateRevision === 0
  );
}
