/**
 * The value store in plain memory: for tests and for simulated disks, which decide themselves when a commit ends.
 *
 * Revisions come in rising order, so they lie in a row, found by halving; a dropped one leaves a hole until half are holes.
 */
import { type Bytes, compareBytes } from '../base/bytes.js';
import { check } from '../base/check.js';
import type { ValueStore, ValuesView, ValueVisitor } from './value-store.js';

type Revision = { readonly main: number; readonly sub: number; readonly tombstone: boolean; value: Bytes | undefined };
type NamedRecord = { readonly key: Bytes; readonly value: Bytes };

export class MemoryValues implements ValueStore {
  #rows: Revision[] = [];
  #holes = 0;
  #valueBytes = 0;
  readonly #records = new Map<string, NamedRecord[]>();
  #uncommitted: (() => void)[] = [];

  append(main: number, sub: number, tombstone: boolean, value: Bytes): void {
    const last = this.#rows.at(-1);
    check(last === undefined || last.main < main || (last.main === main && last.sub < sub), 'revisions rise');
    this.#rows.push({ main, sub, tombstone, value });
    this.#valueBytes += value.length;
  }

  get(main: number, sub: number): Bytes | undefined {
    const row = this.#rows[this.#placeOf(main, sub)];
    return row?.main === main && row.sub === sub ? row.value : undefined;
  }

  scan(main: number, sub: number, endMain: number, visit: ValueVisitor): void {
    for (let at = this.#placeOf(main, sub); at < this.#rows.length; at++) {
      const row = this.#rows[at] as Revision;
      if (row.main >= endMain) return;
      if (row.value !== undefined && !visit(row.main, row.sub, row.tombstone, row.value)) return;
    }
  }

  drop(main: number, sub: number, tombstone: boolean): void {
    const row = this.#rows[this.#placeOf(main, sub)];
    if (row?.main !== main || row.sub !== sub || row.value === undefined) return;
    check(row.tombstone === tombstone, 'a revision is dropped as what it is');
    this.#valueBytes -= row.value.length;
    row.value = undefined;
    this.#holes++;
    if (this.#holes * 2 <= this.#rows.length) return;
    this.#rows = this.#rows.filter((each) => each.value !== undefined);
    this.#holes = 0;
  }

  getRecord(bucket: string, key: Bytes): Bytes | undefined {
    const records = this.#records.get(bucket) ?? [];
    const record = records[recordPlace(records, key)];
    return record !== undefined && compareBytes(record.key, key) === 0 ? record.value : undefined;
  }

  setRecord(bucket: string, key: Bytes, value: Bytes): void {
    const records = this.#records.get(bucket) ?? [];
    this.#records.set(bucket, records);
    const place = recordPlace(records, key);
    const there = records[place];
    const same = there !== undefined && compareBytes(there.key, key) === 0;
    records.splice(place, same ? 1 : 0, { key: key.slice(), value: value.slice() });
  }

  deleteRecord(bucket: string, key: Bytes): void {
    const records = this.#records.get(bucket) ?? [];
    const place = recordPlace(records, key);
    const there = records[place];
    if (there !== undefined && compareBytes(there.key, key) === 0) records.splice(place, 1);
  }

  scanRecords(bucket: string, visit: (key: Bytes, value: Bytes) => void): void {
    for (const { key, value } of [...(this.#records.get(bucket) ?? [])]) visit(key, value);
  }

  /** A copy of all that is held: enough for tests, and for what fits into memory twice. */
  view(): ValuesView {
    const copy = new MemoryValues();
    copy.#takeOver(this);
    return {
      scan: (main, sub, endMain, visit) => copy.scan(main, sub, endMain, visit),
      scanRecords(bucket, from, visit) {
        const records = copy.#records.get(bucket) ?? [];
        for (let at = recordPlace(records, from); at < records.length; at++) {
          const { key, value } = records[at] as NamedRecord;
          if (!visit(key, value)) return;
        }
      },
      closeRecords() {},
      close() {},
    };
  }

  /** Holds what `other` does, and nothing else. */
  replace(other: MemoryValues): void {
    this.#takeOver(other);
  }

  #takeOver(other: MemoryValues): void {
    this.#rows = other.#rows.filter(({ value }) => value !== undefined).map((row) => ({ ...row }));
    this.#holes = 0;
    this.#valueBytes = other.#valueBytes;
    this.#records.clear();
    for (const [bucket, records] of other.#records) this.#records.set(bucket, [...records]);
  }

  commit(done: () => void): void {
    this.#uncommitted.push(done);
  }

  /** The disk is done with all commits so far. */
  finishCommits(): void {
    const ended = this.#uncommitted;
    this.#uncommitted = [];
    for (const done of ended) done();
  }

  sizeBytes(): number {
    return this.#valueBytes;
  }

  sizeInUseBytes(): number {
    return this.#valueBytes;
  }

  /** Where (main, sub) stands, or the next after it. */
  #placeOf(main: number, sub: number): number {
    let low = 0;
    let high = this.#rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const row = this.#rows[middle] as Revision;
      if (row.main < main || (row.main === main && row.sub < sub)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function recordPlace(records: readonly NamedRecord[], key: Bytes): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareBytes((records[middle] as NamedRecord).key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
