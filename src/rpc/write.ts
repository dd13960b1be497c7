/**
 * What the writes of `etcdserverpb.KV` share: room is looked for, the request is judged, its own bytes are proposed, and the
 * outcome of its entry is the answer.
 */
import type { KvApplier } from '../apply/kv-applier.js';
import type { Outcome } from '../apply/outcome.js';
import type { RequestField } from '../apply/request-field.js';
import type { Bytes } from '../base/bytes.js';
import type { MemberFront, ProposalWaiter } from '../member/front.js';
import type { Store } from '../mvcc/store.js';
import type { ErrorName } from '../wire/errors.js';
import type { Call, Method } from '../wire/grpc/service.js';
import { writeDeleteRangeResponse, writePutResponse, writeTxnResponse } from '../wire/messages/kv-responses.js';
import { type DecodeFailure, decodeFailure } from '../wire/proto/failure.js';
import { type Answers, refuse, refuseMalformed, refuseTooLarge } from './answers.js';

export interface WriteParts {
  readonly answers: Answers;
  readonly store: Store;
  readonly kv: KvApplier;
  /** Raises the alarm of a member that has no room for what it was asked. */
  readonly outOfSpace: () => void;
}

/** Who waits for a write: answers the call with what the write's outcome says. */
export class WriteReply implements ProposalWaiter {
  constructor(
    private readonly parts: WriteParts,
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
export abstract class WriteMethod implements Method {
  readonly kind = 'unary';
  protected readonly parts: WriteParts;
  protected readonly answers: Answers;
  readonly #front: MemberFront;
  protected abstract readonly field: RequestField;

  constructor(parts: WriteParts) {
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
