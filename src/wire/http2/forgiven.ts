/** Streams we have reset lately: what the peer sent on them before it could know is no error of its. */
export class Forgiven {
  readonly #ids: number[] = [];
  #next = 0;

  constructor(readonly idsMax = 128) {}

  add(id: number): void {
    this.#ids[this.#next] = id;
    this.#next = (this.#next + 1) % this.idsMax;
  }

  has(id: number): boolean {
    return this.#ids.includes(id);
  }
}
