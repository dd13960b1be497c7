/**
 * The judge: sees all that goes to the log, keeps a plain model of it, and holds every answer and every restart against that.
 *
 *     nothing acknowledged is lost     a log that is read again reaches at least to the last entry that was applied
 *     nothing is invented              each entry read is the one that was written, in its place
 *     revisions never go back          no answer is from before what was answered when it was asked for
 */
import { equalBytes } from '../base/bytes.js';
import type { InternalRaftRequest } from '../gen/etcdserverpb/raft_internal_pb.js';
import type { RecoveredLog } from '../member/assembly.js';
import type { WalBatch } from '../member/world.js';
import type { Fact } from '../mvcc/naive-store.js';
import type { Entry } from '../wire/raftpb/types.js';
import { decodeRequest, everything, factLine, Model, rangeLine } from './model.js';
import type { Witness } from './world.js';

/** A rule that was broken. */
export class Verdict extends Error {
  override readonly name = 'Verdict';
}

export function rule(holds: boolean, broken: () => string): void {
  if (!holds) throw new Verdict(broken());
}

export function same(what: string, found: string, wanted: string): void {
  rule(found === wanted, () => `${what}: found ${found}, wanted ${wanted}`);
}

/** Clients put their requests' numbers into a field that no etcd knows: it goes into the log as it came. */
export const numberField = 15_000;

export class Judge implements Witness {
  readonly model = new Model();
  /** The newest revision that anybody was told of. */
  seenRevision = 1;
  /** No lease may end before. */
  readonly leaseEndsMs = new Map<bigint, number>();
  /** Of each revision and compacted revision, as it was first answered. */
  readonly hashes = new Map<string, number>();
  /** Leases that the member ended by itself. */
  expired = 0;
  readonly #nowMs: () => number;
  /** Entry i + 1 at i: all that was ever handed to the log and not found missing later. */
  readonly #entries: Entry[] = [];
  readonly #indexOf = new Map<number, number>();
  #lastNumber = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  get lastIndex(): number {
    return this.#entries.length;
  }

  get revision(): number {
    return this.model.store.revision;
  }

  appended({ entries }: WalBatch): void {
    for (const entry of entries) {
      same('index of an entry', String(entry.index), String(this.#entries.length + 1));
      this.#entries.push(entry);
      const request = decodeRequest(entry);
      if (request !== undefined) this.#note(entry.index, request);
    }
  }

  recovered({ snapshot, entries }: RecoveredLog): void {
    const { applied } = this.model;
    const last = entries.at(-1)?.index ?? snapshot.index;
    rule(last >= applied, () => `lost: entries ${last + 1} to ${applied} were applied and are not in the log`);
    entries.forEach((entry, at) => {
      same('index of an entry read', String(entry.index), String(snapshot.index + 1 + at));
      const written = this.#entries[entry.index - 1];
      const equal = written?.term === entry.term && written.type === entry.type && equalBytes(written.data, entry.data);
      rule(equal, () => `invented: entry ${entry.index} was never written so`);
    });
    rule(last <= this.#entries.length, () => `invented: the log reaches to ${last}`);
    this.#entries.length = last;
  }

  /** The member has applied entries up to here. */
  follow(applied: number): void {
    rule(applied <= this.#entries.length, () => `applied ${applied}, and the log ends at ${this.#entries.length}`);
    while (this.model.applied < applied) this.model.apply(this.#entries[this.model.applied] as Entry);
  }

  /** A write was answered with `line`. */
  answered(number: number, line: string): void {
    const index = this.#indexOf.get(number);
    rule(index !== undefined && index <= this.model.applied, () => `${line} answers what is not in the log`);
    same(`request ${number}`, line, this.outcomeOf(number));
    this.seenRevision = Math.max(this.seenRevision, Number(/@(\d+)$/.exec(line)?.[1] ?? 0));
  }

  /** What the model says of a request. */
  outcomeOf(number: number): string {
    return this.model.outcomes[this.#indexOf.get(number) ?? 0] ?? '';
  }

  /** Some answer named `revision`; `asked` is the newest one that was known when it was asked for. */
  saw(revision: number, asked: number): void {
    rule(revision >= asked, () => `revision ${revision} is from before ${asked}`);
    rule(revision <= this.revision, () => `revision ${revision} is not there yet`);
    this.seenRevision = Math.max(this.seenRevision, revision);
  }

  /** All keys in `[key, end)` at a revision were read. */
  read(key: string, end: string | undefined, revision: number, line: string): void {
    const wanted = this.model.store.range({ ...everything, key, end, revision });
    // It may have been compacted right after it was read.
    if (wanted === 'compacted') return;
    rule(wanted !== 'futureRevision', () => `revision ${revision} is not there yet`);
    if (wanted !== 'futureRevision')
      same(`range ${key} to ${end} at ${revision}`, line, rangeLine(wanted.kvs.map(factLine)));
  }

  /** What a watch on `[key, end)` delivers of revisions `from` to `to`. */
  events(key: string, end: string | undefined, from: number, to: number): Fact[] {
    const inside = (each: string) => (end === undefined ? each === key : each >= key && (end === '' || each < end));
    return this.model.history.filter((fact) => inside(fact.key) && fact.main >= from && fact.main <= to);
  }

  /** Where nothing is alive etcd's hash takes in what a compaction has not got round to dropping, and so changes as it goes on. */
  hash(revision: number, compacted: number, hash: number): void {
    if (this.model.store.keysOf('', '', revision).length === 0) return;
    const place = `${revision} compacted ${compacted}`;
    const before = this.hashes.get(place) ?? hash;
    this.hashes.set(place, before);
    same(`hash at ${place}`, String(hash), String(before));
  }

  #note(index: number, request: InternalRaftRequest): void {
    const number = numberOf(request);
    if (number === undefined) {
      if (request.leaseRevoke !== undefined) this.#expired(request.leaseRevoke.ID);
      return;
    }
    rule(number > this.#lastNumber, () => `request ${number} comes after ${this.#lastNumber}`);
    this.#lastNumber = number;
    this.#indexOf.set(number, index);
  }

  #expired(lease: bigint): void {
    this.expired++;
    const endsMs = this.leaseEndsMs.get(lease) ?? 0;
    rule(this.#nowMs() >= endsMs, () => `lease ${lease} ends at ${this.#nowMs()} ms, and not at ${endsMs} ms`);
  }
}

function numberOf({ put, deleteRange, txn, compaction, leaseGrant, leaseRevoke }: InternalRaftRequest) {
  const request = put ?? deleteRange ?? txn ?? compaction ?? leaseGrant ?? leaseRevoke;
  const field = request?.$unknown?.find(({ no }) => no === numberField);
  return field?.data.reduceRight((number, byte) => number * 128 + (byte & 127), 0);
}
