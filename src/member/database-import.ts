/**
 * Takes a database in bbolt's format, made by this program or by etcd, into an empty value store, in slices. After a crash it is done
 * again from the beginning, into a store that is empty again.
 *
 * Records keep etcd's form, so they are taken as they are; of the buckets only etcd's own are taken. Revisions have to rise, as their keys
 * do in the file; one that is none is a fault of the file, as is damage: `BoltFault`.
 */
import { type Bytes, text } from '../base/bytes.js';
import { RevisionKey } from '../mvcc/revision-bytes.js';
import type { ValueStore } from '../mvcc/value-store.js';
import type { BoltCursor, BoltFile } from '../wire/bolt/bolt-file.js';
import type { BoltPage } from '../wire/bolt/bolt-page.js';
import { BoltFault } from '../wire/bolt/format.js';

/** What an entry costs beside its bytes. */
const entryBytes = 200;
const recordBuckets: ReadonlySet<string> = new Set([
  'alarm',
  'auth',
  'authRoles',
  'authUsers',
  'cluster',
  'lease',
  'members',
  'members_removed',
  'meta',
]);

/** Where a database's content goes. */
export type DatabaseSink = Pick<ValueStore, 'append' | 'setRecord'>;

export class DatabaseImport {
  readonly #buckets: BoltCursor;
  readonly #values: DatabaseSink;
  #bucket = '';
  #cursor: BoltCursor | undefined;
  /** Revisions taken. */
  revisions = 0;
  readonly #revision = new RevisionKey();

  constructor(file: BoltFile, values: DatabaseSink) {
    this.#buckets = file.buckets();
    this.#values = values;
  }

  /** Takes about `bytes` more; true when all is in the store, to be committed by the caller. */
  step(bytes: number): boolean {
    for (let left = bytes; left > 0; left -= entryBytes) {
      if (this.#cursor === undefined) {
        if (!this.#buckets.next()) return true;
        this.#bucket = text(this.#buckets.key());
        if (this.#buckets.isBucket) this.#cursor = this.#buckets.open();
        continue;
      }
      if (!this.#cursor.next()) {
        this.#cursor = undefined;
        continue;
      }
      const { page } = this.#cursor;
      left -= page.valueEnd - page.keyStart;
      if (this.#bucket === 'key') this.#takeRevision(page, this.#cursor.value());
      else if (recordBuckets.has(this.#bucket)) {
        this.#values.setRecord(this.#bucket, this.#cursor.key(), this.#cursor.value());
      }
    }
    return false;
  }

  #takeRevision({ bytes, keyStart, keyEnd, id }: BoltPage, value: Bytes): void {
    const revision = this.#revision;
    const fault = revision.read(bytes, keyStart, keyEnd);
    if (fault !== undefined) throw new BoltFault(id, fault);
    this.revisions++;
    // The store keeps what it is given; the page is read over.
    this.#values.append(revision.main, revision.sub, revision.tombstone, value.slice());
  }
}
