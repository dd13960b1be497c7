/** A window onto one page of a bbolt file, its elements checked as they are looked at: whatever the bytes say, nothing is read outside it. */
import type { Bytes } from '../../base/bytes.js';
import { BoltFault, elementBytes, keyBytesMax, pageFlag, pageHeaderBytes } from './format.js';

export class BoltPage {
  bytes: Bytes = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #start = 0;
  #end = 0;
  id = 0;
  isLeaf = false;
  count = 0;
  /** Of the element at hand. */
  flags = 0;
  child = 0;
  keyStart = 0;
  keyEnd = 0;
  valueEnd = 0;

  /** Opens the page whose bytes are [start, end), its overflow included. `id` is for what is said of faults: an inline page has none. */
  open(bytes: Bytes, start: number, end: number, id: number): void {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#start = start;
    this.#end = end;
    this.id = id;
    if (start + pageHeaderBytes > end) throw new BoltFault(id, 'shorter than its header');
    const flags = this.#view.getUint16(start + 8, true);
    if (flags !== pageFlag.leaf && flags !== pageFlag.branch) {
      throw new BoltFault(id, `invalid type: ${typeName(flags)}`);
    }
    this.isLeaf = flags === pageFlag.leaf;
    this.count = this.#view.getUint16(start + 10, true);
    if (start + pageHeaderBytes + this.count * elementBytes > end) {
      throw new BoltFault(id, `${this.count} elements do not fit`);
    }
    if (!this.isLeaf && this.count === 0) throw new BoltFault(id, 'a branch without elements');
  }

  /** Looks at one element. The value begins where the key ends. */
  element(index: number): void {
    const view = this.#view;
    const at = this.#start + pageHeaderBytes + index * elementBytes;
    const positionAt = this.isLeaf ? at + 4 : at;
    const keyStart = at + view.getUint32(positionAt, true);
    const keyBytes = view.getUint32(positionAt + 4, true);
    const valueBytes = this.isLeaf ? view.getUint32(at + 12, true) : 0;
    if (keyBytes === 0 || keyBytes > keyBytesMax) throw new BoltFault(this.id, `a key of ${keyBytes} bytes`);
    if (keyStart + keyBytes + valueBytes > this.#end) throw new BoltFault(this.id, `element ${index} ends outside`);
    this.keyStart = keyStart;
    this.keyEnd = keyStart + keyBytes;
    this.valueEnd = this.keyEnd + valueBytes;
    this.flags = this.isLeaf ? view.getUint32(at, true) : 0;
    this.child = this.isLeaf ? 0 : view.getUint32(at + 8, true) + view.getUint32(at + 12, true) * 0x1_0000_0000;
  }
}

function typeName(flags: number): string {
  if (flags === pageFlag.meta) return 'meta';
  if (flags === pageFlag.freelist) return 'freelist';
  return `unknown<${flags.toString(16).padStart(2, '0')}>`;
}
