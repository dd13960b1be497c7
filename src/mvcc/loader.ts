/**
 * Loads a store from its values: at start, and when a snapshot has replaced them.
 *
 * The index is rebuilt from the `key` records in their order; the newest revision is the newest met, or the newest that a
 * compaction was asked for (it may have dropped all above what is left). A compaction that was cut short is taken up again.
 * Leases are attached last, from the keys that turned out to be alive.
 */
import { type Bytes, noBytes } from '../base/bytes.js';
import { check } from '../base/check.js';
import { noLease } from '../base/ids.js';
import { KeyValue } from '../wire/messages/key-value.js';
import { decodeFailure } from '../wire/proto/failure.js';
import { readCompactions } from './compaction.js';
import { KeyState, type KeyVisitor } from './key-index.js';
import type { Store } from './store.js';
import type { ValueVisitor } from './value-store.js';

export class StoreLoader {
  readonly #store: Store;
  readonly #kv = new KeyValue();
  readonly #state = new KeyState();
  #budget = 0;
  #main = 0;
  #sub = 0;
  #cut = false;
  #newest = 1;
  #valuesRead = false;
  /** From here on keys are not attached to their leases yet. */
  #unattached: Bytes = noBytes;

  /** The store's index must be empty, or be as it was at revision `indexed`: then only what came later is read. */
  constructor(store: Store, indexed = 0) {
    this.#store = store;
    check(indexed > 0 || store.index.liveKeys === 0, 'a store is loaded into an empty index');
    if (indexed === 0) return;
    this.#main = indexed + 1;
    this.#newest = indexed;
  }

  /** Loads up to `maxRevisions` more, or attaches as many keys; true when the store is whole. */
  step(maxRevisions: number): boolean {
    this.#budget = maxRevisions;
    this.#cut = false;
    if (!this.#valuesRead) {
      this.#store.values.scan(this.#main, this.#sub, Number.POSITIVE_INFINITY, this.#visit);
      if (this.#cut) return false;
      this.#valuesRead = true;
      this.#setRevisions();
    }
    this.#store.index.scan(this.#unattached, undefined, 0, this.#attach);
    if (this.#cut) return false;
    this.#resumeCompaction();
    return true;
  }

  readonly #visit: ValueVisitor = (main, sub, tombstone, value) => {
    if (this.#budget-- === 0) {
      this.#main = main;
      this.#sub = sub;
      this.#cut = true;
      return false;
    }
    const kv = this.#kv;
    const state = this.#state;
    check(kv.decode(value, 0, value.length) === decodeFailure.none, 'a stored value is a KeyValue');
    check(main >= this.#newest, 'revisions are stored in rising order');
    state.main = main;
    state.sub = sub;
    state.create = kv.createRevision;
    state.version = kv.version;
    state.lease = kv.leaseLo === 0 && kv.leaseHi === 0 ? noLease : kv.lease;
    state.storedBytes = value.length;
    this.#store.index.restore(kv.key, state, tombstone);
    this.#newest = main;
    return true;
  };

  readonly #attach: KeyVisitor = (key, { lease }) => {
    if (this.#budget-- <= 0) {
      this.#unattached = key.slice();
      this.#cut = true;
      return false;
    }
    if (lease !== noLease) this.#store.leases.attach(lease, key);
    return true;
  };

  #setRevisions(): void {
    const { scheduled, finished } = readCompactions(this.#store);
    this.#store.compactedRevision = finished;
    this.#store.revision = Math.max(this.#newest, scheduled, finished);
  }

  #resumeCompaction(): void {
    const { scheduled, finished } = readCompactions(this.#store);
    if (scheduled > Math.max(finished, 0)) this.#store.compactor.resume(scheduled);
  }
}
