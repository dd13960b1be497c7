/**
 * Compaction of the index, in slices between which the index may change.
 *
 * Of each key stays the newest revision at or below the compact revision, and all after it. A tombstone that would be
 * kept so goes too, unless it stands exactly at the compact revision: that one stays, here and on disk, until the next
 * compaction (as etcd since 3.5.16).
 *
 *     compact to          5            9             11            14
 *     put 2              -            -              -             -
 *     put 5              kept         -              -             -
 *     tombstone 9        kept         kept           -             -
 *     put 12             kept         kept           kept          kept
 *
 * The revisions that a key lets go of are cut off as one chain, which no read can see any more. A long one is given up
 * over several slices: `#cut` is what is left of it.
 */
import type { Bytes } from '../../base/bytes.js';
import type { DroppedVisitor } from '../key-index.js';
import { type History, noRecord } from './history.js';
import { KeyBuffer } from './key-buffer.js';
import { LeafEntry } from './leaf-entry.js';
import type { PageTree } from './page-tree.js';

export class Compaction {
  readonly #tree: PageTree;
  readonly #history: History;
  readonly #entry = new LeafEntry();
  /** Where the leaf at hand is begun, and where the one after it is. */
  #key = new KeyBuffer();
  #nextKey = new KeyBuffer();
  #cut = noRecord;
  /** Keys and revisions that the slice may still look at. */
  #work = 0;

  constructor(tree: PageTree, history: History) {
    this.#tree = tree;
    this.#history = history;
  }

  /** The chain that is being given up, or none. */
  get cut(): number {
    return this.#cut;
  }

  /** Goes on with a chain that another index had not yet given up. */
  adopt(cut: number): void {
    this.#cut = cut;
  }

  /** Looks at about `maxKeys` keys and dropped revisions, and answers the key to go on from. */
  slice(revision: number, from: Bytes, maxKeys: number, dropped: DroppedVisitor): Bytes | undefined {
    this.#work = maxKeys;
    this.#dropCut(dropped);
    this.#key.copyFrom(from);
    while (this.#work > 0) {
      const position = this.#compactLeaf(revision, dropped);
      const { leaf } = this.#tree;
      const next = this.#nextKey;
      const hasNext = position < leaf.count || this.#tree.nextLeafKey(next);
      if (position < leaf.count) leaf.keyInto(position, next);
      this.#tree.settleHere();
      if (hasNext) {
        this.#nextKey = this.#key;
        this.#key = next;
      } else if (this.#cut === noRecord) return undefined;
    }
    return this.#key.copy();
  }

  /** Compacts the keys of the leaf from `#key` on, and answers the position that is next. */
  #compactLeaf(revision: number, dropped: DroppedVisitor): number {
    const { leaf } = this.#tree;
    this.#tree.locate(this.#key.view());
    let { position } = this.#tree;
    while (position < leaf.count && this.#work > 0) {
      this.#work--;
      this.#entry.open(leaf, leaf.entryAt(position));
      if (this.#compactEntry(revision, dropped)) this.#tree.removeAt(position);
      else position++;
      this.#dropCut(dropped);
    }
    return position;
  }

  /** Cuts off what the key lets go of; true when nothing of it is left. */
  #compactEntry(revision: number, dropped: DroppedVisitor): boolean {
    const entry = this.#entry;
    const { main } = entry;
    if (main <= revision) {
      this.#cut = entry.history;
      entry.history = noRecord;
      if (!entry.isDead || main === revision) return false;
      dropped(main, entry.sub, true);
      return true;
    }
    this.#compactHistory(revision);
    return false;
  }

  #compactHistory(revision: number): void {
    const history = this.#history;
    let newer = noRecord;
    let record = this.#entry.history;
    while (record !== noRecord && history.main(record) > revision) {
      newer = record;
      record = history.older(record);
    }
    if (record === noRecord) return;
    if (history.isTombstone(record) && history.main(record) < revision) {
      this.#cut = record;
      if (newer === noRecord) this.#entry.history = noRecord;
      else history.setOlder(newer, noRecord);
    } else {
      this.#cut = history.older(record);
      history.setOlder(record, noRecord);
    }
  }

  #dropCut(dropped: DroppedVisitor): void {
    const history = this.#history;
    while (this.#cut !== noRecord && this.#work > 0) {
      const record = this.#cut;
      this.#cut = history.older(record);
      dropped(history.main(record), history.sub(record), history.isTombstone(record));
      history.give(record);
      this.#work--;
    }
  }
}
