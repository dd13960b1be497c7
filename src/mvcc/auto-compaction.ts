/**
 * When to compact without being asked, and to what: etcd's two modes. Only a plan: whoever owns the clock calls `step`
 * at `nextAtMs`, proposes what it answers, and tells `ended` how that went.
 *
 *     periodic   keeps what was changed within the retention: samples the revision ten times a period (at least every
 *                6 minutes), and each period (at least each hour) compacts to the sample that is one retention old
 *     revision   keeps so many revisions: looks every 5 minutes
 */
import { check } from '../base/check.js';

export interface AutoCompaction {
  /** When `step` is due; infinite while a proposal is under way. */
  readonly nextAtMs: number;
  /** The revision to propose a compaction to, if it is time for one. Only the member that `leads` proposes. */
  step(nowMs: number, revision: number, leads: boolean): number | undefined;
  /** The proposal ended; refused as compacted already counts as success. */
  ended(nowMs: number, revision: number, succeeded: boolean): void;
}

const hourMs = 3_600_000;
const samplesPerPeriod = 10;

export class PeriodicCompaction implements AutoCompaction {
  readonly #retentionMs: number;
  readonly #periodMs: number;
  readonly #sampleMs: number;
  readonly #samplesMax: number;
  /** Oldest first. */
  readonly #samples: number[] = [];
  #lastSuccessMs: number;
  #lastRevision = 0;
  /** Until the first compaction a whole retention has to pass. */
  #waitMs: number;
  #proposed = 0;
  nextAtMs: number;

  constructor(retentionMs: number, nowMs: number, revision: number) {
    check(retentionMs > 0, 'a retention of nothing is no automatic compaction');
    this.#retentionMs = this.#waitMs = retentionMs;
    this.#periodMs = Math.min(retentionMs, hourMs);
    this.#sampleMs = this.#periodMs / samplesPerPeriod;
    this.#samplesMax = Math.floor(this.#retentionMs / this.#sampleMs) + 1;
    this.#lastSuccessMs = nowMs;
    this.nextAtMs = nowMs;
    this.#sample(nowMs, revision);
  }

  #sample(nowMs: number, revision: number): void {
    this.#samples.push(revision);
    if (this.#samples.length > this.#samplesMax) this.#samples.shift();
    this.nextAtMs = nowMs + this.#sampleMs;
  }

  step(nowMs: number, revision: number, leads: boolean): number | undefined {
    if (nowMs < this.nextAtMs) return undefined;
    const oldest = this.#samples[0] ?? 0;
    const due = nowMs - this.#lastSuccessMs >= this.#waitMs && oldest !== this.#lastRevision;
    if (!leads || !due) {
      this.#sample(nowMs, revision);
      return undefined;
    }
    this.#waitMs = this.#periodMs;
    this.#proposed = oldest;
    this.nextAtMs = Number.POSITIVE_INFINITY;
    return oldest;
  }

  ended(nowMs: number, revision: number, succeeded: boolean): void {
    if (succeeded) {
      this.#lastRevision = this.#proposed;
      this.#lastSuccessMs = nowMs;
    }
    this.#sample(nowMs, revision);
  }
}

const lookMs = 300_000;

export class RevisionCompaction implements AutoCompaction {
  readonly #retention: number;
  #lastRevision = 0;
  #proposed = 0;
  nextAtMs: number;

  constructor(retention: number, nowMs: number) {
    check(retention > 0, 'a retention of nothing is no automatic compaction');
    this.#retention = retention;
    this.nextAtMs = nowMs + lookMs;
  }

  step(nowMs: number, revision: number, leads: boolean): number | undefined {
    if (nowMs < this.nextAtMs) return undefined;
    this.nextAtMs = nowMs + lookMs;
    const target = revision - this.#retention;
    if (!leads || target <= 0 || target === this.#lastRevision) return undefined;
    this.#proposed = target;
    this.nextAtMs = Number.POSITIVE_INFINITY;
    return target;
  }

  ended(nowMs: number, _revision: number, succeeded: boolean): void {
    if (succeeded) this.#lastRevision = this.#proposed;
    this.nextAtMs = nowMs + lookMs;
  }
}
