/**
 * Writes a bbolt file from its front to its end in one stream: the entries pass by twice, in the same order.
 *
 *     const plan = new BoltPlan();      plan.begin(name); plan.count(...)...    sizes alone: how long the file is, where its root
 *     const writer = new BoltWriter(plan.end());
 *     writer.begin(name); writer.add(key, value)...; writer.end();              pages, in the order of the file
 *
 * Buckets come in the order of their names, keys in theirs; a bucket that fits into a quarter of a page is inline, as bbolt makes it.
 */
import { type Bytes, noBytes } from '../../base/bytes.js';
import { check } from '../../base/check.js';
import { bucketFlag, bucketHeaderBytes, writeMeta } from './format.js';
import { type NodeOutput, TreeBuilder } from './tree-builder.js';

export const defaultPageBytes = 4096;
const metaPages = 2;
/** The newest meta has an even number and is the first page, where bbolt would have written it. */
const txid = 2n;

export interface BoltLayout {
  readonly pageBytes: number;
  readonly pages: number;
  readonly root: number;
  readonly sizeBytes: number;
}

interface Bucket {
  readonly name: Bytes;
  /** As it stands in the tree of buckets. */
  readonly value: Bytes;
}

/** What planning and writing share: which bucket is open, and what is known of those that are done. */
class Buckets {
  readonly tree: TreeBuilder;
  readonly #inlineBytesMax: number;
  readonly #done: Bucket[] = [];
  #open: Bytes | undefined;

  constructor(pageBytes: number, output: NodeOutput | undefined) {
    this.tree = new TreeBuilder(pageBytes, metaPages, output);
    this.#inlineBytesMax = pageBytes / 4;
  }

  begin(name: Bytes): void {
    this.finishOpen();
    this.#open = name;
  }

  finishOpen(): void {
    const name = this.#open;
    if (name === undefined) return;
    this.#open = undefined;
    const inlineBytes = this.tree.onlyLeafBytes(this.#inlineBytesMax);
    const value = new Uint8Array(bucketHeaderBytes + (inlineBytes ?? 0));
    if (inlineBytes !== undefined) this.tree.finishInline(value.subarray(bucketHeaderBytes));
    else new DataView(value.buffer).setBigUint64(0, BigInt(this.tree.finish()), true);
    this.#done.push({ name, value });
  }

  /** Enters all buckets in the tree at the root; answers its page. */
  finish(enter: (bucket: Bucket) => void): number {
    this.finishOpen();
    for (const bucket of this.#done) enter(bucket);
    return this.tree.finish();
  }
}

export class BoltPlan {
  readonly #buckets: Buckets;
  readonly #pageBytes: number;

  constructor(pageBytes = defaultPageBytes) {
    this.#pageBytes = pageBytes;
    this.#buckets = new Buckets(pageBytes, undefined);
  }

  begin(name: Bytes): void {
    this.#buckets.begin(name);
  }

  count(keyBytes: number, valueBytes: number): void {
    this.#buckets.tree.count(keyBytes, valueBytes);
  }

  end(): BoltLayout {
    const { tree } = this.#buckets;
    const root = this.#buckets.finish(({ name, value }) => tree.count(name.length, value.length));
    return { pageBytes: this.#pageBytes, pages: tree.nextPage, root, sizeBytes: tree.nextPage * this.#pageBytes };
  }
}

export class BoltWriter implements NodeOutput {
  readonly #layout: BoltLayout;
  readonly #buckets: Buckets;
  readonly #pieceBytes: number;
  #piece: Bytes = noBytes;
  #used = 0;
  readonly #full: Bytes[] = [];
  /** Bytes ready to be taken. */
  readyBytes = 0;

  /** `pieceBytes`: what `take` mostly answers; a multiple of the page size. */
  constructor(layout: BoltLayout, pieceBytes = 64 * 1024) {
    this.#layout = layout;
    this.#pieceBytes = Math.max(pieceBytes, metaPages * layout.pageBytes);
    this.#buckets = new Buckets(layout.pageBytes, this);
    const { pageBytes, root, pages } = layout;
    for (const id of [0, 1])
      writeMeta(this.takePages(1), id, { pageBytes, root, highWater: pages, txid: txid - BigInt(id) });
  }

  begin(name: Bytes): void {
    this.#buckets.begin(name);
  }

  add(key: Bytes, value: Bytes): void {
    this.#buckets.tree.add(key, value, 0);
  }

  end(): void {
    const { tree } = this.#buckets;
    const root = this.#buckets.finish(({ name, value }) => tree.add(name, value, bucketFlag));
    const { pages } = this.#layout;
    check(root === this.#layout.root && tree.nextPage === pages, 'a file is written as it was planned');
    this.#seal();
  }

  /** The next piece of the file; undefined when there is none yet, or no more. The caller keeps it. */
  take(): Bytes | undefined {
    const piece = this.#full.shift();
    if (piece !== undefined) this.readyBytes -= piece.length;
    return piece;
  }

  takePages(pages: number): Bytes {
    const bytes = pages * this.#layout.pageBytes;
    if (this.#used + bytes > this.#piece.length) {
      this.#seal();
      this.#piece = new Uint8Array(Math.max(bytes, this.#pieceBytes));
    }
    const taken = this.#piece.subarray(this.#used, this.#used + bytes);
    this.#used += bytes;
    return taken;
  }

  #seal(): void {
    if (this.#used === 0) return;
    this.#full.push(this.#used === this.#piece.length ? this.#piece : this.#piece.subarray(0, this.#used));
    this.readyBytes += this.#used;
    this.#piece = noBytes;
    this.#used = 0;
  }
}
