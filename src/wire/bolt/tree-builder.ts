/**
 * One tree of a bbolt file, built from its entries in their order: a node gets its pages the moment it is full, so what is kept is one
 * open node a level.
 *
 *     level 2                [ a  m ]         the root: it comes last
 *     level 1        [ a  e ]   ...   [ m ]   filled as the leaves below are
 *     leaves      [a b c] [e f]  ...  [m n]
 *
 * The same rules count and write: without an output only sizes are kept, and the pages come out the same. Source of the rules: bbolt's
 * `node.splitIndex` at a fill of 0.9, as etcd's own `key` bucket has it; a node holds at least two entries while there are more to come.
 */
import { type Bytes, noBytes } from '../../base/bytes.js';
import { check } from '../../base/check.js';
import { elementBytes, keyBytesMax, pageFlag, pageHeaderBytes } from './format.js';

const entriesMin = 2;
const fill = 0.9;
/** Keys up to this are copied by hand: quicker than a call. */
const shortBytes = 32;

/** Where finished nodes go, in the order of their pages. */
export interface NodeOutput {
  /** Room for a node of `pages` pages; all zeroes. */
  takePages(pages: number): Bytes;
}

class OpenNode {
  count = 0;
  sizeBytes = pageHeaderBytes;
  /** How many nodes of this level were finished. */
  finished = 0;
  firstKeyBytes = 0;
  keySizes = new Uint32Array(64);
  valueSizes = new Uint32Array(64);
  /** Of a leaf the flags of each entry, of a branch its page. */
  marks = new Float64Array(64);
  /** Keys and values, one after the other. */
  data: Bytes = noBytes;
  dataBytes = 0;

  roomForElement(): void {
    if (this.count < this.keySizes.length) return;
    const wider = <T extends Uint32Array | Float64Array>(array: T, into: T): T => {
      into.set(array);
      return into;
    };
    this.keySizes = wider(this.keySizes, new Uint32Array(2 * this.count));
    this.valueSizes = wider(this.valueSizes, new Uint32Array(2 * this.count));
    this.marks = wider(this.marks, new Float64Array(2 * this.count));
  }

  roomForData(bytes: number): void {
    const wanted = this.dataBytes + bytes;
    if (wanted <= this.data.length) return;
    const larger = new Uint8Array(Math.max(wanted, 2 * this.data.length, 4096));
    larger.set(this.data.subarray(0, this.dataBytes));
    this.data = larger;
  }

  clear(): void {
    this.count = 0;
    this.sizeBytes = pageHeaderBytes;
    this.firstKeyBytes = 0;
    this.dataBytes = 0;
    // One great value does not hold its memory for all that comes.
    if (this.data.length > 1 << 20) this.data = noBytes;
  }
}

export class TreeBuilder {
  readonly #pageBytes: number;
  readonly #threshold: number;
  readonly #output: NodeOutput | undefined;
  readonly #levels: OpenNode[] = [];
  #leaf: OpenNode;
  /** The next page that is free. */
  nextPage: number;

  constructor(pageBytes: number, firstPage: number, output: NodeOutput | undefined) {
    this.#pageBytes = pageBytes;
    this.#threshold = Math.floor(pageBytes * fill);
    this.#output = output;
    this.nextPage = firstPage;
    this.#leaf = this.#level(0);
  }

  /** Counts an entry. */
  count(keyBytes: number, valueBytes: number): void {
    check(keyBytes > 0 && keyBytes <= keyBytesMax, 'a key of a bucket has 1 to 32768 bytes');
    this.#reserve(0, keyBytes, elementBytes + keyBytes + valueBytes);
  }

  /** Counts and keeps an entry. `flags` is `bucketFlag` for a bucket. */
  add(key: Bytes, value: Bytes, flags: number): void {
    const keyBytes = key.length;
    const valueBytes = value.length;
    this.count(keyBytes, valueBytes);
    const leaf = this.#leaf;
    const at = leaf.count - 1;
    leaf.keySizes[at] = keyBytes;
    leaf.valueSizes[at] = valueBytes;
    leaf.marks[at] = flags;
    leaf.roomForData(keyBytes + valueBytes);
    copyShort(key, keyBytes, leaf.data, leaf.dataBytes);
    leaf.data.set(value, leaf.dataBytes + keyBytes);
    leaf.dataBytes += keyBytes + valueBytes;
  }

  /** The size of the tree as one page, when it is one leaf of at most `maxBytes`. */
  onlyLeafBytes(maxBytes: number): number | undefined {
    const leaf = this.#leaf;
    return leaf.finished === 0 && leaf.sizeBytes <= maxBytes ? leaf.sizeBytes : undefined;
  }

  /** Writes the only leaf into `page` instead of pages of its own, and begins a new tree. */
  finishInline(page: Bytes): void {
    if (this.#output !== undefined) writeNode(page, 0, 0, this.#leaf, true);
    this.#leaf.clear();
  }

  /** Finishes all nodes; answers the page of the root, and begins a new tree. */
  finish(): number {
    for (let level = 0; ; level++) {
      const node = this.#level(level);
      if (node.finished === 0) {
        const root = this.#finishNode(level, node);
        for (const each of this.#levels) each.finished = 0;
        return root;
      }
      this.#fill(level, node);
    }
  }

  #level(level: number): OpenNode {
    const node = this.#levels[level];
    if (node !== undefined) return node;
    const added = new OpenNode();
    this.#levels.push(added);
    return added;
  }

  /** Makes place for an entry in the open node of a level, or in the next one when it is full. */
  #reserve(level: number, keyBytes: number, sizeBytes: number): void {
    const node = level === 0 ? this.#leaf : this.#level(level);
    if (node.count >= entriesMin && node.sizeBytes + sizeBytes > this.#threshold) this.#fill(level, node);
    if (node.count === 0) node.firstKeyBytes = keyBytes;
    node.roomForElement();
    node.count++;
    node.sizeBytes += sizeBytes;
  }

  /** Finishes a node that is not the root, and enters it in the level above. */
  #fill(level: number, node: OpenNode): void {
    const keyBytes = node.firstKeyBytes;
    const firstKey = this.#output === undefined ? noBytes : node.data.slice(0, keyBytes);
    const page = this.#finishNode(level, node);
    this.#reserve(level + 1, keyBytes, elementBytes + keyBytes);
    if (this.#output === undefined) return;
    const above = this.#level(level + 1);
    const at = above.count - 1;
    above.keySizes[at] = keyBytes;
    above.valueSizes[at] = 0;
    above.marks[at] = page;
    above.roomForData(keyBytes);
    above.data.set(firstKey, above.dataBytes);
    above.dataBytes += keyBytes;
  }

  #finishNode(level: number, node: OpenNode): number {
    const page = this.nextPage;
    const pages = Math.max(1, Math.ceil(node.sizeBytes / this.#pageBytes));
    if (this.#output !== undefined) writeNode(this.#output.takePages(pages), page, pages - 1, node, level === 0);
    this.nextPage += pages;
    node.finished++;
    node.clear();
    return page;
  }
}

function writeNode(into: Bytes, page: number, overflow: number, node: OpenNode, isLeaf: boolean): void {
  const { count, keySizes, valueSizes, marks } = node;
  const view = new DataView(into.buffer, into.byteOffset, into.length);
  setUint64(view, 0, page);
  view.setUint16(8, isLeaf ? pageFlag.leaf : pageFlag.branch, true);
  view.setUint16(10, count, true);
  view.setUint32(12, overflow, true);
  let at = pageHeaderBytes;
  let data = pageHeaderBytes + count * elementBytes;
  const dataStart = data;
  for (let i = 0; i < count; i++) {
    const keyBytes = keySizes[i] as number;
    const valueBytes = valueSizes[i] as number;
    if (isLeaf) {
      view.setUint32(at, marks[i] as number, true);
      view.setUint32(at + 4, data - at, true);
      view.setUint32(at + 8, keyBytes, true);
      view.setUint32(at + 12, valueBytes, true);
    } else {
      view.setUint32(at, data - at, true);
      view.setUint32(at + 4, keyBytes, true);
      setUint64(view, at + 8, marks[i] as number);
    }
    at += elementBytes;
    data += keyBytes + valueBytes;
  }
  into.set(node.data.subarray(0, node.dataBytes), dataStart);
}

function setUint64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 0x1_0000_0000, true);
  view.setUint32(at + 4, Math.floor(value / 0x1_0000_0000), true);
}

function copyShort(from: Bytes, length: number, into: Bytes, at: number): void {
  if (length > shortBytes) into.set(from, at);
  else for (let i = 0; i < length; i++) into[at + i] = from[i] as number;
}
