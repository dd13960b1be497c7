/**
 * The multi-version store: every change of a key has a revision, (main, sub), and is kept until a compaction takes it.
 *
 *     main   2 3 4 ...   one for each transaction that changed something; 1 is the empty store
 *     sub    0 1 2 ...   the changes within a transaction, in order
 *
 * The index knows which revisions a key has, the value store keeps their encoded `KeyValue`s; this class holds the two
 * together. Nothing here waits: what takes long (big ranges, compaction, hashing, loading) is an object with steps.
 *
 * Invariant: every revision the index names is in the value store, with the length that the index says.
 */
import type { Bytes } from '../base/bytes.js';
import { check } from '../base/check.js';
import { MvccCounters } from '../base/counters.js';
import type { ErrorName } from '../wire/errors.js';
import type { ChangeListener, History } from './changes.js';
import { Compactor } from './compaction.js';
import { HashBook } from './hash-book.js';
import { type KeyIndex, KeyState } from './key-index.js';
import type { LeaseAttachments } from './lease-attachments.js';
import { Pins } from './pins.js';
import type { ValueStore } from './value-store.js';
import { WriteTxn } from './write-txn.js';

export interface StoreParts {
  readonly index: KeyIndex;
  readonly values: ValueStore;
  readonly leases: LeaseAttachments;
  /** Where reads and changes are counted. */
  readonly counters?: MvccCounters;
}

export interface StoreOptions {
  readonly compactionBatchLimit: number;
  readonly compactionSleepMs: number;
}

export const storeDefaults: StoreOptions = { compactionBatchLimit: 1000, compactionSleepMs: 10 };

export class Store implements History {
  index: KeyIndex;
  readonly values: ValueStore;
  readonly leases: LeaseAttachments;
  /** Undefined while nobody follows the store. */
  listener: ChangeListener | undefined;

  /** The newest revision. */
  revision = 1;
  /** The revision that was last asked to be compacted to; -1 when none was. It can be read, what is older cannot. */
  compactedRevision = -1;

  /** How often everything was replaced: work in slices that nothing pins begins again when it was. */
  resets = 0;

  readonly counters: MvccCounters;
  readonly pins = new Pins();
  readonly hashes = new HashBook();
  readonly compactor: Compactor;
  readonly #txn: WriteTxn;
  readonly #state = new KeyState();

  constructor(parts: StoreParts, options = storeDefaults) {
    this.index = parts.index;
    this.values = parts.values;
    this.leases = parts.leases;
    this.counters = parts.counters ?? new MvccCounters();
    this.compactor = new Compactor(this, options);
    this.#txn = new WriteTxn(this);
  }

  /**
   * Forgets everything, for the values were replaced by a snapshot's; then a `StoreLoader` fills the store again.
   * Readers lose their revision. `index` is a new one.
   */
  reset(index: KeyIndex): void {
    this.resets++;
    this.index = index;
    this.revision = 1;
    this.compactedRevision = -1;
    this.pins.lose(Number.POSITIVE_INFINITY);
    this.compactor.reset();
    this.hashes.clear();
  }

  /** The one write transaction; the caller ends it in the same turn. */
  begin(): WriteTxn {
    this.#txn.begin();
    return this.#txn;
  }

  /** Why `revision` cannot be read now, if so; 0 and below mean the newest. */
  refusalOf(revision: number): ErrorName | undefined {
    if (revision > this.revision) return 'futureRevision';
    if (revision > 0 && revision < this.compactedRevision) return 'compacted';
    return undefined;
  }

  /** The stored `KeyValue` that the index names. It must be there: see the invariant above. */
  stored(main: number, sub: number): Bytes {
    const value = this.values.get(main, sub);
    check(value !== undefined, 'every revision the index names is in the value store');
    return value;
  }

  /** The encoded `KeyValue` of `key` now, or undefined when it is not alive. Valid until the next call of the store. */
  get(key: Bytes): Bytes | undefined {
    const state = this.#state;
    return this.index.find(key, state) ? this.stored(state.main, state.sub) : undefined;
  }

  valueAt(key: Bytes, revision: number): Bytes | undefined {
    const state = this.#state;
    return this.index.findAt(key, revision, state) ? this.values.get(state.main, state.sub) : undefined;
  }
}
