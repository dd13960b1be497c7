/**
 * Who watches what. A `Watcher` is one watch of one stream; a `Spot` is a range of keys that somebody watches, shared by all
 * who watch exactly it.
 *
 * A watcher is always in one place only, and moving it costs the same however many there are:
 *
 *     synced     has been sent all there is; stands on its spot and is told of each change as it happens
 *     behind     has history to catch up with; waits in the hub's queue
 *     catching   is catching up in the round under way; stands on its spot
 *     parked     its stream takes nothing more at the moment; stands on the stream and holds no events
 *     compacted  what it wants next is gone; its id stays taken until the client cancels it
 *     ended      canceled, or its stream is closed
 */
import type { Bytes } from '../../base/bytes.js';
import { check } from '../../base/check.js';
import type { Int64 } from '../../wire/proto/int64.js';
import type { EventBatch } from './event-batch.js';

export type WatcherState = 'synced' | 'behind' | 'catching' | 'parked' | 'compacted' | 'ended';

/** Watchers of equal variant that stand on one spot get the same bytes. */
export const variantBit = { noPut: 1, noDelete: 2, prevKv: 4 } as const;
export const variantCount = 8;

export class Watcher {
  state: WatcherState = 'ended';
  /** The list it stands in, and its neighbours there. */
  list: WatcherList | undefined = undefined;
  before: Watcher | undefined = undefined;
  after: Watcher | undefined = undefined;
  /** The first revision that it may still have to be sent. Not kept up while it is synced: then it is the next to come. */
  next: number;
  /** For the stream's progress ticks: false when it was sent events since the last one. */
  quiet = true;

  constructor(
    readonly stream: WatchStream,
    readonly id: Int64,
    readonly spot: Spot,
    /** What the client asked for; 0 for "from now on". */
    readonly startRevision: number,
    /** Bits of `variantBit`. */
    readonly variant: number,
    readonly progressNotify: boolean,
    readonly fragment: boolean,
  ) {
    this.next = startRevision;
  }
}

/** Watchers in a row, each knowing its neighbours: to add and to remove one is the same work in a row of any length. */
export class WatcherList {
  first: Watcher | undefined = undefined;

  add(watcher: Watcher): void {
    check(watcher.list === undefined, 'a watcher is in one place only');
    watcher.list = this;
    watcher.after = this.first;
    if (this.first !== undefined) this.first.before = watcher;
    this.first = watcher;
  }

  remove(watcher: Watcher): void {
    check(watcher.list === this, 'a watcher is removed from where it is');
    if (watcher.before === undefined) this.first = watcher.after;
    else watcher.before.after = watcher.after;
    if (watcher.after !== undefined) watcher.after.before = watcher.before;
    watcher.list = watcher.before = watcher.after = undefined;
  }
}

export class Spot {
  readonly synced = new WatcherList();
  readonly catching = new WatcherList();
  /** Watchers that watch this range, wherever they are; the spot goes with the last. */
  watchers = 0;
  /** Its place among the spots that the transaction or slice at hand touches, or -1. */
  touched = -1;

  constructor(
    readonly key: Bytes,
    /** Exclusive; undefined: no end. */
    readonly end: Bytes | undefined,
    /** Where the index of ranges keeps it. */
    readonly slot: number,
  ) {}
}

/** Where a stream's events go. */
export interface WatchSink {
  /** False while more is queued for the stream than it should hold. */
  readonly writable: boolean;
  /** The batch's bytes are valid during the call only. */
  events(watcher: Watcher, batch: EventBatch): void;
  /** The watcher has ended: what it wanted next is older than the compacted revision. */
  compacted(watcher: Watcher, compactedRevision: number): void;
}

/** All watchers of one client's stream. */
export class WatchStream {
  readonly watchers = new Map<Int64, Watcher>();
  readonly parked = new WatcherList();
  /** The smallest id that the server has not given out itself. */
  nextId = 0;

  constructor(readonly sink: WatchSink) {}
}
