/**
 * The end of a member that is of its cluster no more. It learns so from its own log, or from a peer that refuses to hear it;
 * then it stops for good: its id never comes back.
 */
import type { Log } from '../base/log.js';

/** A member that has applied its own removal stays this long, so that the others hear of the commit. Source: etcd. */
const lingerMs = 1000;

export class Departure {
  readonly #log: Log;
  readonly #nowMs: () => number;
  #leaveAtMs = Number.POSITIVE_INFINITY;
  #left = false;
  readonly #onLeave: (() => void)[] = [];

  constructor(log: Log, nowMs: () => number) {
    this.#log = log;
    this.#nowMs = nowMs;
  }

  /** Called once each, when the member is to stop. */
  whenLeaving(tell: () => void): void {
    this.#onLeave.push(tell);
  }

  /** Its own removal was applied here. */
  removedSelf(): void {
    this.#leaveAtMs = Math.min(this.#leaveAtMs, this.#nowMs() + lingerMs);
  }

  /** A peer answered that it was removed. */
  removedByPeer(): void {
    this.#leave();
  }

  tick(nowMs: number): void {
    if (nowMs >= this.#leaveAtMs) this.#leave();
  }

  #leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#log.warn('server error', { error: 'the member has been permanently removed from the cluster' });
    this.#log.warn('data-dir used by this member must be removed');
    for (const tell of this.#onLeave) tell();
  }
}
