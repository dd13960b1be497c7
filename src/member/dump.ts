/**
 * Makes a `DatabaseDump` from a view of the value store: etcd's buckets, in the order of their names, each walked twice.
 *
 *     plan   leases are copied; then sizes -> where every page will be
 *     next   the same entries again -> pages
 *
 * What stands in the store as etcd has it goes out as it is. Added is what etcd makes at its boot and we do not keep: buckets that are
 * empty, the revision of its auth store, the version of its storage; and where the state stands, which our store learns only at a commit.
 */
import { type Bytes, compareBytes, noBytes, text, uint64Bytes, utf8 } from '../base/bytes.js';
import { check } from '../base/check.js';
import { revisionBytes, writeRevision } from '../mvcc/revision-bytes.js';
import type { ValueStore, ValuesView, ValueVisitor } from '../mvcc/value-store.js';
import { type BoltLayout, BoltPlan, BoltWriter, defaultPageBytes } from '../wire/bolt/bolt-writer.js';
import type { ConfState } from '../wire/raftpb/types.js';
import { type AppliedPosition, appliedKey, confStateKey, termKey } from './applier.js';
import { encodeConfState } from './conf-state-record.js';
import { CopiedRecords } from './copied-records.js';
import type { DatabaseDump } from './database-dump.js';

/** etcd's, all of them, by name. */
const buckets = [
  'alarm',
  'auth',
  'authRoles',
  'authUsers',
  'cluster',
  'key',
  'lease',
  'members',
  'members_removed',
  'meta',
] as const;
type Bucket = (typeof buckets)[number];

const storageVersionKey = utf8('storageVersion');
const clusterVersionKey = utf8('clusterVersion');
const authRevisionKey = utf8('authRevision');
/** What a visit costs beside the bytes it brings. */
const visitBytes = 200;

export interface DumpPosition extends AppliedPosition {
  readonly revision: number;
}

/** Everything that `values` holds now, which is what `at` says. */
export function beginDump(values: ValueStore, at: DumpPosition): DatabaseDump {
  return new ValuesDump(values.view(), at);
}

type NamedRecord = readonly [Bytes, Bytes];
/** The records of all buckets but `key` and `lease`: there are few. */
type FewRecords = ReadonlyMap<Bucket, readonly NamedRecord[]>;

interface Sink {
  begin(bucket: Bytes): void;
  revision(main: number, sub: number, tombstone: boolean, value: Bytes): void;
  record(key: Bytes, value: Bytes): void;
}

class ValuesDump implements DatabaseDump {
  readonly index: number;
  readonly term: number;
  readonly revision: number;
  readonly confState: ConfState;
  readonly #view: ValuesView;
  readonly #few: FewRecords;
  readonly #leases = new CopiedRecords();
  /** Where copying the leases goes on; undefined when they are copied. */
  #nextLease: Bytes | undefined = noBytes;
  readonly #plan = new BoltPlan();
  #walk: Walk;
  #layout: BoltLayout | undefined;
  #writer: BoltWriter | undefined;
  #whole = false;
  #closed = false;

  constructor(view: ValuesView, at: DumpPosition) {
    this.#view = view;
    this.index = at.index;
    this.term = at.term;
    this.revision = at.revision;
    this.confState = at.confState;
    this.#few = fewRecords(view, at);
    this.#walk = this.#newWalk(planSink(this.#plan));
  }

  get sizeBytes(): number {
    check(this.#layout !== undefined, 'the length of a dump is asked for when it is planned');
    return this.#layout.sizeBytes;
  }

  plan(bytes: number): boolean {
    if (this.#layout !== undefined) return true;
    if (this.#nextLease !== undefined) {
      this.#copyLeases(this.#nextLease, bytes);
      return false;
    }
    if (!this.#walk.step(bytes)) return false;
    this.#layout = this.#plan.end();
    return true;
  }

  next(bytes: number): Bytes | undefined {
    check(this.#layout !== undefined && !this.#closed, 'a dump is planned, then written, then closed');
    const writer = this.#writer ?? this.#begin(this.#layout, bytes);
    while (!this.#whole && writer.readyBytes === 0) {
      this.#whole = this.#walk.step(bytes);
      if (this.#whole) writer.end();
    }
    return writer.take();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#view.close();
  }

  /** Records are looked at in a transaction of the store, which is not to stay open for as long as a client takes. */
  #copyLeases(from: Bytes, bytes: number): void {
    let left = bytes;
    this.#nextLease = undefined;
    this.#view.scanRecords('lease', from, (key, value) => {
      if (left <= 0) {
        this.#nextLease = key.slice();
        return false;
      }
      left -= value.length + visitBytes;
      this.#leases.add(key, value);
      return true;
    });
    if (this.#nextLease === undefined) this.#view.closeRecords();
  }

  #newWalk(sink: Sink): Walk {
    return new Walk({ view: this.#view, few: this.#few, leases: this.#leases, endMain: this.revision + 1 }, sink);
  }

  #begin(layout: BoltLayout, bytes: number): BoltWriter {
    const writer = new BoltWriter(layout, Math.max(1, Math.floor(bytes / defaultPageBytes)) * defaultPageBytes);
    this.#writer = writer;
    this.#walk = this.#newWalk(writerSink(writer));
    return writer;
  }
}

function planSink(plan: BoltPlan): Sink {
  return {
    begin: (bucket) => plan.begin(bucket),
    revision: (_main, _sub, tombstone, value) =>
      plan.count(tombstone ? revisionBytes + 1 : revisionBytes, value.length),
    record: (key, value) => plan.count(key.length, value.length),
  };
}

function writerSink(writer: BoltWriter): Sink {
  const put = new Uint8Array(revisionBytes);
  const tombstoned = new Uint8Array(revisionBytes + 1);
  return {
    begin: (bucket) => writer.begin(bucket),
    revision(main, sub, tombstone, value) {
      const key = tombstone ? tombstoned : put;
      writeRevision(key, 0, main, sub, tombstone);
      writer.add(key, value);
    },
    record: (key, value) => writer.add(key, value),
  };
}

/** What is walked. */
interface Content {
  readonly view: ValuesView;
  readonly few: FewRecords;
  readonly leases: CopiedRecords;
  readonly endMain: number;
}

/** Goes through all entries in slices. */
class Walk {
  readonly #content: Content;
  readonly #sink: Sink;
  #bucketAt = 0;
  #begun = false;
  // Where the walk goes on in `key`, and in `lease`.
  #main = 0;
  #sub = 0;
  #lease = 0;
  #left = 0;
  #cut = false;

  constructor(content: Content, sink: Sink) {
    this.#content = content;
    this.#sink = sink;
  }

  /** About `bytes` more; true when all were seen. */
  step(bytes: number): boolean {
    const { view, few, endMain } = this.#content;
    this.#left = bytes;
    for (let bucket = buckets[this.#bucketAt]; bucket !== undefined; bucket = buckets[this.#bucketAt]) {
      if (!this.#begun) this.#sink.begin(utf8(bucket));
      this.#begun = true;
      this.#cut = false;
      if (bucket === 'key') view.scan(this.#main, this.#sub, endMain, this.#visitRevision);
      else if (bucket === 'lease') this.#visitLeases();
      else for (const [key, value] of few.get(bucket) ?? []) this.#sink.record(key, value);
      if (this.#cut) return false;
      this.#begun = false;
      this.#bucketAt++;
    }
    return true;
  }

  readonly #visitRevision: ValueVisitor = (main, sub, tombstone, value) => {
    if (this.#left <= 0) {
      this.#main = main;
      this.#sub = sub;
      this.#cut = true;
      return false;
    }
    this.#left -= value.length + visitBytes;
    this.#sink.revision(main, sub, tombstone, value);
    return true;
  };

  #visitLeases(): void {
    const { leases } = this.#content;
    const take = (key: Bytes, value: Bytes) => {
      this.#left -= value.length + visitBytes;
      this.#sink.record(key, value);
    };
    while (this.#lease < leases.end && this.#left > 0) this.#lease = leases.read(this.#lease, take);
    this.#cut = this.#lease < leases.end;
  }
}

function fewRecords(view: ValuesView, at: DumpPosition): FewRecords {
  const few = new Map<Bucket, NamedRecord[]>();
  for (const bucket of buckets) {
    if (bucket === 'key' || bucket === 'lease') continue;
    const records: NamedRecord[] = [];
    view.scanRecords(bucket, noBytes, (key, value) => {
      records.push([key.slice(), value.slice()]);
      return true;
    });
    few.set(bucket, records);
  }
  const meta = few.get('meta') ?? [];
  set(meta, appliedKey, uint64Bytes(at.index));
  set(meta, termKey, uint64Bytes(at.term));
  set(meta, confStateKey, encodeConfState(at.confState));
  if (find(meta, storageVersionKey) === undefined) {
    const version = storageVersionOf(find(few.get('cluster') ?? [], clusterVersionKey));
    if (version !== undefined) set(meta, storageVersionKey, utf8(version));
  }
  const auth = few.get('auth') ?? [];
  if (find(auth, authRevisionKey) === undefined) set(auth, authRevisionKey, uint64Bytes(1));
  for (const records of few.values()) records.sort(([a], [b]) => compareBytes(a, b));
  return few;
}

/** etcd's storage follows the cluster's version; before 3.6 it does not say so. */
function storageVersionOf(clusterVersion: Bytes | undefined): string | undefined {
  const parts = /^(\d+)\.(\d+)\./.exec(clusterVersion === undefined ? '' : text(clusterVersion));
  if (parts === null) return undefined;
  const [major, minor] = [Number(parts[1]), Number(parts[2])];
  return major > 3 || minor >= 6 ? `${major}.${minor}.0` : undefined;
}

function find(records: readonly NamedRecord[], key: Bytes): Bytes | undefined {
  return records.find((record) => compareBytes(record[0], key) === 0)?.[1];
}

function set(records: NamedRecord[], key: Bytes, value: Bytes): void {
  const at = records.findIndex((record) => compareBytes(record[0], key) === 0);
  records.splice(at < 0 ? records.length : at, at < 0 ? 0 : 1, [key, value]);
}
