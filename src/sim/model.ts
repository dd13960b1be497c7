/**
 * What a member must hold after each entry of its log, reckoned the plainest way: every request is decoded by generated code and
 * done to a `NaiveStore` and a map of leases. It never forgets history, so what was compacted can still be told apart from what was lost.
 *
 * Outcomes are lines of text; the client's side makes the same lines from what it was answered.
 */
import { fromBinary } from '@bufbuild/protobuf';
import { text } from '../base/bytes.js';
import type { InternalRaftRequest } from '../gen/etcdserverpb/raft_internal_pb.js';
import { InternalRaftRequestSchema } from '../gen/etcdserverpb/raft_internal_pb.js';
import type {
  CompactionRequest,
  Compare,
  DeleteRangeRequest,
  LeaseGrantRequest,
  PutRequest,
  RequestOp,
  TxnRequest,
} from '../gen/etcdserverpb/rpc_pb.js';
import type { KeyValue } from '../gen/mvccpb/kv_pb.js';
import { type Fact, NaiveStore } from '../mvcc/naive-store.js';
import { errors } from '../wire/errors.js';
import { type Entry, entryType } from '../wire/raftpb/types.js';

/** etcd's floor for an election timeout of a second. */
export const ttlSecondsMin = 2;

export function decodeRequest(entry: Entry): InternalRaftRequest | undefined {
  if (entry.type !== entryType.normal || entry.data.length === 0) return undefined;
  return fromBinary(InternalRaftRequestSchema, entry.data);
}

/** Every key. */
export const everything = {
  key: '',
  end: '',
  limit: 0,
  order: 0,
  target: 0,
  keysOnly: false,
  countOnly: false,
  minMod: 0,
  maxMod: 0,
  minCreate: 0,
  maxCreate: 0,
};

export class Model {
  readonly store = new NaiveStore();
  /** All facts ever, in order. */
  readonly history: Fact[] = [];
  readonly leases = new Map<bigint, number>();
  /** Leases that were granted and are no more. */
  readonly ended = new Set<bigint>();
  /** Entries up to here are done. */
  applied = 0;
  /** By index: what the request came to. */
  readonly outcomes: string[] = [];

  apply(entry: Entry): void {
    const before = this.store.facts.length;
    const request = decodeRequest(entry);
    this.outcomes[entry.index] = request === undefined ? '' : this.#do(request);
    if (request?.compaction === undefined) this.history.push(...this.store.facts.slice(before));
    this.applied = entry.index;
  }

  keysOf(lease: bigint): string[] {
    return this.store
      .keysOf('', '', this.store.revision)
      .filter((fact) => fact.lease === lease)
      .map(({ key }) => key);
  }

  #do(request: InternalRaftRequest): string {
    if (request.put !== undefined) return this.#put(request.put);
    if (request.deleteRange !== undefined) return this.#delete(request.deleteRange);
    if (request.txn !== undefined) return this.#txn(request.txn);
    if (request.compaction !== undefined) return this.#compact(request.compaction);
    if (request.leaseGrant !== undefined) return this.#grant(request.leaseGrant);
    if (request.leaseRevoke !== undefined) return this.#revoke(request.leaseRevoke.ID);
    return '';
  }

  #put(request: PutRequest): string {
    if (!this.#knows(request.lease)) return refusal('leaseNotFound');
    const line = this.#putIn(request);
    this.store.end();
    return `${line} @${this.store.revision}`;
  }

  #putIn({ key, value, lease, prevKv }: PutRequest): string {
    const previous = prevKv ? this.store.at(text(key), this.store.inner) : undefined;
    this.store.put(text(key), text(value), lease);
    return previous === undefined ? 'put' : `put over ${factLine(previous)}`;
  }

  #delete(request: DeleteRangeRequest): string {
    const line = this.#deleteIn(request);
    this.store.end();
    return `${line} @${this.store.revision}`;
  }

  #deleteIn({ key, rangeEnd }: DeleteRangeRequest): string {
    return `deleted ${this.store.delete(text(key), endOf(rangeEnd))}`;
  }

  #txn(request: TxnRequest): string {
    const { store } = this;
    const succeeded = request.compare.every((compare) => this.#holds(compare));
    const ops = succeeded ? request.success : request.failure;
    if (ops.some(({ request: op }) => op.case === 'requestPut' && !this.#knows(op.value.lease)))
      return refusal('leaseNotFound');
    const lines = ops.map((op) => this.#op(op));
    store.end();
    return `${succeeded} [${lines.join('; ')}] @${store.revision}`;
  }

  #op({ request }: RequestOp): string {
    if (request.case === 'requestPut') return this.#putIn(request.value);
    if (request.case === 'requestDeleteRange') return this.#deleteIn(request.value);
    if (request.case !== 'requestRange') return '';
    const { inner } = this.store;
    const { key, rangeEnd } = request.value;
    return rangeLine(this.store.keysOf(text(key), endOf(rangeEnd), inner).map(factLine));
  }

  /** The drivers compare versions and values for equality. */
  #holds({ key, targetUnion }: Compare): boolean {
    const fact = this.store.at(text(key), this.store.revision);
    if (targetUnion.case === 'version') return BigInt(fact?.version ?? 0) === targetUnion.value;
    if (targetUnion.case === 'value') return fact?.value === text(targetUnion.value);
    return false;
  }

  #compact({ revision }: CompactionRequest): string {
    const error = this.store.compact(Number(revision));
    return error === undefined ? `compacted @${this.store.revision}` : refusal(error);
  }

  #grant({ ID, TTL }: LeaseGrantRequest): string {
    if (this.leases.has(ID)) return refusal('leaseExists');
    const seconds = Math.max(Number(TTL), ttlSecondsMin);
    this.leases.set(ID, seconds);
    this.ended.delete(ID);
    return `granted ${ID} ${seconds} @${this.store.revision}`;
  }

  #revoke(id: bigint): string {
    if (!this.leases.has(id)) return refusal('leaseNotFound');
    for (const key of this.keysOf(id)) this.store.delete(key, undefined);
    this.store.end();
    this.leases.delete(id);
    this.ended.add(id);
    return `revoked @${this.store.revision}`;
  }

  #knows(lease: bigint): boolean {
    return lease === 0n || this.leases.has(lease);
  }
}

function refusal(name: 'leaseNotFound' | 'leaseExists' | 'compacted' | 'futureRevision'): string {
  return `refused: ${errors[name].text}`;
}

/** Of a request: none is the one key, a zero byte is all from the key on. */
export function endOf(rangeEnd: Uint8Array): string | undefined {
  if (rangeEnd.length === 0) return undefined;
  return rangeEnd.length === 1 && rangeEnd[0] === 0 ? '' : text(rangeEnd);
}

export function factLine({ key, main, value, create, version, lease }: Fact): string {
  return value === undefined ? `${key} gone ${main}` : `${key}=${value} ${create}/${main}/${version}/${lease}`;
}

export function kvLine(kv: KeyValue): string {
  const { createRevision, modRevision, version, lease } = kv;
  return `${text(kv.key)}=${text(kv.value)} ${createRevision}/${modRevision}/${version}/${lease}`;
}

export function rangeLine(lines: readonly string[]): string {
  return `range ${lines.join(', ')}`;
}
