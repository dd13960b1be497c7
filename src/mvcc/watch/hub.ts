/**
 * The watch hub: brings each change of the store to all who watch its key, in order, each once, a revision never split.
 *
 *     create --(history wanted)--> behind --> catching --+
 *        |                           ^          |        v
 *        +----(from now on)----------|----------|----> synced
 *                                    |          v        |
 *                                    +------- parked <---+    its stream takes nothing more
 *                                    drained
 *
 * A synced watcher is told of a transaction when it is committed. One whose stream is full is sent nothing and holds
 * nothing: it remembers the revision it wants next, and reads on from the store when the stream has drained.
 * (etcd keeps such a watcher's events in memory, as a "victim". The client sees the same events.)
 *
 * No call here takes long: history is read in slices, and what one call sends is capped; who gets nothing any more
 * falls behind, and catches up in slices.
 */
import type { Bytes } from '../../base/bytes.js';
import { check } from '../../base/check.js';
import type { Int64 } from '../../wire/proto/int64.js';
import type { ChangeListener, History } from '../changes.js';
import { EventBatch, keyOfValue } from './event-batch.js';
import { Ranges } from './ranges.js';
import { type Spot, Watcher, type WatcherList, type WatchSink, WatchStream } from './watcher.js';

/** How much is done at a time. */
export type HubLimits = {
  /** Watchers that catch up together in a round, reading the same stretch of history: etcd's `maxWatchersPerSync`. */
  readonly watchersMax: number;
  /** They begin within so many revisions of each other, so that nobody waits long for a laggard. */
  readonly spreadMax: number;
  /** After so many slices those who are not done yet stand in line again. */
  readonly slicesMax: number;
  /** A slice reads, and so an answer holds, at most so many revisions: etcd's `watchBatchMaxRevs`. */
  readonly revisionsMax: number;
  readonly valuesMax: number;
  readonly bytesMax: number;
  /** Bytes that one call sends, a watcher counting as some bytes more; a single answer may be larger. */
  readonly sentBytesMax: number;
};

const usualLimits: HubLimits = {
  watchersMax: 512,
  spreadMax: 10_000,
  slicesMax: 10,
  revisionsMax: 1000,
  valuesMax: 2000,
  bytesMax: 1 << 20,
  sentBytesMax: 8 << 20,
};
const bytesPerWatcher = 512;

export type WatchWanted = {
  /** 0: the stream gives one. */
  readonly id: Int64;
  readonly key: Bytes;
  /** Exclusive; undefined: every key from `key` on. For one key alone, `endOfKey(key)`. */
  readonly end: Bytes | undefined;
  /** 0: from now on. */
  readonly startRevision: number;
  /** Bits of `variantBit`. */
  readonly variant: number;
  readonly progressNotify: boolean;
  readonly fragment: boolean;
};

export type Watched =
  | { readonly ok: true; readonly watcher: Watcher }
  | { readonly ok: false; readonly error: 'watchIdDuplicate' };

export class WatchHub implements ChangeListener {
  readonly #history: History;
  readonly #limits: HubLimits;
  readonly #ranges = new Ranges();
  readonly #batch: EventBatch;
  /** Spots that the transaction or slice at hand touches, and for each the places of its events in the batch. */
  readonly #touched: Spot[] = [];
  readonly #places: number[][] = [];
  #touchedCount = 0;
  /** In line for a round, the longest waiting first. */
  readonly #behind = new Set<Watcher>();
  /** The round under way. Those who left it meanwhile are no longer `catching`. */
  #round: Watcher[] = [];
  #roundSlices = 0;
  /** All that is older was read in this round. */
  #cursor = 0;
  /** Whom `#send` comes to next; moved on when that one is removed meanwhile. */
  #upNext: Watcher | undefined;
  #sentBytes = 0;
  #sending = false;
  /** The newest revision that synced watchers were told of. */
  #toldRevision: number;
  #streams = 0;
  #watchers = 0;
  #slow = 0;
  #eventsSent = 0;

  constructor(history: History, limits: Partial<HubLimits> = {}) {
    this.#history = history;
    this.#limits = { ...usualLimits, ...limits };
    this.#batch = new EventBatch(history);
    this.#toldRevision = history.revision;
  }

  get streams(): number {
    return this.#streams;
  }

  get watchers(): number {
    return this.#watchers;
  }

  /** Watchers that are not synced: etcd's `slow_watcher_total`. */
  get slowWatchers(): number {
    return this.#slow;
  }

  get eventsSent(): number {
    return this.#eventsSent;
  }

  /** True when `catchUp` has something to do. */
  get isBehind(): boolean {
    return this.#behind.size > 0 || this.#round.length > 0;
  }

  open(sink: WatchSink): WatchStream {
    this.#streams++;
    return new WatchStream(sink);
  }

  close(stream: WatchStream): void {
    for (const watcher of stream.watchers.values()) this.#end(watcher);
    stream.watchers.clear();
    this.#streams--;
  }

  watch(stream: WatchStream, wanted: WatchWanted): Watched {
    let id = wanted.id;
    if (id === 0) {
      while (stream.watchers.has(stream.nextId)) stream.nextId++;
      id = stream.nextId++;
    } else if (stream.watchers.has(id)) {
      return { ok: false, error: 'watchIdDuplicate' };
    }
    const { startRevision, variant, progressNotify, fragment } = wanted;
    const spot = this.#ranges.spotOf(wanted.key, wanted.end);
    const watcher = new Watcher(stream, id, spot, startRevision, variant, progressNotify, fragment);
    stream.watchers.set(id, watcher);
    spot.watchers++;
    this.#watchers++;
    const revision = this.#history.revision;
    if (startRevision === 0 || startRevision > revision) {
      watcher.next = Math.max(startRevision, revision + 1);
      watcher.state = 'synced';
      spot.synced.add(watcher);
    } else {
      this.#slow++;
      this.#queue(watcher);
    }
    return { ok: true, watcher };
  }

  /** False when the stream has no watcher of that id. */
  cancel(stream: WatchStream, id: Int64): boolean {
    const watcher = stream.watchers.get(id);
    if (watcher === undefined) return false;
    this.#end(watcher);
    stream.watchers.delete(id);
    return true;
  }

  /** The stream takes more again: those who waited for it catch up. */
  drained(stream: WatchStream): void {
    for (let watcher = stream.parked.first; watcher !== undefined; watcher = stream.parked.first) {
      stream.parked.remove(watcher);
      this.#queue(watcher);
    }
  }

  /** True when a progress answer for this watcher would be true: it has been sent all up to the current revision. */
  isCurrent(watcher: Watcher): boolean {
    return watcher.state === 'synced' && this.#history.revision >= watcher.startRevision;
  }

  /**
   * True when the stream has watchers and all of them are current. One that was compacted away does not count: in etcd it
   * silences the stream's progress for good.
   */
  areAllCurrent(stream: WatchStream): boolean {
    let living = 0;
    for (const watcher of stream.watchers.values()) {
      if (watcher.state === 'compacted') continue;
      if (!this.isCurrent(watcher)) return false;
      living++;
    }
    return living > 0;
  }

  changed(main: number, _sub: number, tombstone: boolean, key: Bytes, value: Bytes): void {
    if (this.#ranges.size === 0) return;
    const hits = this.#ranges.match(key);
    let place = -1;
    for (let i = 0; i < hits; i++) {
      const spot = this.#ranges.hits[i] as Spot;
      if (spot.synced.first === undefined) continue;
      if (place < 0) place = this.#batch.add(main, tombstone, key, value);
      this.#touch(spot, place);
    }
  }

  committed(main: number): void {
    this.#toldRevision = main;
    if (this.#touchedCount === 0) return;
    this.#beginSending(main);
    for (let i = 0; i < this.#touchedCount; i++) {
      this.#send((this.#touched[i] as Spot).synced, this.#places[i] as number[], main);
    }
    this.#finishSending();
  }

  /**
   * The store's content was replaced by a snapshot's: what came in between is read from it. Nobody is told of less, for a
   * synced watcher had been told of all up to the last transaction.
   */
  restored(): void {
    check(!this.#sending, 'a snapshot is not taken in while events are sent');
    for (const spot of this.#ranges.all()) {
      for (let watcher = spot.synced.first; watcher !== undefined; watcher = spot.synced.first) {
        spot.synced.remove(watcher);
        watcher.next = Math.max(watcher.next, this.#toldRevision + 1);
        this.#slow++;
        this.#queue(watcher);
      }
    }
    this.#toldRevision = this.#history.revision;
  }

  /** Reads one slice of history for those who are behind. True while there is more to do. */
  catchUp(): boolean {
    if (this.#round.length === 0) this.#beginRound();
    if (this.#round.length === 0) return this.isBehind;
    const compacted = this.#history.compactedRevision;
    if (this.#cursor < compacted) {
      for (const watcher of this.#round) if (watcher.state === 'catching') this.#dropIfCompacted(watcher, compacted);
      this.#cursor = compacted;
    }
    this.#slice();
    this.#roundSlices++;
    this.#settleRound();
    return this.isBehind;
  }

  #beginRound(): void {
    const revision = this.#history.revision;
    const compacted = this.#history.compactedRevision;
    let seen = 0;
    for (const watcher of this.#behind) {
      if (++seen > this.#limits.watchersMax) break;
      if (watcher.next < compacted) {
        this.#dropIfCompacted(watcher, compacted);
      } else if (watcher.next > revision) {
        this.#behind.delete(watcher);
        this.#synced(watcher);
      } else if (!watcher.stream.sink.writable) {
        this.#behind.delete(watcher);
        this.#park(watcher);
      } else {
        if (this.#round.length === 0) this.#cursor = watcher.next;
        if (watcher.next < this.#cursor || watcher.next > this.#cursor + this.#limits.spreadMax) continue;
        this.#behind.delete(watcher);
        watcher.state = 'catching';
        watcher.spot.catching.add(watcher);
        this.#round.push(watcher);
      }
    }
    this.#roundSlices = 0;
  }

  /** Reads from the cursor on, and sends what it found. The cursor then stands behind the last whole revision read. */
  #slice(): void {
    const { revisionsMax, valuesMax, sentBytesMax } = this.#limits;
    // What is read may be sent to every watcher of the round.
    const share = Math.max(this.#limits.bytesMax / 64, sentBytesMax / this.#round.length);
    const bytesMax = Math.min(this.#limits.bytesMax, share);
    const endMain = this.#history.revision + 1;
    let lastMain = 0;
    let revisions = 0;
    let values = 0;
    let bytes = 0;
    let stoppedAt = endMain;
    this.#history.values.scan(this.#cursor, 0, endMain, (main, _sub, tombstone, value) => {
      if (main !== lastMain) {
        if (revisions === revisionsMax || values >= valuesMax || bytes >= bytesMax) {
          stoppedAt = main;
          return false;
        }
        revisions++;
        lastMain = main;
      }
      values++;
      if (this.#noteHistory(main, tombstone, value)) bytes += value.length;
      return true;
    });
    this.#beginSending(this.#history.revision);
    for (let i = 0; i < this.#touchedCount; i++) {
      this.#send((this.#touched[i] as Spot).catching, this.#places[i] as number[], 0);
    }
    this.#finishSending();
    this.#cursor = stoppedAt;
  }

  /** Notes a value of history for the spots where somebody is catching up; true when there are any. */
  #noteHistory(main: number, tombstone: boolean, value: Bytes): boolean {
    const key = keyOfValue(value);
    const hits = this.#ranges.match(key);
    let place = -1;
    for (let i = 0; i < hits; i++) {
      const spot = this.#ranges.hits[i] as Spot;
      if (spot.catching.first === undefined) continue;
      if (place < 0) place = this.#batch.add(main, tombstone, key, value.slice());
      this.#touch(spot, place);
    }
    return place >= 0;
  }

  #settleRound(): void {
    const isRead = this.#cursor > this.#history.revision;
    const isOver = isRead || this.#roundSlices >= this.#limits.slicesMax;
    const staying: Watcher[] = [];
    for (const watcher of this.#round) {
      if (watcher.state !== 'catching') continue;
      watcher.next = Math.max(watcher.next, this.#cursor);
      if (!isOver) {
        staying.push(watcher);
        continue;
      }
      watcher.spot.catching.remove(watcher);
      if (isRead) this.#synced(watcher);
      else this.#queue(watcher);
    }
    this.#round = staying;
  }

  #touch(spot: Spot, place: number): void {
    if (spot.touched < 0) {
      spot.touched = this.#touchedCount++;
      this.#touched[spot.touched] = spot;
      if (this.#places.length < this.#touchedCount) this.#places.push([]);
    }
    (this.#places[spot.touched] as number[]).push(place);
  }

  #beginSending(revision: number): void {
    check(!this.#sending, 'a sink that is sent events changes nothing in the same call');
    this.#sending = true;
    this.#sentBytes = 0;
    this.#batch.revision = revision;
  }

  #finishSending(): void {
    for (let i = 0; i < this.#touchedCount; i++) {
      (this.#touched[i] as Spot).touched = -1;
      (this.#places[i] as number[]).length = 0;
    }
    this.#touchedCount = 0;
    this.#batch.clear();
    this.#sending = false;
  }

  /**
   * Sends the events at `places` to a row of watchers: to all of one variant, then to all of the next, so that each variant
   * is encoded once. `live` is the transaction's revision; 0 when history is sent.
   */
  #send(row: WatcherList, places: readonly number[], live: number): void {
    let variants = 0;
    for (let watcher = row.first; watcher !== undefined; watcher = watcher.after) variants |= 1 << watcher.variant;
    for (let variant = 0; variants !== 0; variant++) {
      const bit = 1 << variant;
      if ((variants & bit) !== 0) this.#sendVariant(row, variant, places, live);
      variants &= ~bit;
    }
  }

  #sendVariant(row: WatcherList, variant: number, places: readonly number[], live: number): void {
    const batch = this.#batch;
    let from = 0;
    batch.encode(places, from, variant);
    for (let watcher = row.first; watcher !== undefined; watcher = this.#upNext) {
      this.#upNext = watcher.after;
      if (watcher.variant !== variant) continue;
      if (live > 0) {
        if (watcher.next > live) continue;
      } else {
        const first = this.#firstWanted(places, watcher.next);
        if (first !== from) batch.encode(places, first, variant);
        from = first;
      }
      if (batch.encoded > 0) this.#sendOne(watcher, row, live);
    }
  }

  /** Where the first of `places` stands whose event is of `next` or later. */
  #firstWanted(places: readonly number[], next: number): number {
    let at = 0;
    while (at < places.length && this.#batch.mainOf(places[at] as number) < next) at++;
    return at;
  }

  /** Sends the batch to a watcher; if that must not be now, the watcher leaves the row, to read the events later. */
  #sendOne(watcher: Watcher, row: WatcherList, live: number): void {
    const { sink } = watcher.stream;
    const isFull = !sink.writable;
    if (isFull || this.#sentBytes > this.#limits.sentBytesMax) {
      row.remove(watcher);
      if (live > 0) {
        watcher.next = Math.max(watcher.next, live);
        this.#slow++;
      }
      if (isFull) this.#park(watcher);
      else this.#queue(watcher);
      return;
    }
    const batch = this.#batch;
    this.#sentBytes += batch.end - batch.start + bytesPerWatcher;
    this.#eventsSent += batch.encoded;
    watcher.quiet = false;
    sink.events(watcher, batch);
  }

  #queue(watcher: Watcher): void {
    watcher.state = 'behind';
    this.#behind.add(watcher);
  }

  #park(watcher: Watcher): void {
    watcher.state = 'parked';
    watcher.stream.parked.add(watcher);
  }

  #synced(watcher: Watcher): void {
    this.#slow--;
    watcher.state = 'synced';
    watcher.spot.synced.add(watcher);
  }

  #dropIfCompacted(watcher: Watcher, compacted: number): void {
    if (watcher.next >= compacted) return;
    this.#end(watcher);
    watcher.state = 'compacted';
    watcher.stream.sink.compacted(watcher, compacted);
  }

  /** Takes the watcher out of wherever it is. */
  #end(watcher: Watcher): void {
    if (watcher.state === 'compacted' || watcher.state === 'ended') return;
    if (this.#upNext === watcher) this.#upNext = watcher.after;
    if (watcher.state !== 'synced') this.#slow--;
    watcher.list?.remove(watcher);
    this.#behind.delete(watcher);
    watcher.state = 'ended';
    this.#watchers--;
    const { spot } = watcher;
    spot.watchers--;
    if (spot.watchers === 0) this.#ranges.remove(spot);
  }
}
