/**
 * HPACK, reading side. Source: RFC 7541.
 *
 * A client's requests to one method repeat the same few fields, and once those stand in the dynamic table a block is
 * a handful of index bytes. Such a block means the same as long as the table does not change, so it is decoded once
 * and then found again by its bytes: with it comes all that higher layers have made of it (`HeaderBlock.meaning`).
 */
import type { Bytes } from '../../base/bytes.js';
import { fieldOverheadBytes, HeaderField, staticCount, staticTable } from './header-field.js';
import { huffmanText, latin1 } from './huffman.js';
import { headerTableBytesDefault } from './protocol.js';

export class HeaderBlock {
  readonly fields: HeaderField[] = [];
  /** RFC 9113, 6.5.2: what the list costs uncompressed. */
  listBytes = 0;
  /** The list is over the cap: the fields beyond were read for the table's sake, and dropped. */
  tooLarge = false;
  /** So far over it that it was not read to its end: the table is lost, and the connection with it. */
  boundless = false;
  /** Found to be a well-formed request, whose `content-length` is known: -1 without one. */
  checked = false;
  contentLength = -1;
  /** What a higher layer made of this block; shared by every request that brings it. */
  meaning: unknown = undefined;
}

/** Indexed-only blocks remembered, and how long one may be. A client of ours or Go's has one of 5 to 12 bytes a method. */
const rememberedMax = 16;
const rememberedBytesMax = 48;

/** A list so many times as large as the cap is no mistake, and not worth reading to its end. */
const boundlessTimes = 4;

export class HpackDecoder {
  /** A ring, newest at `#newest`. */
  #entries: (HeaderField | undefined)[] = new Array(16).fill(undefined);
  #newest = 0;
  #count = 0;
  #sizeBytes = 0;
  #sizeMax = headerTableBytesDefault;

  #rememberedKeys: Bytes[] = [];
  #rememberedBlocks: HeaderBlock[] = [];

  // Where `#integer` and `#string` stopped, and whether something was not well formed.
  #at = 0;
  #broken = false;

  constructor(
    readonly listBytesMax: number,
    readonly tableBytesMax = headerTableBytesDefault,
  ) {}

  /** The block's fields, or undefined when it is not well formed: then the table is lost, and the connection with it. */
  decode(bytes: Bytes, start: number, end: number): HeaderBlock | undefined {
    const remembered = this.#recall(bytes, start, end);
    if (remembered !== undefined) return remembered;
    const block = new HeaderBlock();
    let indexedOnly = true;
    this.#at = start;
    this.#broken = false;
    while (this.#at < end && !block.boundless) {
      const byte = bytes[this.#at] as number;
      if (byte >= 0x80) {
        const field = this.#field(this.#integer(bytes, end, 0x7f));
        if (field === undefined) return undefined;
        this.#add(block, field);
        continue;
      }
      indexedOnly = false;
      if (byte >= 0x40) {
        const field = this.#literal(bytes, end, 0x3f);
        if (field === undefined) return undefined;
        this.#insert(field);
        this.#add(block, field);
      } else if (byte >= 0x20) {
        const sizeMax = this.#integer(bytes, end, 0x1f);
        if (this.#broken || sizeMax > this.tableBytesMax || block.fields.length > 0) return undefined;
        this.#resize(sizeMax);
      } else if (block.tooLarge) {
        // It will be refused, and this field leaves no trace in the table.
        const from = this.#at;
        if (!this.#skipLiteral(bytes, end)) return undefined;
        this.#drop(block, this.#at - from + fieldOverheadBytes);
      } else {
        const field = this.#literal(bytes, end, 0x0f);
        if (field === undefined) return undefined;
        this.#add(block, field);
      }
    }
    if (this.#broken) return undefined;
    if (indexedOnly && !block.tooLarge) this.#remember(bytes, start, end, block);
    return block;
  }

  #add(block: HeaderBlock, field: HeaderField): void {
    if (block.listBytes + field.sizeBytes > this.listBytesMax) return this.#drop(block, field.sizeBytes);
    block.listBytes += field.sizeBytes;
    block.fields.push(field);
  }

  #drop(block: HeaderBlock, sizeBytes: number): void {
    block.listBytes += sizeBytes;
    block.tooLarge = true;
    block.boundless = block.listBytes > this.listBytesMax * boundlessTimes;
  }

  #recall(bytes: Bytes, start: number, end: number): HeaderBlock | undefined {
    const keys = this.#rememberedKeys;
    const length = end - start;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i] as Bytes;
      if (key.length !== length) continue;
      let same = 0;
      while (same < length && key[same] === bytes[start + same]) same++;
      if (same === length) return this.#rememberedBlocks[i];
    }
    return undefined;
  }

  #remember(bytes: Bytes, start: number, end: number, block: HeaderBlock): void {
    if (end - start > rememberedBytesMax || this.#rememberedKeys.length === rememberedMax) return;
    this.#rememberedKeys.push(bytes.slice(start, end));
    this.#rememberedBlocks.push(block);
  }

  #forget(): void {
    if (this.#rememberedKeys.length === 0) return;
    this.#rememberedKeys = [];
    this.#rememberedBlocks = [];
  }

  #field(index: number): HeaderField | undefined {
    if (index <= staticCount) return this.#broken ? undefined : staticTable[index];
    const back = index - staticCount - 1;
    if (back >= this.#count) return undefined;
    return this.#entries[(this.#newest - back) & (this.#entries.length - 1)];
  }

  #literal(bytes: Bytes, end: number, mask: number): HeaderField | undefined {
    const index = this.#integer(bytes, end, mask);
    let name: string | undefined;
    if (index === 0) name = this.#string(bytes, end);
    else name = this.#field(index)?.name;
    if (name === undefined || this.#broken) return undefined;
    const value = this.#string(bytes, end);
    if (value === undefined) return undefined;
    return new HeaderField(name, value);
  }

  #skipLiteral(bytes: Bytes, end: number): boolean {
    const indexed = this.#integer(bytes, end, 0x0f) !== 0;
    return (indexed || this.#skipString(bytes, end)) && this.#skipString(bytes, end);
  }

  #skipString(bytes: Bytes, end: number): boolean {
    if (this.#at >= end) return false;
    const length = this.#integer(bytes, end, 0x7f);
    this.#at += length;
    return !this.#broken && this.#at <= end;
  }

  /** RFC 7541, 5.1. More than four bytes beyond the prefix is larger than anything legal here. */
  #integer(bytes: Bytes, end: number, mask: number): number {
    let value = (bytes[this.#at++] as number) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.#at >= end) break;
      const byte = bytes[this.#at++] as number;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    this.#broken = true;
    return 0;
  }

  #string(bytes: Bytes, end: number): string | undefined {
    if (this.#at >= end) return undefined;
    const coded = (bytes[this.#at] as number) >= 0x80;
    const length = this.#integer(bytes, end, 0x7f);
    const start = this.#at;
    if (this.#broken || length > end - start) return undefined;
    this.#at = start + length;
    return coded ? huffmanText(bytes, start, this.#at) : latin1(bytes, start, this.#at);
  }

  #insert(field: HeaderField): void {
    this.#forget();
    this.#evictTo(this.#sizeMax - field.sizeBytes);
    if (field.sizeBytes > this.#sizeMax) return; // RFC 7541, 4.4: it empties the table, and is no error.
    if (this.#count === this.#entries.length) this.#grow();
    this.#newest = (this.#newest + 1) & (this.#entries.length - 1);
    this.#entries[this.#newest] = field;
    this.#count++;
    this.#sizeBytes += field.sizeBytes;
  }

  #resize(sizeMax: number): void {
    this.#forget();
    this.#sizeMax = sizeMax;
    this.#evictTo(sizeMax);
  }

  #evictTo(sizeBytes: number): void {
    while (this.#count > 0 && this.#sizeBytes > sizeBytes) {
      const oldest = (this.#newest - this.#count + 1) & (this.#entries.length - 1);
      this.#sizeBytes -= this.#entries[oldest]?.sizeBytes ?? fieldOverheadBytes;
      this.#entries[oldest] = undefined;
      this.#count--;
    }
  }

  #grow(): void {
    const entries: (HeaderField | undefined)[] = new Array(this.#entries.length * 2).fill(undefined);
    for (let back = 0; back < this.#count; back++) {
      entries[this.#count - 1 - back] = this.#entries[(this.#newest - back) & (this.#entries.length - 1)];
    }
    this.#entries = entries;
    this.#newest = this.#count - 1;
  }
}
