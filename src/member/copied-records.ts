/** Records one behind the other in one piece of memory: leases may be many, and none is worth an object. */
import type { Bytes } from '../base/bytes.js';

const headBytes = 8;

export class CopiedRecords {
  #bytes: Bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  /** Where the next one goes; reading from 0 ends here. */
  end = 0;

  add(key: Bytes, value: Bytes): void {
    const wanted = this.end + headBytes + key.length + value.length;
    if (wanted > this.#bytes.length) this.#grow(wanted);
    this.#view.setUint32(this.end, key.length);
    this.#view.setUint32(this.end + 4, value.length);
    this.#bytes.set(key, this.end + headBytes);
    this.#bytes.set(value, this.end + headBytes + key.length);
    this.end = wanted;
  }

  /** Hands on the record at `at`; answers where the next one is. */
  read(at: number, take: (key: Bytes, value: Bytes) => void): number {
    const keyAt = at + headBytes;
    const valueAt = keyAt + this.#view.getUint32(at);
    const next = valueAt + this.#view.getUint32(at + 4);
    take(this.#bytes.subarray(keyAt, valueAt), this.#bytes.subarray(valueAt, next));
    return next;
  }

  #grow(wanted: number): void {
    const larger = new Uint8Array(Math.max(wanted, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.end));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}
