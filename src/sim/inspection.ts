/**
 * What a member that has come up again is asked: all that it holds, at every revision that is left, through its services.
 * The judge has the same from the model.
 */
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { noBytes, text } from '../base/bytes.js';
import type { Random } from '../base/random.js';
import {
  HashKVRequestSchema,
  HashKVResponseSchema,
  LeaseLeasesRequestSchema,
  LeaseLeasesResponseSchema,
  LeaseTimeToLiveRequestSchema,
  LeaseTimeToLiveResponseSchema,
  RangeRequestSchema,
  RangeResponseSchema,
} from '../gen/etcdserverpb/rpc_pb.js';
import { errors } from '../wire/errors.js';
import type { SimHost } from './host.js';
import { type Judge, rule, same } from './judge.js';
import { kvLine, rangeLine } from './model.js';
import { WatchClient } from './watch-client.js';

/** Where a drive says nothing else. */
const revisionsMax = 24;
const everyKey = { key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) };

/** How time passes while an answer is waited for. */
export interface Drive {
  /** Of more revisions than these, some are asked for. */
  readonly revisionsMax?: number;
  until(holds: () => boolean, what: string): void;
  settle(): void;
  /** Has the process do something. */
  reach(act: () => void): void;
}

export class Inspection {
  readonly #host: SimHost;
  readonly #drive: Drive;
  readonly #judge: Judge;
  readonly #random: Random;
  readonly #revisionsMax: number;

  constructor(host: SimHost, judge: Judge, random: Random, drive: Drive = host) {
    this.#revisionsMax = drive.revisionsMax ?? revisionsMax;
    this.#host = host;
    this.#drive = drive;
    this.#judge = judge;
    this.#random = random;
  }

  /** The member is at rest: all that is in its log is applied. */
  run(): void {
    const judge = this.#judge;
    judge.follow(this.#host);
    same('applied', String(judge.model.applied), String(judge.lastIndex));
    rule(judge.revision >= judge.seenRevision, () => `revision ${judge.revision} is below ${judge.seenRevision}`);
    this.#leases();
    for (const revision of this.#revisions()) {
      this.#range(revision);
      this.#hash(revision);
    }
    this.#hash(0);
    this.#watch();
  }

  /** The newest, those that are left, and one that is not. */
  #revisions(): number[] {
    const { compacted } = this.#judge.model.store;
    const { revision } = this.#judge;
    const oldest = Math.max(1, compacted);
    const left = Array.from({ length: revision - oldest + 1 }, (_, i) => oldest + i);
    if (left.length > this.#revisionsMax)
      left.splice(1, left.length - 2, ...this.#random.shuffle(left.slice(1, -1)).slice(0, this.#revisionsMax));
    return compacted > 1 ? [compacted - 1, ...left, 0] : [...left, 0];
  }

  #range(revision: number): void {
    const judge = this.#judge;
    const serializable = this.#random.oneIn(4);
    const asked = serializable ? 0 : judge.seenRevision;
    const request = { ...everyKey, revision: BigInt(revision), serializable };
    const answer = this.#ask('KV/Range', RangeRequestSchema, request, RangeResponseSchema);
    if (revision > 0 && revision < judge.model.store.compacted) {
      same(`range at ${revision}`, typeof answer === 'string' ? answer : 'an answer', errors.compacted.text);
      return;
    }
    rule(typeof answer !== 'string', () => `range at ${revision}: ${answer}`);
    if (typeof answer === 'string') return;
    const shown = Number(answer.header?.revision ?? 0n);
    judge.saw(shown, asked);
    judge.read('', '', revision || shown, rangeLine(answer.kvs.map(kvLine)));
  }

  #hash(revision: number): void {
    const answer = this.#ask(
      'Maintenance/HashKV',
      HashKVRequestSchema,
      { revision: BigInt(revision) },
      HashKVResponseSchema,
    );
    if (typeof answer === 'string') {
      const { compacted } = this.#judge.model.store;
      rule(revision > 0 && revision < compacted, () => `hash at ${revision} of ${compacted}: ${answer}`);
    } else this.#judge.hash(Number(answer.hashRevision), Number(answer.compactRevision), answer.hash);
  }

  #leases(): void {
    const { model } = this.#judge;
    // A lease may end while it is asked for: then the model knows of it by the time of the answer.
    const listed = this.#ask('Lease/LeaseLeases', LeaseLeasesRequestSchema, {}, LeaseLeasesResponseSchema);
    if (typeof listed === 'string') return rule(false, () => listed);
    const ids = listed.leases.map(({ ID }) => String(ID)).sort();
    same('leases', ids.join(' '), [...model.leases.keys()].map(String).sort().join(' '));
    for (const [ID, seconds] of model.leases) this.#lease(ID, seconds);
  }

  #lease(ID: bigint, seconds: number): void {
    const schema = LeaseTimeToLiveRequestSchema;
    const answer = this.#ask('Lease/LeaseTimeToLive', schema, { ID, keys: true }, LeaseTimeToLiveResponseSchema);
    if (typeof answer === 'string') return rule(false, () => answer);
    const { model } = this.#judge;
    if (!model.leases.has(ID)) return;
    same(`seconds granted to ${ID}`, String(answer.grantedTTL), String(seconds));
    same(`keys of ${ID}`, answer.keys.map(text).join(' '), model.keysOf(ID).join(' '));
  }

  /** From the oldest revision that is left: all that happened since. */
  #watch(): void {
    const judge = this.#judge;
    const watch = new WatchClient(judge, { key: '', end: '' }, Math.max(1, judge.model.store.compacted));
    this.#drive.reach(() => watch.open(this.#host, this.#host.call('/etcdserverpb.Watch/Watch')));
    this.#drive.settle();
    judge.follow(this.#host);
    watch.listen();
    rule(watch.caughtUp, () => 'a watch from the oldest revision is not told of all');
    watch.close();
  }

  /** The answer, or the text of the refusal. */
  #ask<Q extends DescMessage, A extends DescMessage>(
    name: string,
    schema: Q,
    request: MessageInitShape<Q>,
    answers: A,
  ): MessageShape<A> | string {
    const host = this.#host;
    const call = host.call(`/etcdserverpb.${name}`);
    this.#drive.reach(() => call.write(toBinary(schema, create(schema, request))));
    this.#drive.until(() => call.ended, `an answer to ${name}`);
    this.#judge.follow(host);
    const { status, sent } = call;
    return status?.code === 0 ? fromBinary(answers, sent[0] ?? noBytes) : (status?.text ?? '');
  }
}
