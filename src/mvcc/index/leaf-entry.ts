/**
 * A window onto one key's newest revision, as an entry of a leaf holds it.
 *
 *     word 0      main, low
 *     word 1      main, high 21 bits; the top bit: dead, that is, this revision is a tombstone
 *     word 2      stored bytes
 *     life tail   creation revision, low; its 21 high bits and 11 of the version; version, low; newest older record
 *     lease tail  lease
 *     sub tail    sub revision
 *
 * A key that was put once, without a lease, as the first change of its transaction has no tail at all.
 * A tail once given stays, its numbers zero where they say nothing.
 * A dead entry keeps creation revision and version of the generation it ended, for reads of the past.
 */
import { type LeaseId, noLease } from '../../base/ids.js';
import type { KeyState } from '../key-index.js';
import { type History, noRecord } from './history.js';
import {
  deadBit,
  leaseTail,
  lifeTail,
  longTail,
  type SlottedPage,
  subTail,
  tailBytes,
  tailsOf,
} from './slotted-page.js';
import { highBits, highMask, highWord, joinLease, lowWord, splitLease, wide } from './wide-numbers.js';

const absent = -1;

export class LeafEntry {
  #words: Uint32Array = new Uint32Array(0);
  #at = 0;
  /** Where the tails begin, in words, or `absent`. */
  #life = absent;
  #lease = absent;
  #sub = absent;
  tails = 0;

  open(page: SlottedPage, entry: number): void {
    const shape = page.shapeOf(entry);
    const tails = tailsOf(shape);
    this.#words = page.chunk.words;
    this.#at = entry >>> 2;
    this.tails = tails;
    this.#life = absent;
    this.#lease = absent;
    this.#sub = absent;
    if ((tails & ~longTail) === 0) return;
    const start = page.tailsAt(entry, shape);
    // A tail stands behind those of lower bits.
    if (tails & lifeTail) this.#life = start + ((tailBytes[tails & (lifeTail - 1)] as number) >>> 2);
    if (tails & leaseTail) this.#lease = start + ((tailBytes[tails & (leaseTail - 1)] as number) >>> 2);
    if (tails & subTail) this.#sub = start + ((tailBytes[tails & (subTail - 1)] as number) >>> 2);
  }

  get main(): number {
    return wide(this.#words[this.#at] as number, (this.#words[this.#at + 1] as number) & highMask);
  }

  get isDead(): boolean {
    return (this.#words[this.#at + 1] as number) >= deadBit;
  }

  get storedBytes(): number {
    return this.#words[this.#at + 2] as number;
  }

  set storedBytes(value: number) {
    this.#words[this.#at + 2] = value;
  }

  get sub(): number {
    return this.#sub === absent ? 0 : (this.#words[this.#sub] as number);
  }

  get create(): number {
    if (this.#life === absent) return this.main;
    return wide(this.#words[this.#life] as number, (this.#words[this.#life + 1] as number) & highMask);
  }

  get version(): number {
    if (this.#life === absent) return 1;
    return wide(this.#words[this.#life + 2] as number, (this.#words[this.#life + 1] as number) >>> highBits);
  }

  get lease(): LeaseId {
    if (this.#lease === absent) return noLease;
    const first = this.#words[this.#lease] as number;
    const second = this.#words[this.#lease + 1] as number;
    return first === 0 && second === 0 ? noLease : joinLease(first, second);
  }

  get history(): number {
    return this.#life === absent ? noRecord : (this.#words[this.#life + 3] as number);
  }

  set history(record: number) {
    if (this.#life !== absent) this.#words[this.#life + 3] = record;
  }

  /** The tails for what is named must be there. */
  setRevision(main: number, sub: number, dead: boolean): void {
    this.#words[this.#at] = lowWord(main);
    this.#words[this.#at + 1] = dead ? highWord(main) | deadBit : highWord(main);
    if (this.#sub !== absent) this.#words[this.#sub] = sub;
  }

  setLife(create: number, version: number, history: number): void {
    if (this.#life === absent) return;
    this.#words[this.#life] = lowWord(create);
    this.#words[this.#life + 1] = highWord(create) | (highWord(version) << highBits);
    this.#words[this.#life + 2] = lowWord(version);
    this.#words[this.#life + 3] = history;
  }

  setLease(lease: LeaseId): void {
    if (this.#lease === absent) return;
    const split = lease === noLease ? undefined : splitLease(lease);
    this.#words[this.#lease] = split === undefined ? 0 : (split[0] as number);
    this.#words[this.#lease + 1] = split === undefined ? 0 : (split[1] as number);
  }

  /** Fills `into` with this revision. */
  fill(into: KeyState): void {
    into.main = this.main;
    into.sub = this.sub;
    into.create = this.create;
    into.version = this.version;
    into.lease = this.lease;
    into.storedBytes = this.storedBytes;
  }

  /** Fills `into` with the key's state as of `revision`; false when it was not alive then. */
  fillAt(revision: number, history: History, into: KeyState): boolean {
    if (this.main <= revision) {
      if (this.isDead) return false;
      this.fill(into);
      return true;
    }
    let { create, version } = this;
    let newerIsTombstone = this.isDead;
    for (let record = this.history; record !== noRecord; record = history.older(record)) {
      const tombstone = history.isTombstone(record);
      if (tombstone) {
        create = history.create(record);
        version = history.version(record);
      } else if (!newerIsTombstone) version--;
      if (history.main(record) <= revision) {
        if (tombstone) return false;
        into.main = history.main(record);
        into.sub = history.sub(record);
        into.create = create;
        into.version = version;
        into.lease = history.lease(record);
        into.storedBytes = history.storedBytes(record);
        return true;
      }
      newerIsTombstone = tombstone;
    }
    return false;
  }
}
