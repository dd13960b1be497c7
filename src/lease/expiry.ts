/**
 * The leader's duty to end what is due: looks twice a second, and proposes to revoke, a few at a time.
 *
 * Nothing leaves the book here: a lease ends when its revocation is applied, on all members alike.
 */
import { check } from '../base/check.js';
import type { LeaseId } from '../base/ids.js';
import type { Deadlines } from './deadlines.js';

const scanEveryMs = 500;
const duePerScanMax = 500;
const inFlightMax = 16;

export interface Revoker {
  /** Proposes to revoke the lease, as root; `Expiry.ended` is to be called once, when that was applied or has failed. */
  revoke(id: LeaseId): void;
}

export class Expiry {
  readonly #deadlines: Deadlines;
  readonly #revoker: Revoker;
  #nextScanMs = 0;
  #due: LeaseId[] = [];
  #inFlight = 0;
  #revoking = false;

  constructor(deadlines: Deadlines, revoker: Revoker) {
    this.#deadlines = deadlines;
    this.#revoker = revoker;
  }

  /** To be called at least twice a second. */
  tick(nowMs: number): void {
    if (nowMs < this.#nextScanMs) return;
    this.#nextScanMs = nowMs + scanEveryMs;
    // Those of the last scan that are still waiting come again by themselves.
    if (this.#due.length === 0) this.#due = this.#deadlines.takeDue(duePerScanMax).reverse();
    this.#revoke();
  }

  ended(): void {
    check(this.#inFlight > 0, 'only what was proposed ends');
    this.#inFlight--;
    this.#revoke();
  }

  #revoke(): void {
    // What is refused at once ends within its own proposal.
    if (this.#revoking) return;
    this.#revoking = true;
    while (this.#inFlight < inFlightMax) {
      if (!this.#deadlines.leading) this.#due.length = 0;
      const id = this.#due.pop();
      if (id === undefined) break;
      this.#inFlight++;
      this.#revoker.revoke(id);
    }
    this.#revoking = false;
  }
}
