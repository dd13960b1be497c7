/**
 * HPACK, writing side. Source: RFC 7541.
 *
 * Fields that come again are put in the peer's table, and never pushed out again: what no longer fits is written in
 * full. So an index once given stays good, but for the shift that each new entry brings, and a block made earlier may be
 * sent again as long as `generation` is the same. Text is never Huffman-coded: it would save bytes that nobody pays for.
 */
import { type Bytes, noBytes } from '../../base/bytes.js';
import { fieldOverheadBytes, staticCount, staticIndex } from './header-field.js';
import { headerTableBytesDefault } from './protocol.js';

export interface Header {
  readonly name: string;
  readonly value: string;
  /** `passing` fields differ from call to call, so they never enter the table. `secret` ones must not, on any hop. */
  readonly index?: 'repeated' | 'passing' | 'secret';
}

export class HpackEncoder {
  /** Grows with each change of the table: what was encoded under another number must be encoded anew. */
  generation = 0;
  readonly #inserted = new Map<string, number>();
  #insertions = 0;
  #freeBytes = headerTableBytesDefault;
  #sizeUpdate = -1;

  #bytes: Bytes = new Uint8Array(256);
  #length = 0;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. A smaller table than the default is not worth using, so it is given up. */
  limitTable(tableBytesMax: number): void {
    if (tableBytesMax >= headerTableBytesDefault || this.#freeBytes < 0) return;
    this.#inserted.clear();
    this.#freeBytes = -1;
    this.#sizeUpdate = 0;
    this.generation++;
  }

  /** Fields to insert change the table, so the answer must be sent before anything encoded later. */
  encode(headers: readonly Header[]): Bytes {
    this.#length = 0;
    if (this.#sizeUpdate >= 0) {
      this.#integer(0x20, 0x1f, this.#sizeUpdate);
      this.#sizeUpdate = -1;
      this.generation++;
    }
    for (const header of headers) this.#header(header);
    return this.#bytes.slice(0, this.#length);
  }

  #header({ name, value, index = 'repeated' }: Header) {
    const whole = `${name}\0${value}`;
    const fixed = staticIndex.get(whole);
    if (fixed !== undefined) return this.#integer(0x80, 0x7f, fixed);
    const inserted = this.#inserted.get(whole);
    if (inserted !== undefined) return this.#integer(0x80, 0x7f, staticCount + this.#insertions - inserted);
    const nameIndex = staticIndex.get(name) ?? 0;
    const sizeBytes = name.length + value.length + fieldOverheadBytes;
    if (index === 'repeated' && sizeBytes <= this.#freeBytes) {
      this.#integer(0x40, 0x3f, nameIndex);
      this.#inserted.set(whole, this.#insertions++);
      this.#freeBytes -= sizeBytes;
      this.generation++;
    } else {
      this.#integer(index === 'secret' ? 0x10 : 0, 0x0f, nameIndex);
    }
    if (nameIndex === 0) this.#string(name);
    this.#string(value);
  }

  #integer(pattern: number, mask: number, value: number): void {
    this.#reserve(6);
    if (value < mask) {
      this.#bytes[this.#length++] = pattern | value;
      return;
    }
    this.#bytes[this.#length++] = pattern | mask;
    let rest = value - mask;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
  }

  #string(text: string): void {
    this.#integer(0, 0x7f, text.length);
    this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) this.#bytes[this.#length++] = text.charCodeAt(i);
  }

  #reserve(length: number): void {
    if (this.#length + length <= this.#bytes.length) return;
    const larger = new Uint8Array((this.#length + length) * 2);
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

/** Fields sent again and again over one connection: encoded when the table has changed since, else copied. */
export class RepeatedBlock {
  #bytes: Bytes = noBytes;
  #generation = -1;

  constructor(
    readonly encoder: HpackEncoder,
    readonly headers: readonly Header[],
  ) {}

  /** The block's bytes, good for one use before the next block is encoded. */
  bytes(): Bytes {
    if (this.#generation === this.encoder.generation) return this.#bytes;
    const before = this.encoder.generation;
    const bytes = this.encoder.encode(this.headers);
    // A block that inserts must not be sent twice: the second time its fields stand in the table.
    if (this.encoder.generation !== before) return bytes;
    this.#generation = before;
    this.#bytes = bytes;
    return bytes;
  }
}
