/**
 * When to compact without being asked, and to what: etcd's two modes. Only a plan: whoever owns the clock calls `tick`
 * often, proposes what it answers, and tells `ended` how that went; until then nothing more is answered.
 *
 *     periodic   keeps what was changed within the retention: samples the revision ten times a period (at least every
 *                6 minutes), and each period (at least each hour) compacts to the sample that is one retention old
 *     revision   keeps so many revisions: looks every 5 minutes
 *
 * A member that does not lead may tick too, with `leads` false, so that it has its samples when it comes to lead.
 */
import { check } from '../base/check.js';

export interface AutoCompactor {
  /** The revision to propose a compaction to, if it is time for one. */
  tick(nowMs: number, revision: number, leads?: boolean): number | undefined;
  /** The proposal was carried out, or failed; refused as compacted already counts as done. */
  ended(done: boolean): void;
}

/** `periodic`: keep this many milliseconds of history. `revision`: keep this many revisions. */
export type AutoCompaction =
  | { readonly mode: 'periodic'; readonly retentionMs: number }
  | { readonly mode: 'revision'; readonly retention: number };

/** Undefined where nothing is to be compacted without being asked: no mode, or a retention of 0. */
export function autoCompactor(wanted: AutoCompaction | undefined): AutoCompactor | undefined {
  if (wanted === undefined) return undefined;
  if (wanted.mode === 'periodic') return wanted.retentionMs > 0 ? new PeriodicCompactor(wanted.retentionMs) : undefined;
  return wanted.retention > 0 ? new RevisionCompactor(wanted.retention) : undefined;
}

/** The proposal that was answered last. */
type Proposal = { readonly revision: number; state: 'underWay' | 'done' | 'failed' };

const hourMs = 3_600_000;
const samplesPerPeriod = 10;

export class PeriodicCompactor implements AutoCompactor {
  readonly #periodMs: number;
  readonly #sampleMs: number;
  readonly #samplesMax: number;
  /** Oldest first. */
  readonly #samples: number[] = [];
  #nextAtMs = 0;
  #lastSuccessMs = 0;
  #lastRevision = 0;
  /** Until the first compaction a whole retention has to pass. */
  #waitMs: number;
  #proposal: Proposal | undefined;

  constructor(retentionMs: number) {
    check(retentionMs > 0, 'a retention of nothing is no automatic compaction');
    this.#waitMs = retentionMs;
    this.#periodMs = Math.min(retentionMs, hourMs);
    this.#sampleMs = this.#periodMs / samplesPerPeriod;
    this.#samplesMax = Math.floor(retentionMs / this.#sampleMs) + 1;
  }

  tick(nowMs: number, revision: number, leads = true): number | undefined {
    if (this.#samples.length === 0) {
      this.#lastSuccessMs = nowMs;
      this.#sample(nowMs, revision);
    } else if (this.#proposal !== undefined) this.#goOn(this.#proposal, nowMs, revision);
    else if (nowMs >= this.#nextAtMs) return this.#look(nowMs, revision, leads);
    return undefined;
  }

  #sample(nowMs: number, revision: number): void {
    this.#samples.push(revision);
    if (this.#samples.length > this.#samplesMax) this.#samples.shift();
    this.#nextAtMs = nowMs + this.#sampleMs;
  }

  /** etcd looks before it samples, so the oldest sample is up to a tenth of a period older than the retention. */
  #look(nowMs: number, revision: number, leads: boolean): number | undefined {
    const oldest = this.#samples[0] ?? 0;
    const due = nowMs - this.#lastSuccessMs >= this.#waitMs && oldest !== this.#lastRevision;
    if (!leads || !due) {
      this.#sample(nowMs, revision);
      return undefined;
    }
    this.#waitMs = this.#periodMs;
    this.#proposal = { revision: oldest, state: 'underWay' };
    return oldest;
  }

  #goOn(proposal: Proposal, nowMs: number, revision: number): void {
    if (proposal.state === 'underWay') return;
    if (proposal.state === 'done') {
      this.#lastRevision = proposal.revision;
      this.#lastSuccessMs = nowMs;
    }
    this.#proposal = undefined;
    this.#sample(nowMs, revision);
  }

  ended(done: boolean): void {
    if (this.#proposal !== undefined) this.#proposal.state = done ? 'done' : 'failed';
  }
}

const lookMs = 300_000;

export class RevisionCompactor implements AutoCompactor {
  readonly #retention: number;
  #nextAtMs = -1;
  #lastRevision = 0;
  #proposal: Proposal | undefined;

  constructor(retention: number) {
    check(retention > 0, 'a retention of nothing is no automatic compaction');
    this.#retention = retention;
  }

  tick(nowMs: number, revision: number, leads = true): number | undefined {
    if (this.#proposal?.state === 'underWay') return undefined;
    if (this.#proposal?.state === 'done') this.#lastRevision = this.#proposal.revision;
    const rests = this.#nextAtMs < 0 || this.#proposal !== undefined;
    this.#proposal = undefined;
    if (!rests && nowMs < this.#nextAtMs) return undefined;
    this.#nextAtMs = nowMs + lookMs;
    const target = revision - this.#retention;
    if (rests || !leads || target <= 0 || target === this.#lastRevision) return undefined;
    this.#proposal = { revision: target, state: 'underWay' };
    return target;
  }

  ended(done: boolean): void {
    if (this.#proposal !== undefined) this.#proposal.state = done ? 'done' : 'failed';
  }
}
