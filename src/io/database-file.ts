/** A bbolt file on this machine, read where it is asked for; what lies in a row is read ahead. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import type { Bytes } from '../base/bytes.js';
import type { BoltSource } from '../wire/bolt/bolt-file.js';
import { BoltFault } from '../wire/bolt/format.js';

const aheadBytes = 256 << 10;

export class DatabaseFile implements BoltSource {
  readonly sizeBytes: number;
  readonly #file: number;
  #window: Bytes = new Uint8Array(aheadBytes);
  #from = 0;
  #to = 0;

  constructor(path: string) {
    this.#file = openSync(path, 'r');
    this.sizeBytes = fstatSync(this.#file).size;
  }

  read(offset: number, length: number): Bytes {
    if (offset < this.#from || offset + length > this.#to) this.#fill(offset, length);
    return this.#window.subarray(offset - this.#from, offset - this.#from + length);
  }

  close(): void {
    closeSync(this.#file);
  }

  /** Who reads right behind the window goes through the file; others get what they ask for. */
  #fill(offset: number, length: number): void {
    const inARow = offset >= this.#from && offset <= this.#to;
    const wanted = Math.min(Math.max(length, inARow ? aheadBytes : 0), this.sizeBytes - offset);
    if (this.#window.length < wanted) this.#window = new Uint8Array(wanted);
    let read = 0;
    while (read < wanted) {
      const count = readSync(this.#file, this.#window, read, wanted - read, offset + read);
      if (count === 0) break;
      read += count;
    }
    this.#from = offset;
    this.#to = offset + read;
    if (read < length) throw new BoltFault(undefined, `the file ends at ${this.#to}, before ${offset + length}`);
  }
}
