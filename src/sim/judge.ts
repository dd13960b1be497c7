/**
 * What judges have in common: a plain model of what the log says, against which every answer that a client gets is held.
 *
 *     an acknowledged write     is in the log, once, and came to what the model says
 *     a refused one             is in the log with that outcome, or never
 *     revisions                 no answer is from before what was there when it was asked for, and none from the future
 *     leases                    none ends before the last promise made of it
 *
 * Where the log comes from is told by who extends it: `solo-judge.ts`, `cluster-judge.ts`.
 */
import type { InternalRaftRequest } from '../gen/etcdserverpb/raft_internal_pb.js';
import type { Fact } from '../mvcc/naive-store.js';
import type { SimHost } from './host.js';
import { everything, factLine, Model, rangeLine } from './model.js';

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

export abstract class Judge {
  readonly model = new Model();
  /** The newest revision that anybody was told of. */
  seenRevision = 1;
  /** No lease may end before. */
  readonly leaseEndsMs = new Map<bigint, number>();
  /** Of each revision and compacted revision, as it was first answered. */
  readonly hashes = new Map<string, number>();
  /** Leases that the member ended by itself. */
  expired = 0;
  protected readonly nowMs: () => number;
  protected readonly indexOf = new Map<number, number>();
  readonly #refused = new Map<number, string>();
  readonly #askedAfter = new Map<number, number>();

  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
  }

  /** The end of the log, as far as it is known. */
  abstract get lastIndex(): number;

  /** Catches up with what `host` has applied, before its answers are judged. */
  abstract follow(host: SimHost): void;

  /** Whether a leader that answered in `term`, asked when the newest one was `askedIn`, spoke for the cluster. */
  leads(_term: number, _askedIn: number): boolean {
    return true;
  }

  /** The newest term that has a leader. */
  get term(): number {
    return 0;
  }

  get revision(): number {
    return this.model.store.revision;
  }

  /** For so long is a lease of `seconds` promised, whatever the clock by which it is measured. */
  leaseMs(seconds: number): number {
    return seconds * 1000;
  }

  /** What is asked for now may not be answered from before this revision. */
  get floor(): number {
    return this.seenRevision;
  }

  /** A write is asked for: its entry comes after all that was applied by now. */
  asks(number: number): void {
    this.#askedAfter.set(number, this.model.applied);
  }

  /** A write was answered with `line`. */
  answered(number: number, line: string): void {
    const index = this.indexOf.get(number);
    if (index === undefined && line.startsWith('refused')) {
      this.#refused.set(number, line);
      return;
    }
    rule(index !== undefined && index <= this.model.applied, () => `${line} answers what is not in the log: ${number}`);
    same(`request ${number}`, line, this.outcomeOf(number));
    this.seenRevision = Math.max(this.seenRevision, Number(/@(\d+)$/.exec(line)?.[1] ?? 0));
  }

  /** What the model says of a request. */
  outcomeOf(number: number): string {
    return this.model.outcomes[this.indexOf.get(number) ?? 0] ?? '';
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
    const { history } = this.model;
    const met: Fact[] = [];
    for (let at = placeOf(history, from); at < history.length; at++) {
      const fact = history[at] as Fact;
      if (fact.main > to) break;
      const inside = end === undefined ? fact.key === key : fact.key >= key && (end === '' || fact.key < end);
      if (inside) met.push(fact);
    }
    return met;
  }

  /** Where nothing is alive etcd's hash takes in what a compaction has not got round to dropping, and so changes as it goes on. */
  hash(revision: number, compacted: number, hash: number): void {
    if (this.model.store.keysOf('', '', revision).length === 0) return;
    const place = `${revision} compacted ${compacted}`;
    const before = this.hashes.get(place) ?? hash;
    this.hashes.set(place, before);
    same(`hash at ${place}`, String(hash), String(before));
  }

  /** A request has come into the log, written at `atMs`. */
  protected note(index: number, request: InternalRaftRequest, atMs: number): number | undefined {
    const number = numberOf(request);
    if (number === undefined) {
      if (request.leaseRevoke !== undefined) this.#expired(request.leaseRevoke.ID, atMs);
      return undefined;
    }
    const refused = this.#refused.get(number);
    rule(refused === undefined, () => `request ${number} was ${refused}, and is in the log`);
    const before = this.indexOf.get(number);
    rule(before === undefined, () => `request ${number} is in the log twice: at ${before} and ${index}`);
    const after = this.#askedAfter.get(number) ?? 0;
    rule(index > after, () => `request ${number} is at ${index}, and was asked for after ${after} was applied`);
    this.indexOf.set(number, index);
    return number;
  }

  #expired(lease: bigint, atMs: number): void {
    this.expired++;
    const endsMs = this.leaseEndsMs.get(lease) ?? 0;
    rule(atMs >= endsMs, () => `lease ${lease} ends at ${atMs} ms, and not at ${endsMs} ms`);
  }
}

/** Where facts of revision `main` begin. */
function placeOf(history: readonly Fact[], main: number): number {
  let [low, high] = [0, history.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((history[middle] as Fact).main < main) low = middle + 1;
    else high = middle;
  }
  return low;
}

function numberOf({ put, deleteRange, txn, compaction, leaseGrant, leaseRevoke }: InternalRaftRequest) {
  const request = put ?? deleteRange ?? txn ?? compaction ?? leaseGrant ?? leaseRevoke;
  const field = request?.$unknown?.find(({ no }) => no === numberField);
  return field?.data.reduceRight((number, byte) => number * 128 + (byte & 127), 0);
}
