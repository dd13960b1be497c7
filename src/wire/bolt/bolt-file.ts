/**
 * Reads a bbolt file: its newest valid meta, its buckets, and their entries in key order.
 *
 * Nothing in the file is believed: each field is checked against the page, each page against the file, and keys must rise, within a page,
 * across pages and below the keys of the branches above. That rules out loops and pages used twice, so a walk ends. What breaks a rule
 * is thrown as a `BoltFault` that names the page.
 */
import { type Bytes, compareBytes, noBytes } from '../../base/bytes.js';
import { BoltPage } from './bolt-page.js';
import { BoltFault, bucketFlag, bucketHeaderBytes, type Meta, pageHeaderBytes, readMeta } from './format.js';

/** Where the file's bytes come from. */
export interface BoltSource {
  readonly sizeBytes: number;
  /** Exactly these bytes, which lie within the file; valid until the next read. */
  read(offset: number, length: number): Bytes;
}

const metaPages = 2;
const pageBytesMin = 1024;
const pageBytesMax = 64 * 1024;
/** A tree of 2^63 pages, two to a branch, is not deeper. */
const depthMax = 64;
/** No page of etcd's is near as long: its two values would have to be longer than any message may be. */
const nodeBytesMax = 1 << 30;

export class BoltFile {
  readonly meta: Meta;
  readonly #source: BoltSource;

  constructor(source: BoltSource) {
    this.#source = source;
    this.meta = newestMeta(source);
    const { highWater, pageBytes, root } = this.meta;
    if (highWater * pageBytes > source.sizeBytes) {
      throw new BoltFault(undefined, `the file ends at ${source.sizeBytes} of ${highWater * pageBytes} bytes`);
    }
    if (root < metaPages || root >= highWater) throw new BoltFault(undefined, `no page ${root} for the root`);
  }

  /** The length that bbolt speaks of: pages in use, whatever the file has behind them. */
  get sizeBytes(): number {
    return this.meta.highWater * this.meta.pageBytes;
  }

  /** All buckets, by name. */
  buckets(): BoltCursor {
    return new BoltCursor(this, this.meta.root, undefined);
  }

  /** The entries of a bucket at the root; undefined when there is none of that name. */
  bucket(name: Bytes): BoltCursor | undefined {
    const cursor = this.buckets();
    while (cursor.next()) {
      const order = compareBytes(cursor.key(), name);
      if (order === 0) return cursor.isBucket ? cursor.open() : undefined;
      if (order > 0) return undefined;
    }
    return undefined;
  }

  /** Opens a page with its overflow; the bytes are valid until the next. */
  readPage(id: number, into: BoltPage): void {
    const { highWater, pageBytes } = this.meta;
    if (id < metaPages || id >= highWater) throw new BoltFault(id, `out of bounds: ${highWater}`);
    const offset = id * pageBytes;
    const first = this.#source.read(offset, pageBytes);
    const view = new DataView(first.buffer, first.byteOffset, pageHeaderBytes);
    if (view.getUint32(0, true) + view.getUint32(4, true) * 0x1_0000_0000 !== id) {
      throw new BoltFault(id, `says that it is page ${view.getBigUint64(0, true)}`);
    }
    const overflow = view.getUint32(12, true);
    const length = (1 + overflow) * pageBytes;
    if (id + overflow >= highWater || length > nodeBytesMax) throw new BoltFault(id, `overflows by ${overflow} pages`);
    into.open(overflow === 0 ? first : this.#source.read(offset, length), 0, length, id);
  }
}

/** A branch on the way to the leaf at hand. */
interface Step {
  readonly page: BoltPage;
  at: number;
  /** Keys below must be less than this one; undefined at the right edge. */
  readonly bound: Bytes | undefined;
}

/** Walks the entries of one tree in the order of their keys. */
export class BoltCursor {
  readonly #file: BoltFile;
  readonly #root: number;
  readonly #path: Step[] = [];
  readonly #leaf = new BoltPage();
  #leafBound: Bytes | undefined;
  #kept: Bytes | undefined;
  #at = -1;
  #opened = false;
  #ended = false;
  /** The key before, of which only the first `#lastBytes` bytes count. */
  #last: Bytes = new Uint8Array(64);
  #lastBytes = 0;

  /** `inline`: the only page of a bucket that has none of its own. */
  constructor(file: BoltFile, root: number, inline: { readonly bytes: Bytes; readonly page: number } | undefined) {
    this.#file = file;
    this.#root = root;
    if (inline === undefined) return;
    this.#opened = true;
    this.#leaf.open(inline.bytes, 0, inline.bytes.length, inline.page);
    if (!this.#leaf.isLeaf) throw new BoltFault(inline.page, 'an inline bucket that is no leaf');
  }

  /** Goes on to the next entry; false when there is none. What was read of the one before is no longer valid. */
  next(): boolean {
    if (this.#ended) return false;
    if (this.#opened) this.#at++;
    else this.#descend(this.#root, noBytes, undefined);
    this.#opened = true;
    if (this.#at >= this.#leaf.count && !this.#nextLeaf()) {
      this.#ended = true;
      return false;
    }
    this.#leaf.element(this.#at);
    this.#checkOrder();
    return true;
  }

  get isBucket(): boolean {
    return (this.#leaf.flags & bucketFlag) !== 0;
  }

  /** Where the entry is, without a view of it: the key is `bytes[keyStart, keyEnd)`, the value follows up to `valueEnd`. */
  get page(): BoltPage {
    return this.#leaf;
  }

  key(): Bytes {
    const { bytes, keyStart, keyEnd } = this.#leaf;
    return bytes.subarray(keyStart, keyEnd);
  }

  value(): Bytes {
    const { bytes, keyEnd, valueEnd } = this.#leaf;
    return bytes.subarray(keyEnd, valueEnd);
  }

  /** The entries of the bucket at hand; this cursor goes on behind it, whatever is read of them. */
  open(): BoltCursor {
    this.#keepLeaf();
    const value = this.value();
    const { id } = this.#leaf;
    if (!this.isBucket || value.length < bucketHeaderBytes) throw new BoltFault(id, 'a bucket without its header');
    const view = new DataView(value.buffer, value.byteOffset, bucketHeaderBytes);
    const root = view.getUint32(0, true) + view.getUint32(4, true) * 0x1_0000_0000;
    if (root !== 0) return new BoltCursor(this.#file, root, undefined);
    return new BoltCursor(this.#file, 0, { bytes: value.slice(bucketHeaderBytes), page: id });
  }

  /** The page's bytes are good until another one is read; a copy stays. */
  #keepLeaf(): void {
    const { bytes, id } = this.#leaf;
    if (bytes === this.#kept) return;
    this.#kept = bytes.slice();
    this.#leaf.open(this.#kept, 0, this.#kept.length, id);
    this.#leaf.element(this.#at);
  }

  #nextLeaf(): boolean {
    for (let step = this.#path.at(-1); step !== undefined; step = this.#path.at(-1)) {
      step.at++;
      if (step.at < step.page.count) {
        this.#descendFrom(step);
        return true;
      }
      this.#path.pop();
    }
    return false;
  }

  #descendFrom(step: Step): void {
    const { page, at } = step;
    let bound = step.bound;
    if (at + 1 < page.count) {
      page.element(at + 1);
      bound = page.bytes.subarray(page.keyStart, page.keyEnd);
    }
    page.element(at);
    const first = page.bytes.subarray(page.keyStart, page.keyEnd);
    if (bound !== undefined && compareBytes(first, bound) >= 0) throw new BoltFault(page.id, 'its keys do not rise');
    this.#descend(page.child, first, bound);
  }

  /** Down to the leftmost leaf below `id`, whose keys are to be in [first, bound). */
  #descend(id: number, first: Bytes, bound: Bytes | undefined): void {
    if (this.#path.length >= depthMax) throw new BoltFault(id, 'deeper than any tree');
    this.#file.readPage(id, this.#leaf);
    this.#at = 0;
    const page = this.#leaf;
    if (page.isLeaf) {
      if (page.count === 0 && this.#path.length > 0) throw new BoltFault(id, 'a leaf without elements');
      this.#leafBound = bound;
      if (page.count > 0) this.#checkFirst(page, first);
      return;
    }
    const branch = new BoltPage();
    const bytes = page.bytes.slice();
    branch.open(bytes, 0, bytes.length, id);
    this.#checkFirst(branch, first);
    const step = { page: branch, at: 0, bound };
    this.#path.push(step);
    this.#descendFrom(step);
  }

  /** A branch's key may be lower than the first below it, never higher. */
  #checkFirst(page: BoltPage, least: Bytes): void {
    page.element(0);
    if (compareBytes(page.bytes.subarray(page.keyStart, page.keyEnd), least) < 0) {
      throw new BoltFault(page.id, 'its first key is below the one its parent has for it');
    }
  }

  #checkOrder(): void {
    const { bytes, keyStart, keyEnd, id } = this.#leaf;
    const length = keyEnd - keyStart;
    const last = this.#last;
    const shared = Math.min(length, this.#lastBytes);
    let i = 0;
    while (i < shared && bytes[keyStart + i] === last[i]) i++;
    const rises = i < shared ? (bytes[keyStart + i] as number) > (last[i] as number) : length > this.#lastBytes;
    if (!rises) throw new BoltFault(id, 'its keys do not rise');
    if (
      this.#at === this.#leaf.count - 1 &&
      this.#leafBound !== undefined &&
      compareBytes(this.key(), this.#leafBound) >= 0
    ) {
      throw new BoltFault(id, 'its last key is not below the next of its parent');
    }
    if (length > last.length) this.#last = new Uint8Array(2 * length);
    const kept = this.#last;
    for (let at = length > last.length ? 0 : i; at < length; at++) kept[at] = bytes[keyStart + at] as number;
    this.#lastBytes = length;
  }
}

/** The valid meta of the higher number. Where the first is damaged, the second is looked for at every page size there is. */
function newestMeta(source: BoltSource): Meta {
  const found: Meta[] = [];
  const faults: string[] = [];
  const look = (offset: number): Meta | undefined => {
    if (offset + pageBytesMin > source.sizeBytes) return undefined;
    const meta = readMeta(source.read(offset, pageBytesMin), pageHeaderBytes);
    if (typeof meta === 'string') faults.push(meta);
    else if (isPageSize(meta.pageBytes)) found.push(meta);
    return typeof meta === 'string' ? undefined : meta;
  };
  const first = look(0);
  if (first !== undefined) look(first.pageBytes);
  else for (let bytes = pageBytesMin; bytes <= pageBytesMax && found.length === 0; bytes *= 2) look(bytes);
  const newest = found.sort((a, b) => (a.txid > b.txid ? -1 : 1))[0];
  if (newest !== undefined) return newest;
  throw new BoltFault(undefined, faults.find((fault) => fault !== 'invalid database') ?? 'invalid database');
}

function isPageSize(bytes: number): boolean {
  return bytes >= pageBytesMin && bytes <= pageBytesMax && (bytes & (bytes - 1)) === 0;
}
