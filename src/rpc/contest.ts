/**
 * What Lock and Election do to the store: the steps that a client inside the server takes in etcd.
 *
 * Those who contest a name put a key below it, named after their lease; whose key was created first has won. Each of the
 * others waits for the deletion of the key that was created last before its own, so that a release wakes one.
 *
 *     name/694d7a2f   created at 5   has it
 *     name/694d7a31   created at 8   waits for the one above
 *     name/694d7a2c   created at 9   waits for the one above
 */
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { Outcome } from '../apply/outcome.js';
import { type RequestField, requestField } from '../apply/request-field.js';
import { type Bytes, concatBytes, utf8 } from '../base/bytes.js';
import { check } from '../base/check.js';
import { type LeaseId, noLease } from '../base/ids.js';
import {
  Compare_CompareResult as CompareResult,
  type CompareSchema,
  Compare_CompareTarget as CompareTarget,
  DeleteRangeRequestSchema,
  LeaseGrantRequestSchema,
  TxnRequestSchema,
  type TxnResponse,
  TxnResponseSchema,
} from '../gen/etcdserverpb/rpc_pb.js';
import type { KeyVisitor } from '../mvcc/key-index.js';
import type { Store } from '../mvcc/store.js';
import type { WatchHub } from '../mvcc/watch/hub.js';
import { endOfKey } from '../mvcc/watch/ranges.js';
import { variantBit, type WatchSink, type WatchStream } from '../mvcc/watch/watcher.js';
import { bareError, type ErrorName } from '../wire/errors.js';
import type { Call } from '../wire/grpc/service.js';
import type { Answers } from './answers.js';
import type { Room } from './lease.js';

/** What a lease of our own lives: `concurrency.NewSession`'s default. Nobody keeps it alive. */
const sessionTtlSeconds = 60n;
/** etcd's price of a put: see `apply/quota.ts`. */
const putOverheadBytes = 256;

export interface ContestParts {
  readonly answers: Answers;
  readonly store: Store;
  readonly hub: WatchHub;
  readonly room: Room;
  nextLeaseId(): LeaseId;
}

/** Where a step goes on. Exactly one is called, in this turn or a later one. */
export interface Step<T> {
  done(result: T): void;
  failed(error: ErrorName): void;
}

export type Txn = { readonly response: TxnResponse; readonly revision: number };
/** A living key, and its encoded `KeyValue`. */
export type Found = { readonly key: Bytes; readonly kv: Bytes };
type TxnInit = MessageInitShape<typeof TxnRequestSchema>;

export function prefixOf(name: Bytes): Bytes {
  return concatBytes([name, utf8('/')]);
}

/** The key of a contestant: a negative lease is written with its sign, as Go prints it. */
export function keyUnder(prefix: Bytes, lease: LeaseId): Bytes {
  return concatBytes([prefix, utf8(lease.toString(16))]);
}

/** The first key behind all that begin so; a prefix here ends in `/`. */
export function endOfPrefix(prefix: Bytes): Bytes {
  const end = prefix.slice();
  end[end.length - 1] = (end[end.length - 1] as number) + 1;
  return end;
}

export function refuseBare(call: Call, error: ErrorName): void {
  const { code, text } = bareError(error);
  call.fail(code, text);
}

/** Holds when `key` was created at `revision`; 0: when there is no such key. */
export function createdAt(key: Bytes, revision: number): MessageInitShape<typeof CompareSchema> {
  const targetUnion = { case: 'createRevision', value: BigInt(revision) } as const;
  return { key, target: CompareTarget.CREATE, result: CompareResult.EQUAL, targetUnion };
}

/** The first key that the range at `place` of a transaction found. */
export function foundBy(response: TxnResponse, place: number): { create: number; value: Bytes } | undefined {
  const answer = response.responses[place]?.response;
  check(answer?.case === 'responseRange', 'a range in a transaction is answered by a range');
  const kv = answer.value.kvs[0];
  return kv === undefined ? undefined : { create: Number(kv.createRevision), value: kv.value };
}

export class Contest {
  readonly parts: ContestParts;

  constructor(parts: ContestParts) {
    this.parts = parts;
  }

  /** The lease to contest with: the caller's, or a fresh one where it gave none. */
  lease(given: LeaseId, step: Step<LeaseId>): void {
    if (given !== noLease) {
      step.done(given);
      return;
    }
    const ID = this.parts.nextLeaseId();
    const request = create(LeaseGrantRequestSchema, { ID, TTL: sessionTtlSeconds });
    this.#propose(requestField.leaseGrant, toBinary(LeaseGrantRequestSchema, request), {
      done: () => step.done(ID),
      failed: (error) => step.failed(error),
    });
  }

  /** `putBytes`: key and value of the put in it. */
  txn(request: TxnInit, putBytes: number, step: Step<Txn>): void {
    const { room } = this.parts;
    if (putBytes > 0 && !room.hasRoom(putOverheadBytes + putBytes)) {
      room.outOfSpace();
      step.failed('noSpace');
      return;
    }
    this.#propose(requestField.txn, toBinary(TxnRequestSchema, create(TxnRequestSchema, request)), {
      done: (outcome) => {
        if (outcome.kind !== 'txn') return;
        step.done({ response: fromBinary(TxnResponseSchema, outcome.body), revision: outcome.revision });
      },
      failed: (error) => step.failed(error),
    });
  }

  /** Answers the revision of the header. */
  deleteKey(key: Bytes, step: Step<number>): void {
    const request = toBinary(DeleteRangeRequestSchema, create(DeleteRangeRequestSchema, { key }));
    this.#propose(requestField.deleteRange, request, {
      done: (outcome) => step.done(outcome.revision),
      failed: (error) => step.failed(error),
    });
  }

  /** The store is now at least as new as any answer given before; tells its revision. */
  read(step: Step<number>): void {
    const { answers, store } = this.parts;
    answers.front.readIndex({ confirmed: () => step.done(store.revision), failed: (error) => step.failed(error) });
  }

  /** The living key under `prefix` that was created first. */
  firstCreated(prefix: Bytes): Found | undefined {
    let first = Number.POSITIVE_INFINITY;
    return this.#pick(prefix, (created) => {
      if (created >= first) return false;
      first = created;
      return true;
    });
  }

  /** The one that was created last, but not after `createMax`. */
  lastCreated(prefix: Bytes, createMax: number): Found | undefined {
    let last = 0;
    return this.#pick(prefix, (created) => {
      if (created > createMax || created <= last) return false;
      last = created;
      return true;
    });
  }

  /** The last key under `prefix` that `better` says yes to. */
  #pick(prefix: Bytes, better: (created: number) => boolean): Found | undefined {
    const { store } = this.parts;
    let main = 0;
    let sub = 0;
    let found: Bytes | undefined;
    const visit: KeyVisitor = (key, state) => {
      if (better(state.create)) {
        found = key.slice();
        main = state.main;
        sub = state.sub;
      }
      return true;
    };
    store.index.scan(prefix, endOfPrefix(prefix), 0, visit);
    return found === undefined ? undefined : { key: found, kv: store.stored(main, sub).slice() };
  }

  #propose(field: RequestField, bytes: Bytes, step: Step<Outcome>): void {
    this.parts.answers.front.propose(field, bytes, 0, bytes.length, {
      applied: (outcome) => (outcome.kind === 'refused' ? step.failed(outcome.error) : step.done(outcome)),
      failed: (error) => step.failed(error),
    });
  }
}

/** Waits until every key under a prefix that was created up to a revision is gone. */
export class DeletionsWait implements WatchSink {
  readonly writable = true;
  readonly #contest: Contest;
  readonly #prefix: Bytes;
  readonly #createMax: number;
  readonly #step: Step<void>;
  readonly #stream: WatchStream;
  #isOver = false;

  constructor(contest: Contest, prefix: Bytes, createMax: number, step: Step<void>) {
    this.#contest = contest;
    this.#prefix = prefix;
    this.#createMax = createMax;
    this.#step = step;
    this.#stream = contest.parts.hub.open(this);
    this.#look();
  }

  cancel(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#contest.parts.hub.close(this.#stream);
  }

  #look(): void {
    this.#contest.read({
      done: (revision) => {
        if (this.#isOver) return;
        const last = this.#contest.lastCreated(this.#prefix, this.#createMax);
        if (last === undefined) {
          this.cancel();
          this.#step.done();
        } else {
          this.#watch(last.key, revision);
        }
      },
      failed: (error) => this.#fail(error),
    });
  }

  #watch(key: Bytes, startRevision: number): void {
    const { noPut } = variantBit;
    const range = { key, end: endOfKey(key), startRevision };
    this.#contest.parts.hub.watch(this.#stream, {
      ...range,
      id: 0,
      variant: noPut,
      progressNotify: false,
      fragment: false,
    });
  }

  /** Puts are filtered out, so this is the deletion. */
  events(): void {
    const { hub } = this.#contest.parts;
    for (const id of [...this.#stream.watchers.keys()]) hub.cancel(this.#stream, id);
    this.#look();
  }

  compacted(): void {
    this.#fail('compacted');
  }

  #fail(error: ErrorName): void {
    if (this.#isOver) return;
    this.cancel();
    this.#step.failed(error);
  }
}
