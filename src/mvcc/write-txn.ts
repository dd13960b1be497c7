/**
 * A write transaction: its changes share one main revision and are numbered by sub revisions in their order.
 *
 * Each `KeyValue` is encoded once, into a region of exact size: those bytes are what is stored, what ranges return
 * and what watchers get. A change is readable as soon as it is made; since nothing waits, nobody else reads before `end`.
 */
import type { Bytes } from '../base/bytes.js';
import { check } from '../base/check.js';
import { type LeaseId, noLease } from '../base/ids.js';
import { Slab } from '../base/slab.js';
import { KeyValue } from '../wire/messages/key-value.js';
import { highOf, lowOf } from '../wire/proto/int64.js';
import { KeyState, type KeyVisitor } from './key-index.js';
import type { Store } from './store.js';

export class WriteTxn {
  readonly #store: Store;
  readonly #state = new KeyState();
  readonly #kv = new KeyValue();
  readonly #slab = new Slab();
  #open = false;
  /** The main revision of this transaction's changes. */
  #main = 0;
  #changes = 0;
  /** Puts, deletions and reads that it was asked for, for the metrics. */
  #operations = 0;
  /** The keys that a deletion met, and whether each hangs on a lease. */
  #keys: Bytes[] = [];
  #leased: boolean[] = [];
  readonly #meet: KeyVisitor = (key, state) => {
    const copy = this.#slab.take(key.length);
    copy.set(key);
    this.#keys.push(copy);
    this.#leased.push(state.lease !== noLease);
    return true;
  };

  constructor(store: Store) {
    this.#store = store;
  }

  begin(): void {
    check(!this.#open, 'a write transaction is ended before the next one begins');
    this.#open = true;
    this.#main = this.#store.revision + 1;
    this.#changes = 0;
    this.#operations = 0;
  }

  /** The revision as the transaction itself sees it: one more than before as soon as it has changed something. */
  get revision(): number {
    return this.#changes === 0 ? this.#main - 1 : this.#main;
  }

  /** The lease must live: whoever applies the request has asked the book. */
  put(key: Bytes, value: Bytes, lease: LeaseId): void {
    const store = this.#store;
    const state = this.#state;
    const kv = this.#kv;
    const main = this.#main;
    const sub = this.#changes++;
    this.#operations++;
    store.counters.puts++;
    store.counters.putBytes += key.length + value.length;
    const replaced = store.index.put(key, main, sub, lease, state);
    kv.setKey(key, 0, key.length);
    kv.setValue(value, 0, value.length);
    kv.createRevision = state.create;
    kv.modRevision = main;
    kv.version = state.version;
    kv.leaseLo = kv.leaseHi = 0;
    if (lease !== noLease) {
      kv.leaseLo = lowOf(lease);
      kv.leaseHi = highOf(lease);
    }
    const stored = kv.encodeFrom(this.#slab);
    store.index.setStoredBytes(stored.length);
    store.values.append(main, sub, false, stored);
    if (lease !== replaced) {
      if (lease === noLease) store.leases.detach(key);
      else store.leases.attach(lease, key);
    }
    store.listener?.changed(main, sub, false, key, stored);
  }

  /** Deletes one key; answers how many there were: 0 or 1. */
  deleteKey(key: Bytes): number {
    this.#operations++;
    this.#store.counters.deletes++;
    if (!this.#store.index.find(key, this.#state)) return 0;
    this.#tombstone(key, this.#state.lease !== noLease);
    return 1;
  }

  /** Deletes the keys of [key, end), those from `key` on when `end` is undefined; answers how many there were. */
  deleteRange(key: Bytes, end: Bytes | undefined): number {
    this.#operations++;
    this.#store.counters.deletes++;
    this.#store.index.scan(key, end, 0, this.#meet);
    const [keys, leased] = [this.#keys, this.#leased];
    this.#keys = [];
    this.#leased = [];
    for (let i = 0; i < keys.length; i++) this.#tombstone(keys[i] as Bytes, leased[i] as boolean);
    return keys.length;
  }

  /** A read that is part of the transaction. */
  countRead(): void {
    this.#operations++;
    this.#store.counters.ranges++;
  }

  #tombstone(key: Bytes, leased: boolean): void {
    const store = this.#store;
    const kv = this.#kv;
    const sub = this.#changes++;
    check(store.index.tombstone(key, this.#main, sub), 'a key that a deletion met is alive');
    kv.setKey(key, 0, key.length);
    kv.setValue(key, 0, 0);
    kv.createRevision = kv.modRevision = kv.version = kv.leaseLo = kv.leaseHi = 0;
    const stored = kv.encodeFrom(this.#slab);
    store.values.append(this.#main, sub, true, stored);
    if (leased) store.leases.detach(key);
    store.listener?.changed(this.#main, sub, true, key, stored);
  }

  /** Ends the transaction; answers the store's revision, which is one more than before if anything was changed. */
  end(): number {
    const store = this.#store;
    check(this.#open, 'a write transaction is ended once');
    this.#open = false;
    if (this.#operations > 1) store.counters.txns++;
    if (this.#changes > 0) {
      store.revision = this.#main;
      store.listener?.committed(this.#main);
    }
    return store.revision;
  }
}
