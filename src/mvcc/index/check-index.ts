/** The rules that an index's pages and records keep; tests call this after they have done their worst. Slow, and reads everything. */

import { type Bytes, compareBytes, noBytes } from '../../base/bytes.js';
import { check } from '../../base/check.js';
import { noRecord } from './history.js';
import { KeyBuffer } from './key-buffer.js';
import { LeafEntry } from './leaf-entry.js';
import type { PagedKeyIndex } from './paged-key-index.js';
import { noPage } from './pages.js';
import { leafKind, longTail, SlottedPage, sharedPrefix, tailsOf } from './slotted-page.js';

export function checkIndex(index: PagedKeyIndex): void {
  new IndexCheck(index).run();
}

class IndexCheck {
  readonly #index: PagedKeyIndex;
  readonly #pages = new Set<number>();
  readonly #records = new Set<number>();
  readonly #leaves: number[] = [];

  constructor(index: PagedKeyIndex) {
    this.#index = index;
  }

  run(): void {
    const { tree, history, compaction } = this.#index;
    this.#ownPage(tree.scratchPage);
    const live = this.#checkPage(tree.root, 0, noBytes, undefined);
    check(live === this.#index.liveKeys, 'the live keys of all subtrees are the live keys of the index');
    this.#checkLeafLinks();
    for (let record = compaction.cut; record !== noRecord; record = history.older(record)) this.#ownRecord(record);
    check(this.#pages.size === tree.pool.usedPages, 'every page is in the tree, or waits for its next use');
    check(this.#records.size === history.used, "every record is in a key's history, or waits for its next use");
    tree.pool.eachFree((page) => check(!this.#pages.has(page), 'no page is both free and in use'));
    history.eachFree((record) => check(!this.#records.has(record), 'no record is both free and in use'));
  }

  /** Checks a subtree whose keys are in [low, high), and answers its live keys. */
  #checkPage(number: number, level: number, low: Bytes, high: Bytes | undefined): number {
    this.#ownPage(number);
    const { tree } = this.#index;
    const page = new SlottedPage(tree.pool, tree.longKeys);
    page.open(number);
    check((page.kind === leafKind) === (level === tree.height), 'all leaves are at the same depth');
    this.#checkPrefix(page, low, high);
    const keys = this.#keysOf(page);
    if (page.kind === leafKind) {
      this.#leaves.push(number);
      this.#checkOrder(keys, low, high);
      return this.#checkEntries(page);
    }
    check(page.count > 0, 'an inner page has a child');
    this.#checkOrder(keys.slice(1), low, high);
    let total = 0;
    for (let index = 0; index < page.count; index++) {
      const word = page.entryAt(index) >>> 2;
      const child = page.chunk.words[word] as number;
      const live = this.#checkPage(
        child,
        level + 1,
        index === 0 ? low : (keys[index] as Bytes),
        keys[index + 1] ?? high,
      );
      check(live === page.chunk.words[word + 1], 'an inner page knows the live keys of each child');
      total += live;
    }
    return total;
  }

  #checkPrefix(page: SlottedPage, low: Bytes, high: Bytes | undefined): void {
    const prefix = new KeyBuffer();
    page.prefixInto(prefix);
    const fences = [low, high ?? noBytes].map((bytes) => {
      const fence = new KeyBuffer();
      fence.copyFrom(bytes);
      return fence;
    });
    for (const fence of fences)
      check(sharedPrefix(prefix, fence) === prefix.length, "both fences of a page begin with the page's prefix");
  }

  #keysOf(page: SlottedPage): Bytes[] {
    const keys: Bytes[] = [];
    const key = new KeyBuffer();
    for (let position = 0; position < page.count; position++) {
      page.keyInto(position, key);
      keys.push(key.copy());
      const entry = page.entryAt(position);
      const shape = page.shapeOf(entry);
      if (tailsOf(shape) & longTail) {
        const first = page.chunk.words[page.tailsAt(entry, shape)] as number;
        this.#index.tree.longKeys.eachPage(first, (part) => this.#ownPage(part));
      }
    }
    return keys;
  }

  #checkOrder(keys: readonly Bytes[], low: Bytes, high: Bytes | undefined): void {
    let before = low;
    for (const [at, key] of keys.entries()) {
      check(at === 0 ? compareBytes(before, key) <= 0 : compareBytes(before, key) < 0, 'keys of a page rise');
      check(high === undefined || compareBytes(key, high) < 0, 'keys of a page are below its upper fence');
      before = key;
    }
  }

  #checkEntries(page: SlottedPage): number {
    let live = 0;
    const entry = new LeafEntry();
    const { history } = this.#index;
    for (let position = 0; position < page.count; position++) {
      entry.open(page, page.entryAt(position));
      if (!entry.isDead) live++;
      let { main } = entry;
      for (let record = entry.history; record !== noRecord; record = history.older(record)) {
        this.#ownRecord(record);
        check(history.main(record) <= main, 'revisions of a key fall from newest to oldest');
        main = history.main(record);
      }
    }
    return live;
  }

  #checkLeafLinks(): void {
    const { tree } = this.#index;
    const page = new SlottedPage(tree.pool, tree.longKeys);
    for (const [at, leaf] of this.#leaves.entries()) {
      page.open(leaf);
      check(page.next === (this.#leaves[at + 1] ?? noPage), 'each leaf names the one after it');
    }
  }

  #ownPage(page: number): void {
    check(!this.#pages.has(page), 'a page has one owner');
    this.#pages.add(page);
  }

  #ownRecord(record: number): void {
    check(!this.#records.has(record), 'a record belongs to one history');
    this.#records.add(record);
  }
}
