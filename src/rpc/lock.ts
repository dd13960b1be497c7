/** `v3lockpb.Lock`: a lock is a name; it is held by a key below it, for as long as the key's lease lives. */
import { create, toBinary } from '@bufbuild/protobuf';
import type { Bytes } from '../base/bytes.js';
import type { LeaseId } from '../base/ids.js';
import {
  RangeRequest_SortOrder as SortOrder,
  RangeRequest_SortTarget as SortTarget,
} from '../gen/etcdserverpb/rpc_pb.js';
import {
  LockRequestSchema,
  LockResponseSchema,
  UnlockRequestSchema,
  UnlockResponseSchema,
} from '../gen/v3lockpb/v3lock_pb.js';
import type { ErrorName } from '../wire/errors.js';
import type { Call, Method } from '../wire/grpc/service.js';
import { coldHeader, coldMethod } from './cold.js';
import {
  Contest,
  type ContestParts,
  createdAt,
  DeletionsWait,
  endOfPrefix,
  foundBy,
  keyUnder,
  prefixOf,
  refuseBare,
  type Txn,
} from './contest.js';
import { Contestant, ContestMethod } from './contest-method.js';

export function lockMethods(parts: ContestParts): [string, Method][] {
  const contest = new Contest(parts);
  return [
    [
      '/v3lockpb.Lock/Lock',
      new ContestMethod('unary', parts.answers, LockRequestSchema, (call, { name, lease }) => {
        return new Lock(contest, call, name, lease as LeaseId);
      }),
    ],
    ['/v3lockpb.Lock/Unlock', unlockMethod(contest)],
  ];
}

function unlockMethod(contest: Contest): Method {
  const { answers } = contest.parts;
  return coldMethod(answers, UnlockRequestSchema, UnlockResponseSchema, ({ key }, { call, answer }) => {
    if (key.length === 0) {
      refuseBare(call, 'emptyKey');
      return;
    }
    contest.deleteKey(key, {
      done: (revision) => answer({ header: coldHeader(answers, revision) }),
      failed: (error) => refuseBare(call, error),
    });
  });
}

/** One call of Lock, from its request to the lock. */
class Lock extends Contestant {
  readonly #contest: Contest;
  readonly #call: Call;
  readonly #prefix: Bytes;
  #key: Bytes = new Uint8Array(0);
  /** Set while our key waits for others to go. */
  #wait: DeletionsWait | undefined = undefined;

  constructor(contest: Contest, call: Call, name: Bytes, lease: LeaseId) {
    super();
    this.#contest = contest;
    this.#call = call;
    this.#prefix = prefixOf(name);
    contest.lease(lease, { done: (granted) => this.#acquire(granted), failed: (error) => this.#refuse(error) });
  }

  /** The client no longer waits: neither must our key. */
  cancel(): void {
    if (this.#wait === undefined) return;
    this.#wait.cancel();
    this.#letGo();
  }

  #acquire(lease: LeaseId): void {
    if (this.#call.ended) return;
    const key = keyUnder(this.#prefix, lease);
    this.#key = key;
    const owner = {
      key: this.#prefix,
      rangeEnd: endOfPrefix(this.#prefix),
      limit: 1n,
      sortOrder: SortOrder.ASCEND,
      sortTarget: SortTarget.CREATE,
    };
    const getOwner = { request: { case: 'requestRange', value: owner } } as const;
    this.#contest.txn(
      {
        compare: [createdAt(key, 0)],
        success: [{ request: { case: 'requestPut', value: { key, lease } } }, getOwner],
        failure: [{ request: { case: 'requestRange', value: { key } } }, getOwner],
      },
      key.length,
      { done: (txn) => this.#acquired(txn), failed: (error) => this.#refuse(error) },
    );
  }

  #acquired({ response, revision }: Txn): void {
    if (this.#call.ended) return;
    const created = response.succeeded ? revision : (foundBy(response, 0)?.create ?? 0);
    if (foundBy(response, 1)?.create === created) {
      this.#answer(revision);
      return;
    }
    this.#wait = new DeletionsWait(this.#contest, this.#prefix, created - 1, {
      done: () => this.#confirm(),
      failed: (error) => this.#giveUp(error),
    });
  }

  /** It is our turn; but our own lease may have ended meanwhile. */
  #confirm(): void {
    this.#contest.read({
      done: (revision) => {
        if (this.#call.ended) return;
        if (this.#contest.parts.store.get(this.#key) === undefined) this.#refuse('sessionExpired');
        else this.#answer(revision);
      },
      failed: (error) => this.#giveUp(error),
    });
  }

  #giveUp(error: ErrorName): void {
    if (this.#call.ended) return;
    this.#letGo();
    this.#refuse(error);
  }

  #letGo(): void {
    this.#contest.deleteKey(this.#key, { done: () => {}, failed: () => {} });
  }

  #answer(revision: number): void {
    const header = coldHeader(this.#contest.parts.answers, revision);
    this.#call.reply(toBinary(LockResponseSchema, create(LockResponseSchema, { header, key: this.#key })));
  }

  #refuse(error: ErrorName): void {
    refuseBare(this.#call, error);
  }
}
