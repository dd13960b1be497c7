/**
 * What a transaction must be: few enough operations, each valid by itself, and no key written twice.
 *
 * One key may not be put twice, nor put and deleted, by operations that can both run. etcd's rule, with its quirks:
 *
 * - the two branches of a nested transaction exclude each other, so they may put one key;
 * - a nested put meets all deletes of its parent, but only of those nested transactions that stand before it;
 * - a deletion that ends at "\0", which means "to the last key", is taken for the empty range that it is as bytes.
 */
import { txnDepthMax } from '../apply/quota.js';
import { type Bytes, compareBytes } from '../base/bytes.js';
import type { ErrorName } from '../wire/errors.js';
import type { DeleteRangeRequest, PutRequest } from '../wire/messages/kv-requests.js';
import type { RequestOp, TxnRequest } from '../wire/messages/txn-request.js';
import { validateDeleteRange, validatePut, validateRange } from './validate.js';

/** `opsMax` is the flag `max-txn-ops`: of each list, and a nested transaction gets what its parent leaves. */
export function validateTxn(txn: TxnRequest, opsMax: number): ErrorName | undefined {
  const refused = validateOps(txn, opsMax, 1);
  if (refused !== undefined) return refused;
  return disjoint(txn.success) && disjoint(txn.failure) ? undefined : 'duplicateKey';
}

function validateOps(txn: TxnRequest, opsMax: number, depth: number): ErrorName | undefined {
  const ops = Math.max(txn.compare.length, txn.success.length, txn.failure.length);
  if (ops > opsMax || depth > txnDepthMax) return 'tooManyOps';
  for (const compare of txn.compare) if (compare.keyStart === compare.keyEnd) return 'emptyKey';
  return validateList(txn.success, opsMax - ops, depth) ?? validateList(txn.failure, opsMax - ops, depth);
}

function validateList(list: readonly RequestOp[], opsMax: number, depth: number): ErrorName | undefined {
  for (const op of list) {
    const refused = validateOp(op, opsMax, depth);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

function validateOp(op: RequestOp, opsMax: number, depth: number): ErrorName | undefined {
  switch (op.kind) {
    case 'range':
      return validateRange(op);
    case 'put':
      return validatePut(op);
    case 'deleteRange':
      return validateDeleteRange(op);
    case 'txn':
      return validateOps(op, opsMax, depth + 1);
    case 'empty':
      return 'keyNotFound';
  }
}

/** Whether the list passes. Most lists write once at most, and need no look at their keys. */
function disjoint(list: readonly RequestOp[]): boolean {
  let writes = 0;
  let nested = false;
  for (const op of list) {
    if (op.kind === 'txn') nested = true;
    else if (op.kind !== 'range') writes++;
  }
  if (writes <= 1 && !nested) return true;
  return writtenBy(list) !== undefined;
}

type Written = { readonly puts: Map<string, Bytes>; readonly deletes: Deletes };

/** What the list writes, or undefined when it writes a key twice. */
function writtenBy(list: readonly RequestOp[]): Written | undefined {
  const puts = new Map<string, Bytes>();
  const deletes = new Deletes(list.filter((op) => op.kind === 'deleteRange').map(intervalOf));
  for (const op of list) {
    if (op.kind !== 'txn') continue;
    const then = writtenBy(op.success);
    const otherwise = writtenBy(op.failure);
    if (then === undefined || otherwise === undefined) return undefined;
    if (!addPuts(then.puts, puts, deletes, noPuts)) return undefined;
    if (!addPuts(otherwise.puts, puts, deletes, then.puts)) return undefined;
    deletes.addAll(then.deletes);
    deletes.addAll(otherwise.deletes);
  }
  return addPuts(putsOf(list), puts, deletes, noPuts) ? { puts, deletes } : undefined;
}

const noPuts: ReadonlyMap<string, Bytes> = new Map();

/** The puts of the list itself; a key that comes twice is given twice. */
function* putsOf(list: readonly RequestOp[]): Generator<[string, Bytes]> {
  for (const op of list) if (op.kind === 'put') yield nameAndKey(op);
}

// Each byte becomes one character of its own, so two keys are one name only if they are one key.
const latin1 = new TextDecoder('latin1');

function nameAndKey(put: PutRequest): [string, Bytes] {
  const key = put.key;
  return [latin1.decode(key), key];
}

/** False when one of `added` is there already, unless it is among `allowed`, or is deleted. */
function addPuts(
  added: Iterable<[string, Bytes]>,
  puts: Map<string, Bytes>,
  deletes: Deletes,
  allowed: ReadonlyMap<string, Bytes>,
): boolean {
  for (const [name, key] of added) {
    if (puts.has(name) && !allowed.has(name)) return false;
    if (deletes.cover(key)) return false;
    puts.set(name, key);
  }
  return true;
}

/** From `begin` up to, not including, `end`; empty when `end` is not greater. */
type Interval = { readonly begin: Bytes; readonly end: Bytes };

function intervalOf(deletion: DeleteRangeRequest): Interval {
  const begin = deletion.key;
  if (deletion.rangeEndStart !== deletion.rangeEndEnd) return { begin, end: deletion.rangeEnd };
  const end = new Uint8Array(begin.length + 1);
  end.set(begin);
  return { begin, end };
}

/** Intervals by where they begin; `furthest[i]` is the greatest end among the first i + 1. */
type Run = { readonly intervals: readonly Interval[]; readonly furthest: readonly Bytes[] };

/**
 * Deleted intervals: adding many and asking for a key are both O(log^2 n), for a client can send 100,000 in one request.
 * They are kept in runs, each more than twice as long as the next, which are joined when a new one breaks that rule.
 */
class Deletes {
  readonly #runs: Run[] = [];

  constructor(intervals: readonly Interval[]) {
    this.#add(intervals);
  }

  addAll(other: Deletes): void {
    for (const run of other.#runs) this.#add(run.intervals);
  }

  #add(intervals: readonly Interval[]): void {
    if (intervals.length === 0) return;
    let added = intervals;
    for (let last = this.#runs.at(-1); last !== undefined && last.intervals.length <= 2 * added.length; ) {
      added = [...last.intervals, ...added];
      this.#runs.pop();
      last = this.#runs.at(-1);
    }
    this.#runs.push(runOf(added));
  }

  cover(key: Bytes): boolean {
    return this.#runs.some((run) => covers(run, key));
  }
}

function runOf(unordered: readonly Interval[]): Run {
  const intervals = unordered.toSorted((a, b) => compareBytes(a.begin, b.begin));
  const furthest: Bytes[] = [];
  for (const { end } of intervals) {
    const before = furthest.at(-1);
    furthest.push(before !== undefined && compareBytes(before, end) > 0 ? before : end);
  }
  return { intervals, furthest };
}

/** Of the intervals that begin at the key or before, the one that reaches furthest must end behind it. */
function covers(run: Run, key: Bytes): boolean {
  let low = 0;
  let high = run.intervals.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareBytes((run.intervals[middle] as Interval).begin, key) <= 0) low = middle + 1;
    else high = middle;
  }
  return low > 0 && compareBytes(run.furthest[low - 1] as Bytes, key) > 0;
}
