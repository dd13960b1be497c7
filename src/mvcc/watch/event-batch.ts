/**
 * The events of one transaction, or of one slice of history, and their bytes as watchers get them.
 *
 * Events are gathered once; for each spot that some of them touch they are encoded once per variant of watcher, and all
 * watchers of that variant share the bytes. Before `start` there is room for what differs from watcher to watcher.
 *
 *     | room for header and id | 5a len event | 5a len event | ...
 *                              ^start         ^ends[0]       ^ends[1]
 */
import { type Bytes, noBytes } from '../../base/bytes.js';
import { KeyValue, keyOfKeyValue } from '../../wire/messages/key-value.js';
import { bytesFieldSize, Writer } from '../../wire/proto/writer.js';
import type { History } from '../changes.js';
import { variantBit } from './watcher.js';

/** Header 46 bytes, watch id 11, fragment 2, at most. */
export const headRoomBytes = 64;
/** A buffer that grew beyond this for one large batch is let go after it. */
const bufferKeptBytes = 1 << 20;
const eventsTag = 0x5a;
const typeTag = 0x08;
const kvTag = 0x12;
const prevKvTag = 0x1a;

const kv = new KeyValue();

export class EventBatch {
  /** What the answer's header says. */
  revision = 0;
  /** Where each encoded event ends in `bytes`; only the first `encoded` count. */
  readonly ends: number[] = [];
  encoded = 0;
  readonly #sent: number[] = [];
  #writer = new Writer(4096);
  readonly #history: History;
  // One element an event, in order.
  #count = 0;
  readonly #mains: number[] = [];
  readonly #tombstones: boolean[] = [];
  readonly #kvs: Bytes[] = [];
  /** `noBytes`: there is none. Undefined: not looked up yet. */
  readonly #prevKvs: (Bytes | undefined)[] = [];

  constructor(history: History) {
    this.#history = history;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): Bytes {
    return this.#writer.bytes;
  }

  get start(): number {
    return headRoomBytes;
  }

  get end(): number {
    return this.#writer.at;
  }

  clear(): void {
    for (let i = 0; i < this.#count; i++) {
      this.#kvs[i] = noBytes;
      this.#prevKvs[i] = undefined;
    }
    this.#count = 0;
    this.encoded = 0;
    if (this.#writer.bytes.length > bufferKeptBytes) this.#writer = new Writer(4096);
  }

  /** Adds a change; answers its place. `value` is kept. */
  add(main: number, tombstone: boolean, key: Bytes, value: Bytes): number {
    const place = this.#count++;
    this.#mains[place] = main;
    this.#tombstones[place] = tombstone;
    this.#kvs[place] = tombstone ? deletedKeyValue(key, main) : value;
    this.#prevKvs[place] = undefined;
    return place;
  }

  /** The place of the n-th event that is encoded. */
  sentAt(n: number): number {
    return this.#sent[n] as number;
  }

  mainOf(place: number): number {
    return this.#mains[place] as number;
  }

  isTombstone(place: number): boolean {
    return this.#tombstones[place] as boolean;
  }

  /** The encoded `KeyValue` of the event; of a deletion: key and revision. */
  keyValueOf(place: number): Bytes {
    return this.#kvs[place] as Bytes;
  }

  /** Encodes those of `places[from...)` that the variant lets through; answers how many those were. */
  encode(places: readonly number[], from: number, variant: number): number {
    const to = this.#writer;
    to.at = headRoomBytes;
    this.encoded = 0;
    for (let i = from; i < places.length; i++) {
      const place = places[i] as number;
      const tombstone = this.#tombstones[place] as boolean;
      if ((variant & (tombstone ? variantBit.noDelete : variantBit.noPut)) !== 0) continue;
      this.#event(
        to,
        this.#kvs[place] as Bytes,
        tombstone,
        (variant & variantBit.prevKv) === 0 ? noBytes : this.#prevKv(place),
      );
      this.#sent[this.encoded] = place;
      this.ends[this.encoded++] = to.at;
    }
    return this.encoded;
  }

  #event(to: Writer, value: Bytes, tombstone: boolean, prevKv: Bytes): void {
    let length = (tombstone ? 2 : 0) + bytesFieldSize(value.length);
    if (prevKv.length > 0) length += bytesFieldSize(prevKv.length);
    to.byte(eventsTag);
    to.varint(length);
    if (tombstone) {
      to.byte(typeTag);
      to.byte(1);
    }
    to.bytesField(kvTag, value, 0, value.length);
    if (prevKv.length > 0) to.bytesField(prevKvTag, prevKv, 0, prevKv.length);
  }

  /** What the event replaced: the key as of the revision before, unless that was compacted away or the key is new. */
  #prevKv(place: number): Bytes {
    const known = this.#prevKvs[place];
    if (known !== undefined) return known;
    const found = this.#findPrevKv(place);
    this.#prevKvs[place] = found;
    return found;
  }

  #findPrevKv(place: number): Bytes {
    const main = this.#mains[place] as number;
    const value = this.#kvs[place] as Bytes;
    kv.decode(value, 0, value.length);
    if (!this.#tombstones[place] && kv.createRevision === main) return noBytes;
    if (main - 1 < this.#history.compactedRevision || main - 1 <= 0) return noBytes;
    return this.#history.valueAt(kv.key, main - 1)?.slice() ?? noBytes;
  }
}

function deletedKeyValue(key: Bytes, main: number): Bytes {
  kv.setKey(key, 0, key.length);
  kv.setValue(noBytes, 0, 0);
  kv.createRevision = kv.version = kv.leaseLo = kv.leaseHi = 0;
  kv.modRevision = main;
  return kv.encode();
}

/** The key of a stored value, as a view. Values begin with it; that is asked first. */
export function keyOfValue(value: Bytes): Bytes {
  const length = value[1] as number;
  if (value[0] === 0x0a && length < 0x80) return value.subarray(2, 2 + length);
  return keyOfKeyValue(value) ?? noBytes;
}
