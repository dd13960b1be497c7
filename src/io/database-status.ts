/** What `snapshot status` says of a database file: every page and entry of it is read and checked on the way. */
import { equalBytes, text, utf8 } from '../base/bytes.js';
import { PagedKeyIndex } from '../mvcc/index/paged-key-index.js';
import { KeyState } from '../mvcc/key-index.js';
import { RevisionKey } from '../mvcc/revision-bytes.js';
import { BoltFile } from '../wire/bolt/bolt-file.js';
import type { BoltPage } from '../wire/bolt/bolt-page.js';
import { BoltFault } from '../wire/bolt/format.js';
import { KeyValue } from '../wire/messages/key-value.js';
import { decodeFailure } from '../wire/proto/failure.js';
import { checksum } from './checksum.js';
import { DatabaseFile } from './database-file.js';

export interface DatabaseStatus {
  /** CRC-32C over all buckets: name, then key and value of each entry. */
  readonly hash: number;
  readonly revision: number;
  readonly totalKeys: number;
  readonly totalBytes: number;
  /** Empty before 3.6. */
  readonly version: string;
}

const versionKey = utf8('storageVersion');

/** Throws a `BoltFault` for a file that is damaged, or none. */
export function databaseStatus(path: string): DatabaseStatus {
  const source = new DatabaseFile(path);
  try {
    return statusOf(new BoltFile(source));
  } finally {
    source.close();
  }
}

function statusOf(file: BoltFile): DatabaseStatus {
  let hash = 0;
  let revision = 0;
  let version = '';
  const keys = new Keys();
  const buckets = file.buckets();
  while (buckets.next()) {
    const name = text(buckets.key());
    hash = checksum(buckets.key(), 0, buckets.key().length, hash);
    const cursor = buckets.open();
    while (cursor.next()) {
      const { bytes, keyStart, keyEnd, valueEnd } = cursor.page;
      hash = checksum(bytes, keyStart, keyEnd, hash);
      // A bucket within a bucket is not hashed.
      if (cursor.isBucket) continue;
      hash = checksum(bytes, keyEnd, valueEnd, hash);
      if (name === 'key') revision = keys.take(cursor.page);
      else if (name === 'meta' && equalBytes(cursor.key(), versionKey)) version = text(cursor.value());
    }
  }
  return { hash, revision, totalKeys: keys.alive, totalBytes: file.sizeBytes, version };
}

/** Counts the keys that are alive, in the index that a member would make of them: no object stays for each. */
class Keys {
  readonly #index = new PagedKeyIndex();
  readonly #state = new KeyState();
  readonly #kv = new KeyValue();
  readonly #revision = new RevisionKey();

  get alive(): number {
    return this.#index.liveKeys;
  }

  /** One entry; answers its revision. */
  take({ bytes, keyStart, keyEnd, valueEnd, id }: BoltPage): number {
    const revision = this.#revision;
    const fault = revision.read(bytes, keyStart, keyEnd);
    if (fault !== undefined) throw new BoltFault(id, fault);
    const kv = this.#kv;
    if (kv.decode(bytes, keyEnd, valueEnd) !== decodeFailure.none) {
      throw new BoltFault(id, `cannot unmarshal the value of revision ${revision.main}`);
    }
    const state = this.#state;
    state.main = revision.main;
    state.sub = revision.sub;
    state.create = kv.createRevision;
    state.version = kv.version;
    state.storedBytes = valueEnd - keyEnd;
    this.#index.restore(kv.key, state, revision.tombstone);
    return revision.main;
  }
}
