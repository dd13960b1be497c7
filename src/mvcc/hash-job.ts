/**
 * Hashes of what is stored, in slices, for comparing members.
 *
 * `HashKV(revision)` sums all history from the compacted revision to `revision`, and of older revisions those that are
 * still alive at `revision`: so members agree whether or not their compactions have got equally far.
 *
 * etcd gathers what is alive in a map first (its `Keep`); here the index is asked key by key.
 */
import { noBytes, utf8 } from '../base/bytes.js';
import { crc32c } from '../base/crc32c.js';
import type { ErrorName } from '../wire/errors.js';
import { KeyValue } from '../wire/messages/key-value.js';
import type { KvHash } from './hash-book.js';
import { KeyState } from './key-index.js';
import { KvHasher } from './kv-hasher.js';
import type { Pinned } from './pins.js';
import { revisionBytes, writeRevision } from './revision-bytes.js';
import type { Store } from './store.js';
import type { ValueVisitor } from './value-store.js';

/** Counts as this many bytes in a slice, beside a value's own: the look-up and the walk. */
const visitBytes = 1000;

/** Walks stored values in slices of about `maxBytes`, from where it stopped. */
class ValueWalk {
  #main = 0;
  #sub = 0;
  #left = 0;
  #cut = false;
  #visit: ValueVisitor = () => true;
  readonly #bounded: ValueVisitor = (main, sub, tombstone, value) => {
    if (this.#left <= 0) {
      this.#main = main;
      this.#sub = sub;
      this.#cut = true;
      return false;
    }
    this.#left -= value.length + visitBytes;
    return this.#visit(main, sub, tombstone, value);
  };

  /** True when `endMain` was reached. */
  step(store: Store, endMain: number, maxBytes: number, visit: ValueVisitor): boolean {
    this.#left = maxBytes;
    this.#cut = false;
    this.#visit = visit;
    store.values.scan(this.#main, this.#sub, endMain, this.#bounded);
    return !this.#cut;
  }
}

export class HashKvJob implements Pinned {
  readonly #store: Store;
  readonly #hasher = new KvHasher();
  readonly #walk = new ValueWalk();
  readonly #kv = new KeyValue();
  readonly #state = new KeyState();
  #revision = 0;
  #compactRevision = -1;
  #anyAlive = false;
  /** Set when the job is done. */
  result: KvHash | undefined;
  /** A compaction would not wait any longer: begin again. */
  lost = false;

  constructor(store: Store) {
    this.#store = store;
  }

  /** What is hashed above it must not be compacted away meanwhile; a compaction to it may go on. */
  get pinnedRevision(): number {
    return this.#compactRevision;
  }

  lose(): void {
    this.lost = true;
  }

  /** Revision 0 is the newest; a negative one hashes nothing, as in etcd. */
  begin(revision: number): ErrorName | undefined {
    const store = this.#store;
    this.result = store.hashes.at(revision);
    if (this.result !== undefined) return undefined;
    const error = store.refusalOf(revision);
    if (error !== undefined) return error;
    this.#revision = revision === 0 ? store.revision : revision;
    this.#compactRevision = store.compactedRevision;
    this.#anyAlive = this.#revision > 0 && anyAlive(store, this.#revision);
    this.#hasher.begin(this.#compactRevision, this.#revision, this.#anyAlive);
    store.pins.add(this);
    return undefined;
  }

  /** Hashes about `maxBytes` more; true when `result` is there, or the job `lost`. */
  step(maxBytes: number): boolean {
    if (this.result !== undefined || this.lost) return true;
    if (!this.#walk.step(this.#store, this.#revision + 1, maxBytes, this.#visit)) return false;
    this.result = this.#hasher.end();
    this.close();
    return true;
  }

  /** Gives up a job that is not done. */
  close(): void {
    this.#store.pins.remove(this);
  }

  readonly #visit: ValueVisitor = (main, sub, tombstone, value) => {
    // When nothing is alive etcd skips nothing: its set of what to keep is then taken for none at all.
    if (main > this.#compactRevision || !this.#anyAlive || (!tombstone && this.#isAlive(main, sub, value)))
      this.#hasher.add(main, sub, tombstone, value);
    return true;
  };

  #isAlive(main: number, sub: number, value: Uint8Array): boolean {
    const state = this.#state;
    this.#kv.decode(value, 0, value.length);
    return this.#store.index.findAt(this.#kv.key, this.#revision, state) && state.main === main && state.sub === sub;
  }
}

/** Whether any key is alive at `revision`. */
export function anyAlive(store: Store, revision: number): boolean {
  let any = false;
  store.index.scan(noBytes, undefined, revision, () => {
    any = true;
    return false;
  });
  return any;
}

/** etcd's buckets, in the order of their names. */
const buckets = [
  ...['alarm', 'auth', 'authRoles', 'authUsers', 'cluster'],
  ...['key', 'lease', 'members', 'members_removed', 'meta'],
] as const;

/** Differ between members by right, and so are left out. */
const ownToMember = new Set(['consistent_index', 'term', 'storageVersion']);

/** `Hash`: all that is stored, whatever its revision. Writes that come while it runs may or may not be in it, as in etcd. */
export class HashAllJob {
  readonly #store: Store;
  #walk = new ValueWalk();
  readonly #key = new Uint8Array(revisionBytes + 1);
  #bucket = 0;
  #sum = 0;
  #resets: number;

  constructor(store: Store) {
    this.#store = store;
    this.#resets = store.resets;
  }

  get hash(): number {
    return this.#sum;
  }

  /** Hashes about `maxBytes` more, or a bucket of records; true when all is in `hash`. */
  step(maxBytes: number): boolean {
    if (this.#store.resets !== this.#resets) this.#restart();
    const name = buckets[this.#bucket];
    if (name === undefined) return true;
    if (name !== 'key') this.#addRecords(name);
    else if (!this.#walkValues(maxBytes)) return false;
    this.#bucket++;
    return this.#bucket === buckets.length;
  }

  #begun = false;

  #restart(): void {
    this.#resets = this.#store.resets;
    this.#walk = new ValueWalk();
    this.#bucket = this.#sum = 0;
    this.#begun = false;
  }

  #walkValues(maxBytes: number): boolean {
    if (!this.#begun) this.#sum = crc32c(utf8('key'), 0, 3, this.#sum);
    this.#begun = true;
    return this.#walk.step(this.#store, Number.POSITIVE_INFINITY, maxBytes, (main, sub, tombstone, value) => {
      const length = writeRevision(this.#key, 0, main, sub, tombstone);
      this.#sum = crc32c(value, 0, value.length, crc32c(this.#key, 0, length, this.#sum));
      return true;
    });
  }

  #addRecords(bucket: string): void {
    const name = utf8(bucket);
    this.#sum = crc32c(name, 0, name.length, this.#sum);
    this.#store.values.scanRecords(bucket, (key, value) => {
      if (bucket === 'meta' && ownToMember.has(new TextDecoder().decode(key))) return;
      this.#sum = crc32c(value, 0, value.length, crc32c(key, 0, key.length, this.#sum));
    });
  }
}
