/**
 * A set of revisions, one bit each in chunks that exist where something is in them: what a compaction drops may be millions.
 * Nearly all revisions have sub 0; the others get a row of bits for each main.
 */
const chunkBits = 1 << 15;

export class RevisionSet {
  readonly #chunks = new Map<number, Uint32Array>();
  /** By main: which subs above 0. */
  readonly #rows = new Map<number, Uint32Array>();

  add(main: number, sub: number): void {
    if (sub === 0) {
      const number = Math.floor(main / chunkBits);
      let chunk = this.#chunks.get(number);
      if (chunk === undefined) {
        chunk = new Uint32Array(chunkBits / 32);
        this.#chunks.set(number, chunk);
      }
      setBit(chunk, main - number * chunkBits);
      return;
    }
    let row = this.#rows.get(main);
    if (row === undefined || sub >= row.length * 32) {
      const longer = new Uint32Array(Math.max(1, (row?.length ?? 0) * 2, (sub >>> 5) + 1));
      if (row !== undefined) longer.set(row);
      row = longer;
      this.#rows.set(main, row);
    }
    setBit(row, sub);
  }

  has(main: number, sub: number): boolean {
    if (sub > 0) {
      const row = this.#rows.get(main);
      return row !== undefined && sub < row.length * 32 && bit(row, sub);
    }
    const number = Math.floor(main / chunkBits);
    const chunk = this.#chunks.get(number);
    return chunk !== undefined && bit(chunk, main - number * chunkBits);
  }
}

function setBit(bits: Uint32Array, at: number): void {
  bits[at >>> 5] = (bits[at >>> 5] as number) | (1 << (at & 31));
}

function bit(bits: Uint32Array, at: number): boolean {
  return (((bits[at >>> 5] as number) >>> (at & 31)) & 1) === 1;
}
