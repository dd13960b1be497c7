/** The hashes that finished compactions left behind: `HashKV` at such a revision answers what was found then. */
export interface KvHash {
  readonly hash: number;
  /** Compacted revision from which on the hash covers all history; -1 when nothing was compacted yet. */
  readonly compactRevision: number;
  readonly revision: number;
  /** No key was alive at `revision`. As etcd's, the hash then takes in what compactions have not come to drop yet: members may differ. */
  readonly ofNothing?: boolean;
}

const remembered = 10;

export class HashBook {
  #hashes: KvHash[] = [];

  /** Newest last. */
  get all(): readonly KvHash[] {
    return this.#hashes;
  }

  add(hash: KvHash): void {
    this.#hashes.push(hash);
    this.#hashes.sort((a, b) => a.revision - b.revision);
    if (this.#hashes.length > remembered) this.#hashes.shift();
  }

  at(revision: number): KvHash | undefined {
    return this.#hashes.find((hash) => hash.revision === revision);
  }

  clear(): void {
    this.#hashes = [];
  }
}
