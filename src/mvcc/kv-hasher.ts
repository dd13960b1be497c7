/** The sum of `HashKV`: which stored revisions count, and how they are fed. */
import type { Bytes } from '../base/bytes.js';
import { utf8 } from '../base/bytes.js';
import { crc32c } from '../base/crc32c.js';
import type { KvHash } from './hash-book.js';
import { revisionBytes, writeRevision } from './revision-bytes.js';

const bucket = utf8('key');

export class KvHasher {
  readonly #key = new Uint8Array(revisionBytes + 1);
  #sum = 0;
  #compactRevision = -1;
  #revision = 0;
  #ofNothing = false;

  begin(compactRevision: number, revision: number, anyAlive: boolean): void {
    this.#ofNothing = !anyAlive;
    this.#compactRevision = compactRevision;
    this.#revision = revision;
    this.#sum = crc32c(bucket);
  }

  /**
   * Counts a revision in, unless it is above the hash's revision. One at or below the compacted revision is given only
   * if the compaction keeps it; the tombstone that is kept because it is at that very revision does not count:
   * etcd before 3.5.16 did not keep it, and hashes had to stay equal.
   */
  add(main: number, sub: number, tombstone: boolean, value: Bytes): void {
    if (main > this.#revision || (tombstone && main === this.#compactRevision)) return;
    const length = writeRevision(this.#key, 0, main, sub, tombstone);
    this.#sum = crc32c(value, 0, value.length, crc32c(this.#key, 0, length, this.#sum));
  }

  end(): KvHash {
    const found = { hash: this.#sum, compactRevision: this.#compactRevision, revision: this.#revision };
    return this.#ofNothing ? { ...found, ofNothing: true } : found;
  }
}
