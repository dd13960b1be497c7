/**
 * The answer to a range, without the answer being in memory.
 *
 * `plan` walks the index alone: afterwards `count`, `more` and the exact length `bodyBytes` are known. `fill` then
 * splices the stored values into the caller's buffer, as much as it has room for. Both stop where they are told to and go
 * on later, so a gigabyte leaves in slices while writes go on: a cursor that is left unfinished pins its revision
 * (`pins.ts`) until it is done or closed.
 *
 *     index   a b c d e f g h i j ...            plan: the lengths of all; remembers the first window only
 *             [ window ][ window ][ ...          fill: the values of a window, then the next window is read from the index
 *
 * What is sorted or filtered is collected whole, as columns of numbers, 28 bytes a key; values are not.
 */
import { type Bytes, compareBytes, noBytes } from '../base/bytes.js';
import { check } from '../base/check.js';
import type { ErrorName } from '../wire/errors.js';
import { KeyValue } from '../wire/messages/key-value.js';
import type { RangeRequest } from '../wire/messages/kv-requests.js';
import { rangeKvSize, writeRangeEnd, writeRangeKvPrefix } from '../wire/messages/kv-responses.js';
import { varintSize, Writer } from '../wire/proto/writer.js';
import { KeyState, type KeyVisitor } from './key-index.js';
import type { Pinned } from './pins.js';
import { RangeEntries } from './range-entries.js';
import { RangeOrder, valueIn } from './range-order.js';
import { made, RangeQuery } from './range-query.js';
import type { Store } from './store.js';

/** How many keys are remembered at once, where not all need to be. */
const windowKeys = 1024;

export class RangeCursor implements Pinned {
  /** The revision that is read. */
  revision = 0;
  /** Keys in the range at that revision, whatever the limit and the filters. */
  count = 0;
  /** True when the limit left some out. */
  more = false;
  /** How many key-values are returned. */
  returned = 0;
  /** Bytes of the answer behind its header; known once `planned`. */
  bodyBytes = 0;
  planned = true;
  /** True when all is written. */
  done = true;
  /** True once the pinned revision was compacted away under a reader that took too long. Nothing more comes. */
  lost = false;

  /** For a part of an answer: key-values alone, without `more` and `count` behind them, and nothing counted beyond the limit. */
  kvsOnly = false;

  readonly #store: Store;
  readonly #query = new RangeQuery();
  readonly #entries = new RangeEntries();
  readonly #kv = new KeyValue();
  readonly #state = new KeyState();
  /** The newest revision when the range began. */
  #newest = 0;
  /** Undefined: to the last key. */
  #end: Bytes | undefined;
  #held = false;

  // How far the plan is.
  #budget = 0;
  #countKnown = false;
  #counted = 0;
  /** True when enough keys were met, and the rest is at most counted. */
  #satisfied = false;
  /** Where the walk goes on. */
  #next: Bytes = noBytes;
  #cut = false;
  /** The first key behind the remembered window, if there is one. */
  #beyond: Bytes | undefined;
  #walked = false;
  #order: RangeOrder | undefined;
  #kvsBytes = 0;

  // How far the writing is.
  /** Small pieces that go out next: a prefix, the tail, or a window that is made from the index. */
  readonly #ready = new Writer(64);
  #readyAt = 0;
  readonly #out = new Writer(0);
  /** The entry of the window that is next, whether its prefix has gone out, and how much of its bytes. */
  #entry = 0;
  #prefixed = false;
  #offset = 0;
  /** Key-values of this window and the windows behind it. */
  #left = 0;
  #tailed = false;

  readonly #meet: KeyVisitor = (key, state) => this.#met(key, state);
  readonly #refill: KeyVisitor = (key, state) => this.#entries.count < this.#left && this.#remember(key, state);

  constructor(store: Store) {
    this.#store = store;
  }

  get pinnedRevision(): number {
    return this.revision;
  }

  lose(): void {
    this.lost = true;
    this.#held = false;
  }

  /**
   * Begins the answer to `request`; its bytes are copied if they are needed beyond this turn, by `plan` or `hold`.
   * `newest` is the revision that counts as the newest: inside a write transaction, the transaction's.
   */
  open(request: RangeRequest, newest = this.#store.revision): ErrorName | undefined {
    check(!this.#held, 'a cursor is done or closed before it is used again');
    if (request.revision > newest) return 'futureRevision';
    this.revision = request.revision > 0 ? request.revision : newest;
    if (this.revision < this.#store.compactedRevision) return 'compacted';
    this.#newest = newest;
    this.#reset();
    this.#query.read(request);
    const { key } = request;
    if (request.rangeEndStart === request.rangeEndEnd) this.#planOne(key);
    else this.#planMany(key, request.rangeEnd, this.revision === newest);
    return undefined;
  }

  #reset(): void {
    this.more = this.planned = this.done = this.lost = false;
    this.count = this.returned = this.bodyBytes = 0;
    this.#countKnown = this.#satisfied = this.#prefixed = this.#tailed = false;
    this.#counted = this.#kvsBytes = this.#readyAt = this.#entry = this.#offset = 0;
    this.#budget = Number.POSITIVE_INFINITY;
    this.#walked = false;
    this.#beyond = undefined;
    this.#order = undefined;
    this.#ready.reset();
    this.#entries.count = 0;
  }

  #planOne(key: Bytes): void {
    const state = this.#state;
    const { index } = this.#store;
    const alive = this.#isNewest ? index.find(key, state) : index.findAt(key, this.revision, state);
    if (alive) this.#met(key, state);
    this.#inOrder(Number.POSITIVE_INFINITY);
    this.#finishPlan();
  }

  #planMany(key: Bytes, end: Bytes, newest: boolean): void {
    this.#end = end.length === 1 && end[0] === 0 ? undefined : end;
    this.#next = key;
    if (this.#end !== undefined && compareBytes(key, end) >= 0) {
      this.#finishPlan();
      return;
    }
    // The tree counts its newest revision without a walk; what is older has to be walked.
    const { countOnly, walkLimit } = this.#query;
    if (this.kvsOnly && !countOnly) {
      this.#countKnown = true;
      return;
    }
    if (!newest || !(countOnly || walkLimit > 0)) return;
    this.#countKnown = true;
    this.count = this.#store.index.count(key, this.#end, 0);
    if (countOnly) this.#finishPlan();
  }

  /**
   * Inside a write transaction that has changed something, the newest revision is one that the store does not name yet,
   * and the store's own is no longer the newest.
   */
  get #isNewest(): boolean {
    return this.revision >= this.#newest && this.revision >= this.#store.revision;
  }

  /** Goes on planning for about `maxKeys` keys or comparisons; true when the plan is complete. */
  plan(maxKeys = Number.POSITIVE_INFINITY): boolean {
    if (this.planned || this.lost) return this.planned;
    this.#budget = maxKeys;
    if (!this.#walked) {
      this.#cut = false;
      this.#walk(this.#next, this.#meet);
      this.#walked = !this.#cut;
    }
    if (this.#walked && this.#inOrder(this.#budget)) this.#finishPlan();
    else this.hold();
    return this.planned;
  }

  #walk(from: Bytes, visit: KeyVisitor): void {
    this.#store.index.scan(from, this.#end, this.#isNewest ? 0 : this.revision, visit);
  }

  #met(key: Bytes, state: KeyState): boolean {
    if (this.#budget-- === 0) {
      this.#next = key.slice();
      this.#cut = true;
      return false;
    }
    this.#counted++;
    const query = this.#query;
    if (query.countOnly) return true;
    if (this.#satisfied) return !this.#countKnown;
    if (query.collected) return this.#collect(key, state);
    if (query.walkLimit > 0 && this.returned === query.walkLimit) {
      this.more = this.#satisfied = true;
      return !this.#countKnown;
    }
    this.returned++;
    this.#kvsBytes += rangeKvSize(this.#lengthOf(key, state));
    if (this.#beyond === undefined) this.#remember(key, state);
    return true;
  }

  #collect(key: Bytes, state: KeyState): boolean {
    const query = this.#query;
    const entries = this.#entries;
    if (!query.passes(state)) return true;
    entries.add(state, this.#lengthOf(key, state), query.rankOf(state, entries.count));
    this.#satisfied = query.walkLimit > 0 && entries.count > query.walkLimit;
    return !this.#satisfied || !this.#countKnown;
  }

  /** Adds a key to the window; false when that is full: then the key begins the next one. */
  #remember(key: Bytes, state: KeyState): boolean {
    if (this.#entries.count === windowKeys) {
      this.#beyond = key.slice();
      return false;
    }
    const length = this.#lengthOf(key, state);
    this.#entries.add(state, length, 0);
    if (this.#query.made === made.fromIndex) {
      writeRangeKvPrefix(this.#ready, length);
      this.#kv.write(this.#ready);
    }
    return true;
  }

  /** Bytes of the `KeyValue` as it will be returned. One that is made from the index stands in `#kv` afterwards. */
  #lengthOf(key: Bytes, state: KeyState): number {
    if (this.#query.made === made.stored) return state.storedBytes;
    const kv = this.#kv;
    kv.setKey(key, 0, key.length);
    kv.setValue(key, 0, 0);
    kv.createRevision = state.create;
    kv.modRevision = state.main;
    kv.version = state.version;
    kv.leaseLo = kv.leaseHi = 0;
    return kv.sizeBytes();
  }

  #finishPlan(): void {
    if (!this.#countKnown) this.count = this.#counted;
    if (this.#query.collected) this.#arrange();
    this.planned = true;
    this.#left = this.returned;
    this.bodyBytes = this.#kvsBytes;
    if (!this.kvsOnly) this.bodyBytes += (this.more ? 2 : 0) + (this.count === 0 ? 0 : 1 + varintSize(this.count));
  }

  /** Sorts what was collected; false when the budget was spent before. */
  #inOrder(budget: number): boolean {
    const query = this.#query;
    if (!query.collected || !query.sorted) return true;
    this.#order ??= new RangeOrder(this.#entries, query.descending, query.byValue ? this.#valueAt : undefined);
    return this.#order.step(budget);
  }

  /** Cuts what was collected at the limit and sums its lengths. */
  #arrange(): void {
    const query = this.#query;
    const entries = this.#entries;
    this.more = query.limit > 0 && entries.count > query.limit;
    this.returned = this.more ? query.limit : entries.count;
    if (this.#order === undefined) entries.count = this.returned;
    else entries.arrange(this.#order.order, this.returned);
    this.#order = undefined;
    for (let i = 0; i < entries.count; i++) {
      // Only the stored bytes know what the lease adds to a key without its value.
      if (query.keepsLease && query.made === made.trimmed) entries.lengths[i] = this.#bytesAt(i).length;
      this.#kvsBytes += rangeKvSize(entries.lengths[i] as number);
    }
  }

  readonly #valueAt = (entry: number): Bytes => valueIn(this.#kv, this.#storedAt(entry));

  readonly #storedAt = (entry: number): Bytes =>
    this.#store.stored(this.#entries.mains[entry] as number, this.#entries.subs[entry] as number);

  #bytesAt(entry: number): Bytes {
    const stored = this.#storedAt(entry);
    if (this.#query.made === made.stored) return stored;
    const kv = this.#kv;
    kv.decode(stored, 0, stored.length);
    kv.setValue(stored, 0, 0);
    if (!this.#query.keepsLease) kv.leaseLo = kv.leaseHi = 0;
    return kv.encode();
  }

  /**
   * Writes what comes next of the answer's body into `target[at, end)`; answers where it stopped, which is `end`
   * unless the body is `done` (or its revision `lost`).
   */
  fill(target: Bytes, at: number, end: number): number {
    check(this.planned, 'a range is planned before it is written');
    const out = this.#out;
    out.bytes = target;
    out.at = at;
    while (!this.done && !this.lost) {
      if (!this.#writeReady(end) || !this.#writeValue(end)) break;
      this.done = !this.#prepare();
    }
    if (this.done) this.close();
    else this.hold();
    out.bytes = noBytes;
    return out.at;
  }

  /** Appends the whole body to `to`. */
  write(to: Writer): void {
    to.reserve(this.bodyBytes);
    to.at = this.fill(to.bytes, to.at, to.at + this.bodyBytes);
    check(this.done, 'a range takes the length that was planned for it');
  }

  #writeReady(end: number): boolean {
    const ready = this.#ready;
    const until = Math.min(ready.at, this.#readyAt + end - this.#out.at);
    this.#out.raw(ready.bytes, this.#readyAt, until);
    this.#readyAt = until;
    if (until < ready.at) return false;
    ready.reset();
    this.#readyAt = 0;
    return true;
  }

  #writeValue(end: number): boolean {
    if (!this.#prefixed) return true;
    const bytes = this.#bytesAt(this.#entry);
    const until = Math.min(bytes.length, this.#offset + end - this.#out.at);
    this.#out.raw(bytes, this.#offset, until);
    this.#offset = until;
    if (until < bytes.length) return false;
    this.#prefixed = false;
    this.#offset = 0;
    this.#entry++;
    return true;
  }

  /** Makes ready what follows; false when nothing does. */
  #prepare(): boolean {
    const entries = this.#entries;
    if (this.#entry < entries.count && this.#query.made !== made.fromIndex) {
      writeRangeKvPrefix(this.#ready, entries.lengths[this.#entry] as number);
      this.#prefixed = true;
      return true;
    }
    if (this.#beyond !== undefined) {
      const from = this.#beyond;
      this.#beyond = undefined;
      this.#left -= entries.count;
      this.#entry = entries.count = 0;
      this.#walk(from, this.#refill);
      return true;
    }
    if (this.#tailed || this.kvsOnly) return false;
    this.#tailed = true;
    writeRangeEnd(this.#ready, this.more, this.count);
    return true;
  }

  /** Pins the revision beyond this turn; `plan` and `fill` do so by themselves when they stop early. */
  hold(): void {
    if (this.#held || this.done || this.lost) return;
    this.#held = true;
    this.#end = this.#end?.slice();
    this.#store.pins.add(this);
  }

  /** Gives the revision back; needed where a range is abandoned before it is done. */
  close(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#store.pins.remove(this);
  }
}
