/**
 * Where the blocks of one segment are: 24 bytes a block in typed arrays, found by halving.
 *
 *     packed   first main 8 | first sub 4 | offset 4 | rows before it 4 | 1 when dense 4
 */
import type { Bytes } from '../../base/bytes.js';

export const packedEntryBytes = 24;

export class BlockIndex {
  count = 0;
  #mains = new Float64Array(16);
  #subs = new Uint32Array(16);
  #offsets = new Uint32Array(16);
  #rowsBefore = new Uint32Array(16);
  #dense = new Uint8Array(16);

  add(main: number, sub: number, offset: number, rowsBefore: number, dense: boolean): void {
    if (this.count === this.#mains.length) this.#grow();
    const at = this.count++;
    this.#mains[at] = main;
    this.#subs[at] = sub;
    this.#offsets[at] = offset;
    this.#rowsBefore[at] = rowsBefore;
    this.#dense[at] = dense ? 1 : 0;
  }

  mainOf(block: number): number {
    return this.#mains[block] as number;
  }

  subOf(block: number): number {
    return this.#subs[block] as number;
  }

  offsetOf(block: number): number {
    return this.#offsets[block] as number;
  }

  rowsBefore(block: number): number {
    return this.#rowsBefore[block] as number;
  }

  isDense(block: number): boolean {
    return this.#dense[block] === 1;
  }

  /** The last block that begins at or before (main, sub); -1 when all begin after it. */
  find(main: number, sub: number): number {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const here = this.#mains[middle] as number;
      if (here < main || (here === main && (this.#subs[middle] as number) <= sub)) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Blocks [from, to) as bytes. */
  pack(from: number, to: number): Bytes {
    const packed = new Uint8Array((to - from) * packedEntryBytes);
    const view = new DataView(packed.buffer);
    for (let block = from, at = 0; block < to; block++, at += packedEntryBytes) {
      view.setFloat64(at, this.mainOf(block), true);
      view.setUint32(at + 8, this.subOf(block), true);
      view.setUint32(at + 12, this.offsetOf(block), true);
      view.setUint32(at + 16, this.rowsBefore(block), true);
      view.setUint32(at + 20, this.#dense[block] as number, true);
    }
    return packed;
  }

  unpack(packed: Bytes): void {
    const view = new DataView(packed.buffer, packed.byteOffset, packed.length);
    for (let at = 0; at < packed.length; at += packedEntryBytes) {
      const dense = view.getUint32(at + 20, true) === 1;
      const rowsBefore = view.getUint32(at + 16, true);
      this.add(
        view.getFloat64(at, true),
        view.getUint32(at + 8, true),
        view.getUint32(at + 12, true),
        rowsBefore,
        dense,
      );
    }
  }

  #grow(): void {
    const size = 2 * this.#mains.length;
    const mains = new Float64Array(size);
    mains.set(this.#mains);
    this.#mains = mains;
    this.#subs = grown(this.#subs, size);
    this.#offsets = grown(this.#offsets, size);
    this.#rowsBefore = grown(this.#rowsBefore, size);
    const dense = new Uint8Array(size);
    dense.set(this.#dense);
    this.#dense = dense;
  }
}

function grown(words: Uint32Array<ArrayBuffer>, size: number): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(size);
  larger.set(words);
  return larger;
}
