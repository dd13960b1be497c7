/**
 * Clients of simulated members: they ask at random, any member that serves, through its services, and bring what they are answered
 * before the judge. When a process dies, what it had not told them is neither known to be done nor known not to be; their watches go
 * on with another.
 */
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { concatBytes, noBytes, utf8 } from '../base/bytes.js';
import type { Random } from '../base/random.js';
import {
  CompactionRequestSchema,
  CompactionResponseSchema,
  Compare_CompareResult as CompareResult,
  Compare_CompareTarget as CompareTarget,
  DeleteRangeRequestSchema,
  DeleteRangeResponseSchema,
  HashKVRequestSchema,
  HashKVResponseSchema,
  LeaseGrantRequestSchema,
  LeaseGrantResponseSchema,
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
  LeaseRevokeRequestSchema,
  LeaseRevokeResponseSchema,
  LeaseTimeToLiveRequestSchema,
  LeaseTimeToLiveResponseSchema,
  PutRequestSchema,
  PutResponseSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  type ResponseHeader,
  type ResponseOp,
  TxnRequestSchema,
  TxnResponseSchema,
} from '../gen/etcdserverpb/rpc_pb.js';
import { errors } from '../wire/errors.js';
import { grpcCode } from '../wire/grpc/service.js';
import { Writer } from '../wire/proto/writer.js';
import type { Metadata, SimCall } from './calls.js';
import type { SimHost } from './host.js';
import { type Judge, numberField, rule, same } from './judge.js';
import { kvLine, rangeLine } from './model.js';
import { WatchClient } from './watch-client.js';

const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
/** Of one process; whoever asks on is one of few. */
const callsMax = 6;
const watchesMax = 4;

type Header = { readonly header?: ResponseHeader | undefined };
/** `@5` */
const at = ({ header }: Header) => `@${header?.revision}`;
const revisionOf = ({ header }: Header) => Number(header?.revision ?? 0n);

/** What clients are seldom so patient as to wait for. */
const patienceMs = 12_000;
const askForLeader = { hasleader: 'true' };

/** Begins a call of a method. */
export type OpenCall = (host: SimHost, path: string, metadata: Metadata) => SimCall;
const directly: OpenCall = (host, path, metadata) => host.call(path, metadata);
const keepAlive = 'Lease/LeaseKeepAlive';
const watchPath = '/etcdserverpb.Watch/Watch';

interface Asked {
  readonly host: SimHost;
  readonly call: SimCall;
  readonly answered: (call: SimCall) => void;
  readonly untilMs: number;
  /** Its first answer is all that is wanted of it. */
  readonly stream: boolean;
}

export class Clients {
  readonly watches: WatchClient[] = [];
  answers = 0;
  unknown = 0;
  readonly #random: Random;
  readonly #judge: Judge;
  readonly #nowMs: () => number;
  readonly #open: OpenCall;
  /** Those that serve. */
  #hosts: SimHost[] = [];
  #asked: Asked[] = [];
  #number = 0;
  /** Granted, or at least asked for. */
  #leases: bigint[] = [];

  constructor(random: Random, judge: Judge, nowMs: () => number, open: OpenCall = directly) {
    this.#random = random;
    this.#judge = judge;
    this.#nowMs = nowMs;
    this.#open = open;
  }

  get waiting(): boolean {
    return this.#asked.length > 0;
  }

  /** The process before is gone, if there was one. */
  meet(host: SimHost): void {
    for (const before of [...this.#hosts]) this.leave(before);
    this.join(host);
  }

  /** One more process serves. */
  join(host: SimHost): void {
    this.#hosts.push(host);
    this.#reopenWatches();
  }

  /** It is gone, and nobody hears of it any more. */
  leave(host: SimHost): void {
    this.unknown += this.#asked.filter((asked) => asked.host === host).length;
    this.#asked = this.#asked.filter((asked) => asked.host !== host);
    this.#hosts = this.#hosts.filter((each) => each !== host);
    for (const watch of this.watches) if (watch.host === host) watch.close(false);
    this.#reopenWatches();
  }

  #reopenWatches(): void {
    if (this.#hosts.length === 0) return;
    for (const watch of this.watches) if (watch.host === undefined) this.#openWatch(watch);
  }

  #openWatch(watch: WatchClient): void {
    if (this.#hosts.length === 0) return;
    const host = this.#random.pick(this.#hosts);
    const headers = this.#random.oneIn(4) ? askForLeader : {};
    watch.close();
    watch.open(host, this.#open(host, watchPath, headers));
  }

  /** Some ask for something. */
  act(): void {
    const random = this.#random;
    for (let times = random.below(3); times > 0; times--) {
      const dice = random.below(100);
      if (dice < 30) this.#put();
      else if (dice < 38) this.#delete();
      else if (dice < 48) this.#txn();
      else if (dice < 66) this.#range();
      else if (dice < 73) this.#grant();
      else if (dice < 76) this.#revoke();
      else if (dice < 80) this.#keepAlive();
      else if (dice < 83) this.#timeToLive();
      else if (dice < 87) this.#compact();
      else if (dice < 92) this.#hash();
      else if (dice < 96 && this.watches.length < watchesMax) this.#watch();
      else if (dice < 97) this.#moveWatch();
      else this.#askProgress();
    }
  }

  #askProgress(): void {
    for (const watch of this.watches) watch.askProgress();
  }

  /** Its connection broke. */
  #moveWatch(): void {
    if (this.watches.length > 0) this.#openWatch(this.#random.pick(this.watches));
  }

  /** `host` has had its turn: what it answered is judged. */
  listen(host: SimHost): void {
    this.#judge.follow(host);
    const settled = this.#asked.filter((asked) => asked.host === host && this.#isSettled(asked));
    // First: a call that is ended may have the host do something, and us listen again.
    if (settled.length > 0) this.#asked = this.#asked.filter((asked) => !settled.includes(asked));
    for (const { call, answered, stream } of settled) {
      if (call.ended || (stream && call.sent.length > 0)) answered(call);
      else {
        call.cancel();
        this.unknown++;
      }
    }
    for (const watch of this.watches) if (watch.host === host) watch.listen();
    this.#reopenWatches();
  }

  #isSettled({ call, stream, untilMs }: Asked): boolean {
    return call.ended || (stream && call.sent.length > 0) || this.#nowMs() >= untilMs;
  }

  #put(): void {
    const random = this.#random;
    const prevKv = random.oneIn(3);
    const value = utf8(`v${this.#number + 1}${'.'.repeat(random.oneIn(4) ? random.below(3000) : 0)}`);
    const put = { key: utf8(random.pick(keys)), value, lease: this.#lease(), prevKv };
    this.#write('KV/Put', PutRequestSchema, put, PutResponseSchema, (answer) => {
      const over = answer.prevKv === undefined ? '' : ` over ${kvLine(answer.prevKv)}`;
      return `put${over} ${at(answer)}`;
    });
  }

  #delete(): void {
    const [key, rangeEnd] = this.#someKeys();
    const request = { key: utf8(key), rangeEnd };
    this.#write('KV/DeleteRange', DeleteRangeRequestSchema, request, DeleteRangeResponseSchema, (answer) => {
      return `deleted ${answer.deleted} ${at(answer)}`;
    });
  }

  #txn(): void {
    const random = this.#random;
    const [first, second, third] = random.shuffle([...keys]).map(utf8);
    const value = utf8(`v${this.#number + 1}`);
    const put = (key = noBytes) => op('requestPut', { key, value, lease: this.#lease() });
    const remove = (key = noBytes) => op('requestDeleteRange', { key });
    const all = op('requestRange', { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) });
    const compare = random.oneIn(2)
      ? { target: CompareTarget.VERSION, targetUnion: { case: 'version' as const, value: BigInt(random.below(3)) } }
      : { target: CompareTarget.VALUE, targetUnion: { case: 'value' as const, value: utf8(`v${this.#number}`) } };
    const request = {
      compare: [{ ...compare, result: CompareResult.EQUAL, key: first ?? noBytes }],
      success: [put(first), all, remove(second), put(third)],
      failure: random.oneIn(3) ? [all] : [remove(first), put(second), all],
    };
    this.#write('KV/Txn', TxnRequestSchema, request, TxnResponseSchema, (answer) => {
      return `${answer.succeeded} [${answer.responses.map(opLine).join('; ')}] ${at(answer)}`;
    });
  }

  #compact(): void {
    const revision = BigInt(1 + this.#random.below(this.#judge.seenRevision));
    const request = { revision, physical: this.#random.oneIn(3) };
    const number = this.#number + 1;
    const asked = 0;
    this.#write('KV/Compact', CompactionRequestSchema, request, CompactionResponseSchema, (answer) => {
      if (!request.physical) return `compacted ${at(answer)}`;
      // Physically done, it answers with the revision that there is by then.
      this.#judge.saw(revisionOf(answer), asked);
      const outcome = this.#judge.outcomeOf(number);
      return outcome.startsWith('compacted') ? outcome : 'compacted';
    });
  }

  #grant(): void {
    const ID = BigInt(100 + this.#number);
    const TTL = BigInt(1 + this.#random.below(8));
    this.#leases.push(ID);
    this.#judge.leaseEndsMs.set(ID, this.#nowMs() + this.#judge.leaseMs(Number(TTL)));
    this.#write('Lease/LeaseGrant', LeaseGrantRequestSchema, { ID, TTL }, LeaseGrantResponseSchema, (answer) => {
      return `granted ${answer.ID} ${answer.TTL} ${at(answer)}`;
    });
  }

  #revoke(): void {
    const request = { ID: this.#lease() };
    this.#write('Lease/LeaseRevoke', LeaseRevokeRequestSchema, request, LeaseRevokeResponseSchema, (answer) => {
      return `revoked ${at(answer)}`;
    });
  }

  #keepAlive(): void {
    const ID = this.#lease();
    const sentMs = this.#nowMs();
    const { leases } = this.#judge.model;
    const alive = leases.get(ID);
    const dead = this.#judge.model.ended.has(ID);
    const { term } = this.#judge;
    this.#ask(keepAlive, LeaseKeepAliveRequestSchema, { ID }, (call) => {
      if (call.sent.length === 0) return;
      const { TTL, header } = fromBinary(LeaseKeepAliveResponseSchema, call.sent[0] ?? noBytes);
      if (TTL === 0n) rule(alive === undefined || !leases.has(ID), () => `lease ${ID} lives and is not renewed`);
      else {
        rule(!dead, () => `lease ${ID} had ended and is renewed`);
        same(`time to live of ${ID}`, String(TTL), String(alive ?? leases.get(ID) ?? TTL));
        const promised = this.#judge.leads(Number(header?.raftTerm ?? 0n), term);
        if (promised) this.#judge.leaseEndsMs.set(ID, sentMs + this.#judge.leaseMs(Number(TTL)));
      }
      this.#judge.saw(revisionOf({ header }), 0);
      call.cancel();
    });
  }

  #timeToLive(): void {
    const ID = this.#lease();
    const { leases, ended } = this.#judge.model;
    const [alive, dead] = [leases.get(ID), ended.has(ID)];
    this.#ask('Lease/LeaseTimeToLive', LeaseTimeToLiveRequestSchema, { ID, keys: true }, (call) => {
      const answer = this.#answerOf(call, LeaseTimeToLiveResponseSchema);
      if (answer === undefined || typeof answer === 'string') return;
      const { TTL, grantedTTL } = answer;
      // One that is overdue has less than no time left, as long as it is not ended.
      if (grantedTTL === 0n) rule(alive === undefined || !leases.has(ID), () => `lease ${ID} lives and is not known`);
      else {
        rule(!dead, () => `lease ${ID} had ended, and has ${TTL} seconds left`);
        rule(TTL <= grantedTTL + 1n, () => `lease ${ID} has ${TTL} of ${grantedTTL} seconds left`);
        same(`seconds granted to ${ID}`, String(grantedTTL), String(alive ?? leases.get(ID) ?? grantedTTL));
      }
    });
  }

  /** Somebody who knows this one alone asks for the newest. */
  readFrom(host: SimHost): void {
    if (this.#hosts.includes(host)) this.#range(host);
  }

  #range(host?: SimHost): void {
    const [key, rangeEnd] = this.#someKeys();
    const serializable = host === undefined && this.#random.oneIn(4);
    const asked = serializable ? 0 : this.#judge.floor;
    const revision = this.#random.oneIn(2) ? 0 : 1 + this.#random.below(this.#judge.seenRevision);
    const request = { key: utf8(key), rangeEnd, revision: BigInt(revision), serializable };
    const end = rangeEnd.length === 0 ? undefined : '';
    const judged = (call: SimCall) => {
      const answer = this.#answerOf(call, RangeResponseSchema);
      if (typeof answer === 'string') {
        this.#refusedRevision(revision, serializable, answer);
      } else if (answer !== undefined) {
        this.#judge.saw(revisionOf(answer), asked);
        this.#judge.read(key, end, revision || revisionOf(answer), rangeLine(answer.kvs.map(kvLine)));
      }
    };
    this.#ask('KV/Range', RangeRequestSchema, request, judged, 0, host);
  }

  #refusedRevision(revision: number, local: boolean, refusal: string): void {
    // Of a member that lags, what others have answered already may be the future.
    if (local && refusal.endsWith(errors.futureRevision.text)) return;
    if (refusal.endsWith(errors.notSupportedForLearner.text)) return;
    const { compacted } = this.#judge.model.store;
    const rightly = revision > 0 && revision < compacted && refusal.endsWith(errors.compacted.text);
    rule(rightly, () => `range at ${revision} of ${compacted}: ${refusal}`);
  }

  #hash(): void {
    const revision = this.#random.oneIn(2) ? 0 : 1 + this.#random.below(this.#judge.seenRevision);
    this.#ask('Maintenance/HashKV', HashKVRequestSchema, { revision: BigInt(revision) }, (call) => {
      const answer = this.#answerOf(call, HashKVResponseSchema);
      if (answer === undefined || typeof answer === 'string') return;
      this.#judge.saw(revisionOf(answer), 0);
      this.#judge.hash(Number(answer.hashRevision), Number(answer.compactRevision), answer.hash);
    });
  }

  #watch(): void {
    const [key, rangeEnd] = this.#someKeys();
    const start = this.#random.oneIn(2) ? 0 : 1 + this.#random.below(this.#judge.seenRevision + 1);
    const watch = new WatchClient(this.#judge, { key, end: rangeEnd.length === 0 ? undefined : '' }, start);
    this.watches.push(watch);
    this.#openWatch(watch);
  }

  /** A key alone, or it and all behind it. */
  #someKeys(): [string, Uint8Array] {
    const key = this.#random.pick(keys);
    return [key, this.#random.oneIn(3) ? Uint8Array.of(0) : noBytes];
  }

  /** Now and then one that has ended, or never was. */
  #lease(): bigint {
    if (this.#random.oneIn(2) || this.#leases.length === 0) return 0n;
    if (this.#leases.length > 3 && !this.#random.oneIn(8)) this.#leases = this.#leases.slice(-3);
    return this.#random.oneIn(30) ? 9n : this.#random.pick(this.#leases);
  }

  /** `line` says of an answer what the model says of the outcome. */
  #write<Q extends DescMessage, A extends DescMessage>(
    name: string,
    schema: Q,
    request: MessageInitShape<Q>,
    answers: A,
    line: (answer: MessageShape<A>) => string,
  ): void {
    const number = ++this.#number;
    this.#judge.asks(number);
    this.#ask(
      name,
      schema,
      request,
      (call) => {
        const answer = this.#answerOf(call, answers);
        if (answer !== undefined) this.#judge.answered(number, typeof answer === 'string' ? answer : line(answer));
      },
      number,
    );
  }

  #ask<Q extends DescMessage>(
    name: string,
    schema: Q,
    request: MessageInitShape<Q>,
    answered: (call: SimCall) => void,
    number = 0,
    asked?: SimHost,
  ): void {
    if (this.#hosts.length === 0) return;
    const host = asked ?? this.#random.pick(this.#hosts);
    const waiting = this.#asked.reduce((count, asked) => count + Number(asked.host === host), 0);
    if (waiting >= callsMax && asked === undefined && !this.#random.oneIn(5)) return;
    const headers = this.#random.oneIn(4) ? askForLeader : {};
    const patient = !this.#random.oneIn(5);
    const untilMs = this.#nowMs() + (patient ? Number.POSITIVE_INFINITY : this.#random.below(patienceMs));
    const bytes = toBinary(schema, create(schema, request));
    const call = this.#open(host, `/etcdserverpb.${name}`, headers);
    this.#asked.push({ host, call, answered, untilMs, stream: name === keepAlive });
    call.write(number === 0 ? bytes : concatBytes([bytes, numbered(number)]));
  }

  /** The refusal as a line, or undefined when nobody knows what came of it. */
  #answerOf<A extends DescMessage>(call: SimCall, schema: A): MessageShape<A> | string | undefined {
    const { status } = call;
    if (status?.code === grpcCode.unavailable) {
      this.unknown++;
      return undefined;
    }
    this.answers++;
    return status?.code === grpcCode.ok ? fromBinary(schema, call.sent[0] ?? noBytes) : `refused: ${status?.text}`;
  }
}

type Op<Case extends string, Value> = { readonly request: { readonly case: Case; readonly value: Value } };

function op<Case extends string, Value>(name: Case, value: Value): Op<Case, Value> {
  return { request: { case: name, value } };
}

function opLine({ response }: ResponseOp): string {
  if (response.case === 'responseRange') return rangeLine(response.value.kvs.map(kvLine));
  if (response.case === 'responseDeleteRange') return `deleted ${response.value.deleted}`;
  return response.case === 'responsePut' ? 'put' : '';
}

/** The request's number as a field that its message does not have. */
function numbered(number: number): Uint8Array {
  const writer = new Writer(16);
  writer.varint(numberField * 8);
  writer.varint(number);
  return writer.copy();
}
