/** Counts the key-values in a range's answer, which may come in parts: nothing of it is held. */
import type { Bytes } from '../../base/bytes.js';

const keyValuesTag = 0x12;
const lengthDelimited = 2;

export class KeyCounter {
  keys = 0;
  /** What is being read: a field's tag, a number that it is, or the length of what it holds. */
  #reading: 'tag' | 'number' | 'length' = 'tag';
  #tag = 0;
  #value = 0;
  #scale = 1;
  #skipBytes = 0;

  reset(): void {
    this.keys = this.#value = this.#skipBytes = 0;
    this.#scale = 1;
    this.#reading = 'tag';
  }

  add(bytes: Bytes, start: number, end: number): void {
    let at = start;
    while (at < end) {
      const skipped = Math.min(this.#skipBytes, end - at);
      at += skipped;
      this.#skipBytes -= skipped;
      if (at < end) this.#byte(bytes[at++] as number);
    }
  }

  /** One byte of a base-128 number. */
  #byte(byte: number): void {
    this.#value += (byte & 0x7f) * this.#scale;
    this.#scale *= 128;
    if (byte >= 0x80) return;
    this.#number(this.#value);
    this.#value = 0;
    this.#scale = 1;
  }

  #number(value: number): void {
    if (this.#reading === 'tag') {
      this.#tag = value;
      this.#reading = value % 8 === lengthDelimited ? 'length' : 'number';
      return;
    }
    if (this.#reading === 'length') {
      this.#skipBytes = value;
      if (this.#tag === keyValuesTag) this.keys++;
    }
    this.#reading = 'tag';
  }
}
