/**
 * Revisions that readers of several turns still need: long ranges, hashes.
 *
 * A compaction is decided at once (`compactedRevision` moves, new reads below it are refused), but its work waits while a
 * reader is pinned below it. The wait has an end, `waitMsMax` in `compaction.ts`, for a client that does not read must not
 * keep history alive for ever: then the readers that are in the way are told that they have lost their revision.
 */
export interface Pinned {
  /** History that is needed: all that a compaction to a higher revision may take. */
  readonly pinnedRevision: number;
  /** The revision may be gone from now on: nothing more is to be read. */
  lose(): void;
}

export class Pins {
  readonly #held = new Set<Pinned>();

  get size(): number {
    return this.#held.size;
  }

  add(reader: Pinned): void {
    this.#held.add(reader);
  }

  remove(reader: Pinned): void {
    this.#held.delete(reader);
  }

  /** Whether some reader needs what a compaction to `revision` would take. */
  block(revision: number): boolean {
    for (const reader of this.#held) if (reader.pinnedRevision < revision) return true;
    return false;
  }

  /** Takes their revision from the readers that are in the way of a compaction to `revision`. */
  lose(revision: number): void {
    for (const reader of this.#held) {
      if (reader.pinnedRevision >= revision) continue;
      this.#held.delete(reader);
      reader.lose();
    }
  }
}
