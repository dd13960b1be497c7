/** A server's resident memory: before an attack, at most, and after a rest. */
import { setTimeout as sleep } from 'node:timers/promises';
import { residentMiB } from '../../dist/client/load/server-process.js';

const marginMiB = 32;
const restMsMax = 5_000;
const pollMs = 100;

export class Memory {
  #pid;

  constructor(pid) {
    this.#pid = pid;
    this.baseMiB = residentMiB(String(pid));
    this.mostMiB = this.baseMiB;
    this.afterMiB = this.baseMiB;
  }

  get takenMiB() {
    return this.mostMiB - this.baseMiB;
  }

  look() {
    this.mostMiB = Math.max(this.mostMiB, residentMiB(String(this.#pid)));
  }

  /** Waits a little for it to be back at its base. */
  async returns() {
    for (const sinceMs = Date.now(); ; await sleep(pollMs)) {
      this.afterMiB = residentMiB(String(this.#pid));
      if (this.afterMiB - this.baseMiB <= marginMiB) return true;
      if (Date.now() - sinceMs >= restMsMax) return false;
    }
  }

  toString() {
    return `memory ${[this.baseMiB, this.mostMiB, this.afterMiB].map(Math.round).join(' -> ')} MiB`;
  }
}
