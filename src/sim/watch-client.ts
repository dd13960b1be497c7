/**
 * One watch, held by a client that does not forget: it knows the next revision it wants, asks for it again from every process that
 * comes, and holds each answer against history: every event, once, in order, and no revision in parts.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { noBytes, utf8 } from '../base/bytes.js';
import { WatchRequestSchema, type WatchResponse, WatchResponseSchema } from '../gen/etcdserverpb/rpc_pb.js';
import { type Event, Event_EventType as EventType } from '../gen/mvccpb/kv_pb.js';
import { errors } from '../wire/errors.js';
import { grpcCode } from '../wire/grpc/service.js';
import type { SimCall } from './calls.js';
import type { SimHost } from './host.js';
import { type Judge, rule, same } from './judge.js';
import { factLine, kvLine } from './model.js';

export interface WatchedKeys {
  readonly key: string;
  /** As in the model: undefined is the one key, empty all from it on. */
  readonly end: string | undefined;
}

export class WatchClient {
  events = 0;
  compactions = 0;
  readonly #judge: Judge;
  readonly #keys: WatchedKeys;
  /** 0: from whenever the watch is first told that it is there. */
  #next: number;
  #call: SimCall | undefined;
  #read = 0;
  /** Whom it asks; undefined when that one is gone. */
  host: SimHost | undefined;

  constructor(judge: Judge, keys: WatchedKeys, next: number) {
    this.#judge = judge;
    this.#keys = keys;
    this.#next = next;
  }

  /** All that there is has come. */
  get caughtUp(): boolean {
    return this.#next > 0 && this.#missing(this.#judge.revision).length === 0;
  }

  /** `call` is a new one of the watch method, to `host`. */
  open(host: SimHost, call: SimCall): void {
    this.close();
    this.host = host;
    this.#call = call;
    const { key, end } = this.#keys;
    const rangeEnd = end === undefined ? noBytes : Uint8Array.of(0);
    const value = { key: utf8(key), rangeEnd, startRevision: BigInt(this.#next), progressNotify: true };
    this.#read = 0;
    this.#send({ case: 'createRequest', value });
  }

  askProgress(): void {
    this.#send({ case: 'progressRequest', value: {} });
  }

  /** Nobody listens any more; a process that is gone need not be told. */
  close(told = true): void {
    const call = this.#call;
    this.#call = undefined;
    this.host = undefined;
    if (told) call?.cancel();
  }

  listen(): void {
    const call = this.#call;
    if (call === undefined) return;
    for (; this.#read < call.sent.length; this.#read++) {
      const answer = fromBinary(WatchResponseSchema, call.sent[this.#read] ?? noBytes);
      if (answer.canceled) return this.#startAnew(answer);
      this.#hear(answer);
    }
    if (!call.ended) return;
    const { code, text = '' } = call.status ?? {};
    rule(code === grpcCode.unavailable || text === errors.notSupportedForLearner.text, () => `a watch ended: ${text}`);
    this.close(false);
  }

  #hear({ header, created, events }: WatchResponse): void {
    const revision = Number(header?.revision ?? 0n);
    rule(revision <= this.#judge.revision, () => `a watch is told of revision ${revision}`);
    if (created) {
      if (this.#next === 0) this.#next = revision + 1;
      return;
    }
    const to = events.length === 0 ? revision : Number(events.at(-1)?.kv?.modRevision ?? 0n);
    const wanted = this.#missing(to);
    same(`events from ${this.#next} to ${to}`, events.map(eventLine).join(', '), wanted.join(', '));
    this.events += events.length;
    this.#next = Math.max(this.#next, to + 1);
    this.#judge.saw(revision, 0);
  }

  /** What it wanted has been compacted. As clients do, it goes on with the oldest that is left. */
  #startAnew({ compactRevision, cancelReason }: WatchResponse): void {
    const compacted = Number(compactRevision);
    const right = this.#next < compacted && compacted <= this.#judge.model.store.compacted;
    rule(right, () => `a watch from ${this.#next} is canceled at ${compacted}: ${cancelReason}`);
    this.compactions++;
    this.#next = compacted;
    this.close();
  }

  #missing(to: number): string[] {
    const { key, end } = this.#keys;
    return this.#judge.events(key, end, this.#next, to).map(factLine);
  }

  #send(requestUnion: MessageRequest): void {
    this.#call?.write(toBinary(WatchRequestSchema, create(WatchRequestSchema, { requestUnion })));
  }
}

type MessageRequest = NonNullable<NonNullable<Parameters<typeof create<typeof WatchRequestSchema>>[1]>['requestUnion']>;

function eventLine({ type, kv }: Event): string {
  if (kv === undefined) return '';
  return type === EventType.DELETE ? `${new TextDecoder().decode(kv.key)} gone ${kv.modRevision}` : kvLine(kv);
}
