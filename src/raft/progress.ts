/**
 * What a leader knows of one follower, and whether it may send to it.
 *
 *   probe      the follower's end of log is unknown: one append a heartbeat, until one is accepted
 *   replicate  known: appends stream, as far as the window of in-flight messages lets them
 *   snapshot   it needs entries that are compacted away: a snapshot is on its way, appends wait
 *
 * Thesis 3.5, 10.2.1; the three states are etcd's.
 */
import { check } from '../base/check.js';
import type { MemberId } from '../base/ids.js';
import type { Inflights } from './inflights.js';

export type ProgressState = 'probe' | 'replicate' | 'snapshot';

export class Progress {
  state: ProgressState = 'probe';
  /** Highest index known to be in the follower's log and equal to ours. */
  match = 0;
  /** First index not yet sent. Invariant: match < next; in `snapshot`, next is pendingSnapshot + 1. */
  next: number;
  /** Highest commit index told. It falls back where what was sent is doubted. */
  sentCommit = 0;
  /** Index of the snapshot on its way; 0 but in `snapshot`. */
  pendingSnapshot = 0;
  /** Has been heard of since the last quorum check. Always true of the leader itself. */
  recentActive = false;
  /** No append but after a heartbeat's answer: while probing, and while the window is full. */
  flowPaused = false;
  readonly inflights: Inflights;

  constructor(
    readonly id: MemberId,
    next: number,
    public isLearner: boolean,
    inflights: Inflights,
  ) {
    this.next = next;
    this.inflights = inflights;
  }

  /** Forgets all, as at the beginning of a term. */
  reset(match: number, next: number): void {
    this.#enter('probe');
    this.match = match;
    this.next = next;
    this.sentCommit = 0;
    this.recentActive = false;
  }

  becomeProbe(): void {
    // Coming from a snapshot that is known to have arrived, probing goes on right after it.
    const after = Math.max(this.match, this.state === 'snapshot' ? this.pendingSnapshot : 0);
    this.#enter('probe');
    this.#sendFrom(after + 1);
  }

  becomeReplicate(): void {
    this.#enter('replicate');
    this.next = this.match + 1;
  }

  becomeSnapshot(index: number): void {
    this.#enter('snapshot');
    this.pendingSnapshot = index;
    this.next = index + 1;
    this.sentCommit = index;
  }

  get paused(): boolean {
    return this.state === 'snapshot' || this.flowPaused;
  }

  /** Takes note of an append with `count` entries of `bytes` payload bytes. */
  sentEntries(count: number, bytes: number): void {
    check(this.state !== 'snapshot', 'no append is sent while a snapshot is on its way');
    if (this.state === 'probe') {
      if (count > 0) this.flowPaused = true;
      return;
    }
    if (count > 0) {
      this.next += count;
      this.inflights.add(this.next - 1, bytes);
    }
    this.flowPaused = this.inflights.full;
  }

  /** Whether telling `commit` can let the follower commit more than what it was told allows. */
  canBumpCommit(commit: number): boolean {
    return commit > this.sentCommit && this.sentCommit < this.next - 1;
  }

  /** The follower has accepted up to `index`. False if that is not news. */
  acknowledged(index: number): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.flowPaused = false;
    return true;
  }

  /** The follower has refused an append after `rejected`; its log may match up to `hint`. False if the refusal is stale. */
  refused(rejected: number, hint: number): boolean {
    if (this.state === 'replicate') {
      if (rejected <= this.match) return false;
      this.#sendFrom(this.match + 1);
      return true;
    }
    // While probing, one append is out at a time: the refusal must be the answer to that one.
    if (rejected !== this.next - 1) return false;
    this.#sendFrom(Math.max(Math.min(rejected, hint + 1), this.match + 1));
    this.flowPaused = false;
    return true;
  }

  #enter(state: ProgressState): void {
    this.state = state;
    this.flowPaused = false;
    this.pendingSnapshot = 0;
    this.inflights.clear();
  }

  #sendFrom(next: number): void {
    check(next > this.match, 'what has matched is not sent again');
    this.next = next;
    this.sentCommit = Math.min(this.sentCommit, next - 1);
  }

  /** As etcd prints it. */
  toString(): string {
    const state = { probe: 'StateProbe', replicate: 'StateReplicate', snapshot: 'StateSnapshot' }[this.state];
    let text = `${state} match=${this.match} next=${this.next}`;
    if (this.isLearner) text += ' learner';
    if (this.paused) text += ' paused';
    if (this.pendingSnapshot > 0) text += ` pendingSnap=${this.pendingSnapshot}`;
    if (!this.recentActive) text += ' inactive';
    if (this.inflights.count > 0) text += ` inflight=${this.inflights.count}${this.inflights.full ? '[full]' : ''}`;
    return text;
  }
}
