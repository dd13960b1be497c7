// Proves: each watcher is sent just the events of its range, start and filters, in order, each once and no revision in two answers,
// whatever the schedule of transactions, full streams, catch-up slices, compactions and snapshots.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, compareBytes, equalBytes, noBytes, utf8 } from '../../base/bytes.js';
import type { Random } from '../../base/random.js';
import { forSeeds } from '../../base/seeds.js';
import { KeyValue } from '../../wire/messages/key-value.js';
import { Reader } from '../../wire/proto/reader.js';
import type { EventBatch } from './event-batch.js';
import { WatchHub } from './hub.js';
import { PlainHistory } from './plain-history.js';
import { endOfKey } from './ranges.js';
import { variantBit, type Watcher, type WatchSink } from './watcher.js';

type Sent = { readonly main: number; readonly tombstone: boolean; readonly kv: Bytes; readonly prevKv: Bytes };

function decodeEvents(batch: EventBatch): Sent[] {
  const events: Sent[] = [];
  const reader = new Reader();
  reader.open(batch.bytes, batch.start, batch.end);
  while (reader.tag() === 0x5a) {
    const outer = reader.enter();
    let tombstone = false;
    let kv = noBytes;
    let prevKv = noBytes;
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      if (tag === 0x08) tombstone = reader.bool();
      else if (tag === 0x12) kv = reader.view().slice();
      else if (tag === 0x1a) prevKv = reader.view().slice();
    }
    const decoded = new KeyValue();
    decoded.decode(kv, 0, kv.length);
    events.push({ main: decoded.modRevision, tombstone, kv, prevKv });
    reader.leave(outer);
  }
  equal(reader.failure, 0);
  equal(events.length, batch.encoded);
  return events;
}

class RecordingSink implements WatchSink {
  writable = true;
  /** After so many answers it is full. */
  room = Number.POSITIVE_INFINITY;
  readonly sent = new Map<Watcher, Sent[]>();
  readonly compactedAt = new Map<Watcher, number>();

  events(watcher: Watcher, batch: EventBatch): void {
    ok(this.writable, 'a full stream is sent nothing');
    ok(!this.compactedAt.has(watcher));
    const events = decodeEvents(batch);
    const before = this.sent.get(watcher) ?? [];
    this.sent.set(watcher, before);
    ok(events.length > 0 && batch.revision >= (events.at(-1)?.main ?? 0));
    ok((before.at(-1)?.main ?? 0) < (events[0]?.main ?? 0), 'no revision is split or comes again');
    before.push(...events);
    if (--this.room <= 0) this.writable = false;
  }

  compacted(watcher: Watcher, compactedRevision: number): void {
    this.compactedAt.set(watcher, compactedRevision);
  }
}

type Asked = { key: Bytes; end: Bytes | undefined; from: number; variant: number };

function expectedEvents(history: PlainHistory, asked: Asked): { main: number; tombstone: boolean; key: Bytes }[] {
  return history.changes.filter((change) => {
    if (change.main < asked.from || compareBytes(change.key, asked.key) < 0) return false;
    if (asked.end !== undefined && compareBytes(change.key, asked.end) >= 0) return false;
    return (asked.variant & (change.tombstone ? variantBit.noDelete : variantBit.noPut)) === 0;
  });
}

const keys = ['a', 'a/1', 'a/2', 'a/2/x', 'b', 'b/1', 'c'].map(utf8);

function someRange(random: Random): { key: Bytes; end: Bytes | undefined } {
  const key = random.pick(keys);
  const end = random.pick([endOfKey(key), utf8(random.pick(['b', 'a0', 'z'])), undefined]);
  return end !== undefined && compareBytes(key, end) >= 0 ? { key, end: endOfKey(key) } : { key, end };
}

class World {
  readonly history = new PlainHistory();
  readonly hub = new WatchHub(this.history, {
    revisionsMax: 3,
    valuesMax: 5,
    slicesMax: 2,
    watchersMax: 4,
    sentBytesMax: 3000,
  });
  readonly sinks = [new RecordingSink(), new RecordingSink(), new RecordingSink()];
  readonly streams = this.sinks.map((sink) => this.hub.open(sink));
  readonly asked = new Map<Watcher, Asked>();
  compactedEver = -1;

  constructor(readonly random: Random) {
    this.history.listener = this.hub;
  }

  step(): void {
    const { random, history, hub } = this;
    switch (random.below(12)) {
      case 0:
      case 1: {
        const { key, end } = someRange(random);
        const startRevision = random.oneIn(2) ? 0 : random.below(history.revision + 4);
        const wanted = {
          key,
          end,
          startRevision,
          variant: random.below(8),
          id: 0,
          progressNotify: false,
          fragment: false,
        };
        const watched = hub.watch(random.pick(this.streams), wanted);
        ok(watched.ok);
        const from = startRevision === 0 ? history.revision + 1 : startRevision;
        this.asked.set(watched.watcher, { key, end, from, variant: wanted.variant });
        return;
      }
      case 2: {
        const [watcher] = random.shuffle([...this.asked.keys()]);
        if (watcher === undefined) return;
        ok(hub.cancel(watcher.stream, watcher.id));
        equal(hub.cancel(watcher.stream, watcher.id), false);
        this.asked.delete(watcher);
        return;
      }
      case 3: {
        const at = random.below(3);
        const sink = this.sinks[at] as RecordingSink;
        const wasFull = !sink.writable;
        sink.writable = random.oneIn(2);
        sink.room = 1 + random.below(6);
        const stream = this.streams[at];
        if (wasFull && sink.writable && stream !== undefined) hub.drained(stream);
        return;
      }
      case 4:
        if (!random.oneIn(4) || history.revision - history.compactedRevision < 6) return;
        this.compactedEver = history.revision - random.below(5);
        history.compact(this.compactedEver);
        return;
      case 5:
        hub.catchUp();
        return;
      case 6:
        if (!random.oneIn(4)) return;
        history.listener = undefined;
        for (let i = random.below(4); i > 0; i--) this.write();
        history.listener = hub;
        hub.restored();
        return;
      default:
        this.write();
    }
  }

  write(): void {
    const { random, history } = this;
    const some = random.shuffle([...keys]).slice(0, random.oneIn(3) ? 1 + random.below(6) : 1);
    history.write(some.map((key) => [key, random.oneIn(3) ? undefined : random.bytes(random.below(90))]));
  }

  settle(): void {
    this.sinks.forEach((sink, at) => {
      sink.room = Number.POSITIVE_INFINITY;
      sink.writable = true;
      const stream = this.streams[at];
      if (stream !== undefined) this.hub.drained(stream);
    });
    for (let rounds = 0; this.hub.catchUp(); rounds++) ok(rounds < 10_000, 'catching up ends');
    equal(this.hub.isBehind, false);
  }

  judge(watcher: Watcher, asked: Asked): void {
    const { sent, compactedAt } = watcher.stream.sink as RecordingSink;
    const events = sent.get(watcher) ?? [];
    const all = expectedEvents(this.history, asked);
    const compacted = compactedAt.get(watcher);
    if (compacted === undefined) equal(watcher.state, 'synced');
    else ok(compacted <= this.compactedEver);
    // Who was compacted away saw all up to somewhere before.
    const expected = compacted === undefined ? all : all.slice(0, events.length);
    deepEqual(
      events.map((event) => `${event.main} ${event.tombstone}`),
      expected.map((change) => `${change.main} ${change.tombstone}`),
    );
    const wantsPrev = (asked.variant & variantBit.prevKv) !== 0;
    for (const [i, event] of events.entries()) this.judgeEvent(event, expected[i]?.key ?? noBytes, wantsPrev);
  }

  judgeEvent(event: Sent, key: Bytes, wantsPrev: boolean): void {
    const kv = new KeyValue();
    kv.decode(event.kv, 0, event.kv.length);
    ok(equalBytes(kv.key, key));
    if (!event.tombstone) ok(equalBytes(event.kv, this.history.valueAt(key, event.main) ?? noBytes));
    const isCreate = !event.tombstone && kv.createRevision === event.main;
    const previous = wantsPrev && !isCreate ? this.history.valueAt(key, event.main - 1) : undefined;
    if (event.prevKv.length > 0 || event.main - 1 >= this.compactedEver) {
      ok(equalBytes(event.prevKv, previous ?? noBytes));
    }
  }
}

test('agrees with the whole history, filtered', () => {
  forSeeds(400, (random) => {
    const world = new World(random);
    for (let step = 0; step < 150; step++) world.step();
    world.settle();
    for (const [watcher, asked] of world.asked) world.judge(watcher, asked);
    let living = 0;
    for (const watcher of world.asked.keys()) if (watcher.state === 'synced') living++;
    equal(world.hub.watchers, living);
    equal(world.hub.slowWatchers, 0);
    for (const stream of world.streams) world.hub.close(stream);
    equal(world.hub.watchers, 0);
    world.write();
  });
});

test('ids: the server counts up past those in use, and a taken one is refused', () => {
  const hub = new WatchHub(new PlainHistory());
  const stream = hub.open(new RecordingSink());
  const wanted = {
    key: utf8('k'),
    end: undefined,
    startRevision: 0,
    variant: 0,
    progressNotify: false,
    fragment: false,
  };
  const ids = [0, 2, 0, -1, 0, 0].map((id) => {
    const watched = hub.watch(stream, { ...wanted, id });
    return watched.ok ? watched.watcher.id : watched.error;
  });
  deepEqual(ids, [0, 2, 1, -1, 3, 4]);
  deepEqual(hub.watch(stream, { ...wanted, id: 2 }), { ok: false, error: 'watchIdDuplicate' });
  ok(hub.cancel(stream, 2));
  ok(hub.watch(stream, { ...wanted, id: 2 }).ok);
});

test('an answer from history holds at most a thousand revisions', () => {
  const history = new PlainHistory();
  const hub = new WatchHub(history);
  for (let i = 0; i < 2500; i++) history.write([[utf8(`k${i % 3}`), utf8('v')]]);
  const sizes: number[] = [];
  const sink = new RecordingSink();
  const stream = hub.open(sink);
  const events = sink.events.bind(sink);
  sink.events = (watcher, batch) => {
    sizes.push(batch.encoded);
    equal(batch.revision, history.revision);
    events(watcher, batch);
  };
  hub.watch(stream, {
    id: 0,
    key: utf8('k'),
    end: undefined,
    startRevision: 1,
    variant: 0,
    progressNotify: false,
    fragment: false,
  });
  while (hub.catchUp());
  deepEqual(sizes, [1000, 1000, 500]);
});

test('progress is told only when all living watchers are current', () => {
  const history = new PlainHistory();
  const hub = new WatchHub(history);
  history.listener = hub;
  const stream = hub.open(new RecordingSink());
  equal(hub.areAllCurrent(stream), false);
  const wanted = { id: 0, key: utf8('k'), end: undefined, variant: 0, progressNotify: false, fragment: false };
  hub.watch(stream, { ...wanted, startRevision: 0 });
  equal(hub.areAllCurrent(stream), true);
  hub.watch(stream, { ...wanted, startRevision: 3 });
  equal(hub.areAllCurrent(stream), false);
  history.write([[utf8('k'), utf8('1')]]);
  history.write([[utf8('k'), utf8('2')]]);
  equal(hub.areAllCurrent(stream), true);
  hub.watch(stream, { ...wanted, startRevision: 2 });
  equal(hub.areAllCurrent(stream), false);
  while (hub.catchUp());
  equal(hub.areAllCurrent(stream), true);
});

test('a sink may cancel a watcher that was next in line', () => {
  const history = new PlainHistory();
  const hub = new WatchHub(history);
  history.listener = hub;
  let told = 0;
  const events = () => {
    told++;
    for (const stream of streams) hub.cancel(stream, 0);
  };
  const streams = [1, 2, 3].map(() => hub.open({ writable: true, events, compacted: () => {} }));
  for (const stream of streams) {
    hub.watch(stream, {
      id: 0,
      key: utf8('k'),
      end: undefined,
      startRevision: 0,
      variant: 0,
      progressNotify: false,
      fragment: false,
    });
  }
  history.write([[utf8('k'), utf8('1')]]);
  equal(told, 1);
});
