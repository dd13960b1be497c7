/** Keys met by a range, as columns: which revision holds each, and what sorting needs. Objects would cost ten times the memory. */
import type { KeyState } from './key-index.js';

export class RangeEntries {
  count = 0;
  mains = new Float64Array(32);
  subs = new Uint32Array(32);
  /** Bytes of the `KeyValue` as it will be returned. */
  lengths = new Uint32Array(32);
  /** What the entry is sorted by, where that is a number. */
  ranks = new Float64Array(32);

  clear(): void {
    this.count = 0;
  }

  add(state: KeyState, length: number, rank: number): void {
    if (this.count === this.mains.length) this.#grow();
    const at = this.count++;
    this.mains[at] = state.main;
    this.subs[at] = state.sub;
    this.lengths[at] = length;
    this.ranks[at] = rank;
  }

  #grow(): void {
    const [mains, subs, lengths, ranks] = [this.mains, this.subs, this.lengths, this.ranks];
    this.mains = new Float64Array(mains.length * 4);
    this.subs = new Uint32Array(mains.length * 4);
    this.lengths = new Uint32Array(mains.length * 4);
    this.ranks = new Float64Array(mains.length * 4);
    this.mains.set(mains);
    this.subs.set(subs);
    this.lengths.set(lengths);
    this.ranks.set(ranks);
  }

  /** Puts the entries into `order`, the first `kept` of it. */
  arrange(order: Uint32Array, kept: number): void {
    const { mains, subs, lengths } = this;
    this.mains = new Float64Array(Math.max(kept, 32));
    this.subs = new Uint32Array(Math.max(kept, 32));
    this.lengths = new Uint32Array(Math.max(kept, 32));
    this.ranks = new Float64Array(Math.max(kept, 32));
    for (let i = 0; i < kept; i++) {
      const from = order[i] as number;
      this.mains[i] = mains[from] as number;
      this.subs[i] = subs[from] as number;
      this.lengths[i] = lengths[from] as number;
    }
    this.count = kept;
  }
}
