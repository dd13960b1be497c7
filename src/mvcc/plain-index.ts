/**
 * The key index in the plainest form: a sorted array of keys, and for each the list of all its revisions.
 *
 * It is the oracle that the off-heap tree and the store are tested against; no member runs on it, for an insertion moves
 * half the array.
 */
import { type Bytes, compareBytes } from '../base/bytes.js';
import { type LeaseId, noLease } from '../base/ids.js';
import type { DroppedVisitor, KeyIndex, KeyState, KeyVisitor } from './key-index.js';

interface Change {
  readonly main: number;
  readonly sub: number;
  readonly tombstone: boolean;
  readonly create: number;
  readonly version: number;
  readonly lease: LeaseId;
  storedBytes: number;
}

interface Entry {
  readonly key: Bytes;
  /** In rising order of (main, sub). */
  changes: Change[];
}

export class PlainIndex implements KeyIndex {
  #entries: Entry[] = [];
  #lastPut: Change | undefined;

  get liveKeys(): number {
    return this.#entries.filter((entry) => aliveAt(entry, 0) !== undefined).length;
  }

  get sizeBytes(): number {
    return this.#entries.reduce((sum, { key, changes }) => sum + key.length + 48 * changes.length, 0);
  }

  find(key: Bytes, into: KeyState): boolean {
    return this.findAt(key, 0, into);
  }

  findAt(key: Bytes, revision: number, into: KeyState): boolean {
    const entry = this.#entryOf(key);
    const change = entry && aliveAt(entry, revision);
    if (change === undefined) return false;
    fill(into, change);
    return true;
  }

  put(key: Bytes, main: number, sub: number, lease: LeaseId, into: KeyState): LeaseId {
    const entry = this.#entryOf(key) ?? this.#insert(key);
    const before = aliveAt(entry, 0);
    const change = {
      main,
      sub,
      tombstone: false,
      create: before?.create ?? main,
      version: (before?.version ?? 0) + 1,
      lease,
      storedBytes: 0,
    };
    entry.changes.push(change);
    this.#lastPut = change;
    fill(into, change);
    return before?.lease ?? noLease;
  }

  setStoredBytes(storedBytes: number): void {
    if (this.#lastPut !== undefined) this.#lastPut.storedBytes = storedBytes;
  }

  tombstone(key: Bytes, main: number, sub: number): boolean {
    const entry = this.#entryOf(key);
    if (entry === undefined || aliveAt(entry, 0) === undefined) return false;
    entry.changes.push({ main, sub, tombstone: true, create: 0, version: 0, lease: noLease, storedBytes: 0 });
    return true;
  }

  restore(key: Bytes, state: KeyState, tombstone: boolean): void {
    if (tombstone) this.tombstone(key, state.main, state.sub);
    else (this.#entryOf(key) ?? this.#insert(key)).changes.push({ ...state, tombstone });
  }

  scan(key: Bytes, end: Bytes | undefined, revision: number, visit: KeyVisitor): void {
    const state = { main: 0, sub: 0, create: 0, version: 0, lease: noLease, storedBytes: 0 };
    for (let at = this.#placeOf(key); at < this.#entries.length; at++) {
      const entry = this.#entries[at] as Entry;
      if (end !== undefined && compareBytes(entry.key, end) >= 0) return;
      const change = aliveAt(entry, revision);
      if (change === undefined) continue;
      fill(state, change);
      if (!visit(entry.key, state)) return;
    }
  }

  count(key: Bytes, end: Bytes | undefined, revision: number): number {
    let count = 0;
    this.scan(key, end, revision, () => ++count > 0);
    return count;
  }

  compact(revision: number, from: Bytes | undefined, maxKeys: number, dropped: DroppedVisitor): Bytes | undefined {
    const start = from === undefined ? 0 : this.#placeOf(from);
    const slice = this.#entries.slice(start, start + maxKeys);
    const next = this.#entries[start + maxKeys]?.key;
    for (const entry of slice) {
      const keptFrom = firstKept(entry.changes, revision);
      for (const { main, sub, tombstone } of entry.changes.slice(0, keptFrom)) dropped(main, sub, tombstone);
      entry.changes = entry.changes.slice(keptFrom);
    }
    this.#entries = this.#entries.filter((entry) => entry.changes.length > 0);
    return next;
  }

  keep(revision: number, visit: (main: number, sub: number) => void): void {
    for (const { changes } of this.#entries) {
      const kept = changes[firstKept(changes, revision)];
      if (kept !== undefined && kept.main <= revision && !kept.tombstone) visit(kept.main, kept.sub);
    }
  }

  #placeOf(key: Bytes): number {
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes((this.#entries[middle] as Entry).key, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #entryOf(key: Bytes): Entry | undefined {
    const entry = this.#entries[this.#placeOf(key)];
    return entry !== undefined && compareBytes(entry.key, key) === 0 ? entry : undefined;
  }

  #insert(key: Bytes): Entry {
    const entry = { key: key.slice(), changes: [] };
    this.#entries.splice(this.#placeOf(key), 0, entry);
    return entry;
  }
}

/** The key's newest change with main <= `revision` (0: its newest), unless that is a tombstone. */
function aliveAt(entry: Entry, revision: number): Change | undefined {
  const change = entry.changes.findLast(({ main }) => revision === 0 || main <= revision);
  return change?.tombstone ? undefined : change;
}

/**
 * The place of the first change that a compaction to `revision` keeps: in the first generation whose tombstone is at
 * `revision` or later, or else in the last one, the newest change at or before `revision`.
 */
function firstKept(changes: readonly Change[], revision: number): number {
  let start = 0;
  let end = changes.length;
  for (let i = 0; i < changes.length; i++) {
    const change = changes[i] as Change;
    if (!change.tombstone) continue;
    if (change.main >= revision) {
      end = i + 1;
      break;
    }
    start = i + 1;
  }
  for (let i = end - 1; i >= start; i--) if ((changes[i] as Change).main <= revision) return i;
  return start;
}

function fill(into: KeyState, from: Change): void {
  into.main = from.main;
  into.sub = from.sub;
  into.create = from.create;
  into.version = from.version;
  into.lease = from.lease;
  into.storedBytes = from.storedBytes;
}
