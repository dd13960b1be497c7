/**
 * The value store on a simulated disk: what was committed when the power fails is there again, what was not is gone.
 *
 *     changes -> [commit] -> gathered while another is under way -> two calls of the disk -> durable, whole -> `done`
 *
 * It keeps the stored one's rules: commits end in order, one at a time, and each is one atomic unit of values and records.
 * What is durable is the list of all changes ever committed; a start makes them again.
 */
import type { Bytes } from '../base/bytes.js';
import { check } from '../base/check.js';
import { crc32c } from '../base/crc32c.js';
import type { Random } from '../base/random.js';
import { MemoryValues } from '../mvcc/memory-values.js';
import type { DiskFailure } from '../wire/wal/disk.js';
import type { CrashMode, SimDisk } from './disk.js';
import type { Fault } from './faults.js';

type Change = (values: MemoryValues) => void;
type Kind = 'value' | 'record' | 'lease' | 'all';

interface Made {
  readonly kind: Kind;
  readonly change: Change;
}

/** What lies on the disk; it outlives processes. */
export class ValuesImage {
  durable: Change[] = [];
  /** Handed to the disk; whether it is there after a crash, nobody knows. */
  underWay: readonly Made[] = [];

  constructor(readonly fault: Fault) {}

  keep(): void {
    const lost = this.fault === 'leasesLost' ? 'lease' : undefined;
    for (const { kind, change } of this.underWay) {
      if (kind === 'all') this.durable = [];
      if (kind !== lost) this.durable.push(change);
    }
    this.underWay = [];
  }

  crash(random: Random, mode: CrashMode): void {
    const kept = mode === 'keep' || (mode === 'tear' && random.oneIn(2));
    if (this.fault === 'commitTorn' && !kept) this.underWay = this.underWay.slice(0, this.underWay.length / 2);
    else if (this.fault === 'recordsAhead' && !kept)
      this.underWay = this.underWay.filter(({ kind }) => kind === 'record' || kind === 'lease');
    else if (!kept) this.underWay = [];
    this.keep();
  }
}

/** Each member notes there how far it is itself. */
const unshared = 'meta';
/** By the fault that reports a commit early: as many wait for others before they begin. */
const commitsHeldBack = 8;

export class SimValues extends MemoryValues {
  readonly #disk: SimDisk;
  readonly #image: ValuesImage;
  #gathered: Made[] = [];
  #asked: { readonly changes: readonly Made[]; readonly done: () => void }[] = [];
  #committing = false;
  #changed: ((digest: number) => void) | undefined;

  /** `changed` is told a digest of each change to what all members share. */
  constructor(disk: SimDisk, image: ValuesImage, changed?: (digest: number) => void) {
    super();
    this.#disk = disk;
    this.#image = image;
    check(image.underWay.length === 0, 'a crash has settled what was under way');
    for (const change of image.durable) change(this);
    this.#gathered = [];
    this.#changed = changed;
  }

  override append(main: number, sub: number, tombstone: boolean, value: Bytes): void {
    super.append(main, sub, tombstone, value);
    this.#changed?.(crc32c(value, 0, value.length, (main * 16 + sub) * 2 + Number(tombstone)));
    this.#note('value', (values) => MemoryValues.prototype.append.call(values, main, sub, tombstone, value));
  }

  override drop(main: number, sub: number, tombstone: boolean): void {
    super.drop(main, sub, tombstone);
    this.#note('value', (values) => MemoryValues.prototype.drop.call(values, main, sub, tombstone));
  }

  override setRecord(bucket: string, key: Bytes, value: Bytes): void {
    super.setRecord(bucket, key, value);
    const [ownKey, ownValue] = [key.slice(), value.slice()];
    if (bucket !== unshared) this.#changed?.(crc32c(value, 0, value.length, crc32c(key)));
    this.#note(bucket === 'lease' ? 'lease' : 'record', (values) =>
      MemoryValues.prototype.setRecord.call(values, bucket, ownKey, ownValue),
    );
  }

  override deleteRecord(bucket: string, key: Bytes): void {
    super.deleteRecord(bucket, key);
    const ownKey = key.slice();
    if (bucket !== unshared) this.#changed?.(crc32c(key) + 1);
    this.#note(bucket === 'lease' ? 'lease' : 'record', (values) =>
      MemoryValues.prototype.deleteRecord.call(values, bucket, ownKey),
    );
  }

  override commit(done: () => void): void {
    const early = this.#image.fault === 'commitReportedEarly';
    this.#asked.push({ changes: this.#gathered, done: early ? () => {} : done });
    this.#gathered = [];
    if (early) this.#disk.soon(done);
    if (!early || this.#asked.length > commitsHeldBack) this.#next();
  }

  /** Another store's content comes in the place of all that is here, whole or not at all; `done` when it is durable. */
  replaceAll(other: MemoryValues, done: () => void): void {
    check(!this.#committing && this.#asked.length === 0, 'no commit is under way when all is replaced');
    const image = this.#image;
    this.#gathered = [];
    this.#committing = true;
    image.underWay = [{ kind: 'all', change: (values) => values.replace(other) }];
    const ended = (failure: DiskFailure | undefined) => {
      if (failure !== undefined) throw failure;
      this.#committing = false;
      this.replace(other);
      done();
    };
    this.#disk.later('commit', '/values', ended, () => image.keep());
  }

  replaceAllNow(other: MemoryValues): void {
    this.replace(other);
    this.#image.underWay = [{ kind: 'all', change: (values) => values.replace(other) }];
    this.#image.keep();
  }

  #note(kind: Kind, change: Change): void {
    this.#gathered.push({ kind, change });
  }

  /** All that was asked for meanwhile is one commit. */
  #next(): void {
    if (this.#committing || this.#asked.length === 0) return;
    this.#committing = true;
    const asked = this.#asked;
    this.#asked = [];
    const image = this.#image;
    image.underWay = asked.flatMap(({ changes }) => changes);
    const place = '/values';
    const ended = (failure: DiskFailure | undefined) => {
      if (failure !== undefined) throw failure;
      this.#committing = false;
      for (const { done } of asked) done();
      this.#next();
    };
    const written = (failure: DiskFailure | undefined) => {
      if (failure !== undefined) throw failure;
      this.#disk.later('commit', place, ended, () => image.keep());
    };
    this.#disk.later('writeValues', place, written, () => {});
  }
}
