/**
 * A B+tree of slotted pages that knows of each subtree how many live keys it holds.
 *
 * `locate` finds the place of a key and leaves a trail: the leaf, the position in it, and the way from the root.
 * What follows (`insertHere`, `widenHere`, `addLive`, `rankHere`...) acts on that trail. A page without room is split one
 * level at a time, from the first level whose parent has room, and the key located again.
 *
 * Invariant: a page's prefix begins every key that could come to it. Its fences, the two separators around it in the
 * inner pages above, share it.
 */
import type { Bytes } from '../../base/bytes.js';
import { noBytes } from '../../base/bytes.js';
import { KeyBuffer } from './key-buffer.js';
import { LongKeys } from './long-keys.js';
import { noPage, PagePool } from './pages.js';
import {
  deadBit,
  innerKind,
  leafKind,
  longTail,
  pageCapacity,
  SlottedPage,
  sharedPrefix,
  tailBytes,
  tailsOf,
} from './slotted-page.js';

/** A page less full than this looks for a neighbour to join. */
const sparseBytes = Math.floor(pageCapacity / 3);
const unbounded = -1;

export class PageTree {
  readonly pool: PagePool;
  readonly longKeys: LongKeys;
  root: number;
  /** Levels of inner pages above the leaves. */
  height = 0;
  /** Where the last `locate` ended: the leaf, and the first position whose key is not below the key. */
  readonly leaf: SlottedPage;
  position = 0;

  /** The way there: at each level the inner page, and which of its children was taken. */
  readonly #trailPages: number[] = [];
  readonly #trailIndexes: number[] = [];
  /** Page and position of the last insertion: rising keys show in it. */
  #runPage = noPage;
  #runPosition = 0;

  readonly #node: SlottedPage;
  readonly #other: SlottedPage;
  readonly #parent: SlottedPage;
  readonly #scratch: SlottedPage;
  #scratchPage: number;
  readonly #low = new KeyBuffer();
  readonly #high = new KeyBuffer();
  readonly #separator = new KeyBuffer();

  constructor(chunkPagesLog2?: number) {
    this.pool = new PagePool(chunkPagesLog2);
    this.longKeys = new LongKeys(this.pool);
    const window = () => new SlottedPage(this.pool, this.longKeys);
    this.leaf = window();
    this.#node = window();
    this.#other = window();
    this.#parent = window();
    this.#scratch = window();
    this.#scratchPage = this.pool.take();
    this.#scratch.create(this.#scratchPage, leafKind, noBytes, 0, noPage);
    this.root = this.pool.take();
    this.leaf.create(this.root, leafKind, noBytes, 0, noPage);
  }

  /** Leads the trail to `key`; true when the very key is there. */
  locate(key: Bytes): boolean {
    const { leaf } = this;
    let page = this.root;
    for (let level = 0; level < this.height; level++) {
      leaf.open(page);
      const at = leaf.search(key, 1);
      const index = leaf.found ? at : at - 1;
      this.#trailPages[level] = page;
      this.#trailIndexes[level] = index;
      page = leaf.chunk.words[leaf.entryAt(index) >>> 2] as number;
    }
    leaf.open(page);
    this.position = leaf.search(key, 0);
    return leaf.found;
  }

  /** Inserts the located key and answers where its entry begins in the leaf's chunk. Its fields and tails are not yet set. */
  insertHere(key: Bytes, tails: number): number {
    const { leaf } = this;
    while (!leaf.hasRoom(leaf.needFor(key.length, tails))) {
      this.#split(this.height, key);
      this.locate(key);
    }
    this.#runPage = leaf.page;
    this.#runPosition = this.position;
    return leaf.insert(this.position, key, key.length, tails, this.#scratch);
  }

  /** Gives the located entry these tails too, zeroed, and answers where it begins now. */
  widenHere(key: Bytes, tails: number): number {
    const { leaf } = this;
    const had = tailsOf(leaf.shapeOf(leaf.entryAt(this.position)));
    const grown = (tailBytes[had | tails] as number) - (tailBytes[had] as number);
    while (!leaf.hasRoom(grown)) {
      this.#split(this.height, noBytes);
      this.locate(key);
    }
    return leaf.widen(this.position, tails, this.#scratch);
  }

  /** Removes the entry at `position` of the located leaf. `settleHere` follows when the leaf is done with. */
  removeAt(position: number): void {
    this.leaf.remove(position);
  }

  /** Joins the located leaf to a neighbour when both fit into one page, and so on upwards. The trail ends here. */
  settleHere(): void {
    this.#settle(this.height);
  }

  /** Adds to the live keys of every subtree on the way to the located leaf. */
  addLive(delta: number): void {
    const node = this.#node;
    for (let level = 0; level < this.height; level++) {
      node.open(this.#trailPages[level] as number);
      const word = (node.entryAt(this.#trailIndexes[level] as number) >>> 2) + 1;
      node.chunk.words[word] = (node.chunk.words[word] as number) + delta;
    }
  }

  /** How many live keys stand before the located place. */
  rankHere(): number {
    const node = this.#node;
    let rank = 0;
    for (let level = 0; level < this.height; level++) {
      node.open(this.#trailPages[level] as number);
      rank += liveChildren(node, this.#trailIndexes[level] as number);
    }
    return rank + livingEntries(this.leaf, this.position);
  }

  /** Puts into `into` the first key that belongs to the next leaf; false when the located leaf is the last. */
  nextLeafKey(into: KeyBuffer): boolean {
    this.#highFence(this.height, into);
    return into.length !== unbounded;
  }

  /** Goes on with the pages that another tree had, once they are in the pool. */
  adopt(root: number, height: number, scratchPage: number): void {
    this.root = root;
    this.height = height;
    this.#scratchPage = scratchPage;
    this.#scratch.open(scratchPage);
  }

  /** The page that sweeping and splitting use, which no key is in. */
  get scratchPage(): number {
    return this.#scratchPage;
  }

  /** The separator below the page that the trail has at `level`. */
  #lowFence(level: number, into: KeyBuffer): void {
    for (let above = level - 1; above >= 0; above--) {
      const index = this.#trailIndexes[above] as number;
      if (index === 0) continue;
      this.#other.open(this.#trailPages[above] as number);
      this.#other.keyInto(index, into);
      return;
    }
    into.length = unbounded;
  }

  #highFence(level: number, into: KeyBuffer): void {
    for (let above = level - 1; above >= 0; above--) {
      const index = (this.#trailIndexes[above] as number) + 1;
      this.#other.open(this.#trailPages[above] as number);
      if (index === this.#other.count) continue;
      this.#other.keyInto(index, into);
      return;
    }
    into.length = unbounded;
  }

  /** Splits the trail's page at `level`, or the first one above whose parent must make room before. `key` is what is to be inserted. */
  #split(level: number, key: Bytes): void {
    if (level === 0) {
      this.#raiseRoot();
      return;
    }
    const node = this.#node;
    const parent = this.#parent;
    const page = level === this.height ? this.leaf.page : (this.#trailPages[level] as number);
    node.open(page);
    const at = this.#splitPosition(node, level, key);
    parent.open(this.#trailPages[level - 1] as number);
    if (!parent.hasRoom(parent.needFor(this.#separator.length, 0))) {
      this.#split(level - 1, noBytes);
      return;
    }
    const right = this.#divide(level, at);
    node.open(page);
    const index = this.#trailIndexes[level - 1] as number;
    const left = parent.entryAt(index) >>> 2;
    parent.chunk.words[left + 1] = liveKeysOf(node);
    const entry = parent.insert(index + 1, this.#separator.bytes, this.#separator.length, 0, this.#scratch) >>> 2;
    node.open(right);
    parent.chunk.words[entry] = right;
    parent.chunk.words[entry + 1] = liveKeysOf(node);
  }

  /** Where to split, with the shortest separator that will do in `#separator`. Keys that come in rising order leave full pages behind. */
  #splitPosition(node: SlottedPage, level: number, key: Bytes): number {
    const { count } = node;
    if (level < this.height) {
      const rising = this.#trailIndexes[level] === count - 1;
      const at = rising ? count - 1 : halfOf(node);
      node.keyInto(at, this.#separator);
      return at;
    }
    const atEnd = key.length > 0 && this.position === count;
    const run = this.#runPage === node.page && this.#runPosition === count - 1;
    const at = atEnd && (run || node.next === noPage) ? count : halfOf(node);
    node.keyInto(at - 1, this.#low);
    if (at === count) this.#separator.copyFrom(key);
    else node.keyInto(at, this.#separator);
    let shared = 0;
    while (shared < this.#low.length && this.#low.bytes[shared] === this.#separator.bytes[shared]) shared++;
    this.#separator.length = shared + 1;
    return at;
  }

  /** Moves the entries from `at` on to a new page, and answers it. The parent does not know of it yet. */
  #divide(level: number, at: number): number {
    const left = this.#node;
    const right = this.#other;
    const whole = this.#scratch;
    const separator = this.#separator;
    this.#lowFence(level, this.#low);
    this.#highFence(level, this.#high);
    whole.copyOf(left);
    const page = this.pool.take();
    const { kind, next, count } = whole;
    const isLeaf = kind === leafKind;
    left.create(left.page, kind, separator.bytes, sharedPrefix(this.#low, separator), isLeaf ? page : noPage);
    left.append(whole, 0, at);
    right.create(page, kind, separator.bytes, sharedPrefix(separator, this.#high), next);
    if (isLeaf) right.append(whole, at, count);
    else {
      this.#adoptChild(right, noBytes, 0, whole, at);
      this.#forgetLongKey(whole, at); // It is in `separator`, and goes to the parent.
      right.append(whole, at + 1, count);
    }
    return page;
  }

  /** Appends the child at `position` of `source` to `to`, under another key. */
  #adoptChild(to: SlottedPage, key: Bytes, keyLength: number, source: SlottedPage, position: number): void {
    const read = source.entryAt(position) >>> 2;
    // A page just written has no garbage, so nothing is swept: the page lent as scratch stays as it is.
    const entry = to.insert(to.count, key, keyLength, 0, to) >>> 2;
    to.chunk.words[entry] = source.chunk.words[read] as number;
    to.chunk.words[entry + 1] = source.chunk.words[read + 1] as number;
  }

  #forgetLongKey(page: SlottedPage, position: number): void {
    const entry = page.entryAt(position);
    const shape = page.shapeOf(entry);
    if (tailsOf(shape) & longTail) this.longKeys.remove(page.chunk.words[page.tailsAt(entry, shape)] as number);
  }

  #raiseRoot(): void {
    const root = this.#node;
    root.open(this.root);
    const live = liveKeysOf(root);
    const page = this.pool.take();
    root.create(page, innerKind, noBytes, 0, noPage);
    const entry = root.insert(0, noBytes, 0, 0, root) >>> 2;
    root.chunk.words[entry] = this.root;
    root.chunk.words[entry + 1] = live;
    this.root = page;
    this.height++;
  }

  #settle(level: number): void {
    if (level === 0) {
      this.#lowerRoot();
      return;
    }
    this.#node.open(level === this.height ? this.leaf.page : (this.#trailPages[level] as number));
    if (this.#node.usedBytes >= sparseBytes) return;
    this.#parent.open(this.#trailPages[level - 1] as number);
    const index = this.#trailIndexes[level - 1] as number;
    const joined =
      (index + 1 < this.#parent.count && this.#join(level, index)) || (index > 0 && this.#join(level, index - 1));
    if (joined) this.#settle(level - 1);
  }

  /** A root with one child is no use: the child becomes the root. */
  #lowerRoot(): void {
    const root = this.#node;
    for (root.open(this.root); this.height > 0 && root.count === 1; root.open(this.root)) {
      const child = root.chunk.words[root.entryAt(0) >>> 2] as number;
      this.pool.give(this.root);
      this.root = child;
      this.height--;
    }
  }

  /** Moves all of the page right of child `index` into that child, if it fits there. */
  #join(level: number, index: number): boolean {
    const parent = this.#parent;
    const left = this.#node;
    const right = this.#other;
    this.#trailIndexes[level - 1] = index;
    this.#lowFence(level, this.#low);
    this.#trailIndexes[level - 1] = index + 1;
    this.#highFence(level, this.#high);
    const prefixLength = sharedPrefix(this.#low, this.#high);
    const leftEntry = parent.entryAt(index) >>> 2;
    const rightEntry = parent.entryAt(index + 1) >>> 2;
    const { words } = parent.chunk;
    left.open(words[leftEntry] as number);
    right.open(words[rightEntry] as number);
    const isLeaf = left.kind === leafKind;
    if (!isLeaf) parent.keyInto(index + 1, this.#separator);
    const moved = isLeaf ? 0 : 1;
    const need =
      left.bytesWith(prefixLength, 0, left.count) +
      right.bytesWith(prefixLength, moved, right.count) +
      (isLeaf ? 0 : left.needFor(this.#separator.length, 0, prefixLength));
    if (need + ((prefixLength + 3) & ~3) > pageCapacity) return false;

    const whole = this.#scratch;
    whole.copyOf(left);
    left.create(left.page, whole.kind, this.#low.bytes, prefixLength, right.next);
    left.append(whole, 0, whole.count);
    if (!isLeaf) this.#adoptChild(left, this.#separator.bytes, this.#separator.length, right, 0);
    left.append(right, moved, right.count);
    words[leftEntry + 1] = (words[leftEntry + 1] as number) + (words[rightEntry + 1] as number);
    parent.remove(index + 1);
    this.pool.give(right.page);
    return true;
  }
}

/** The position that leaves half of the bytes on each side. */
function halfOf(page: SlottedPage): number {
  const last = page.count - 1;
  const half = page.usedBytes / 2;
  let bytes = 0;
  for (let position = 0; position < last; position++) {
    bytes += page.bytesWith(page.prefixLength, position, position + 1);
    if (bytes >= half) return position + 1;
  }
  return last;
}

/** Live keys of a page and all below it. */
function liveKeysOf(page: SlottedPage): number {
  return page.kind === leafKind ? livingEntries(page, page.count) : liveChildren(page, page.count);
}

/** Live keys among the first `count` entries of a leaf. */
function livingEntries(page: SlottedPage, count: number): number {
  let live = 0;
  for (let position = 0; position < count; position++) {
    const word = page.chunk.words[(page.entryAt(position) >>> 2) + 1] as number;
    if (word < deadBit) live++;
  }
  return live;
}

/** Live keys below the first `count` children of an inner page. */
function liveChildren(page: SlottedPage, count: number): number {
  let live = 0;
  for (let index = 0; index < count; index++) live += page.chunk.words[(page.entryAt(index) >>> 2) + 1] as number;
  return live;
}
