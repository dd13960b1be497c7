/** When a leader compares the members: at an interval, one comparison at a time. */
import type { Chore } from '../base/chores.js';
import { idToHex } from '../base/ids.js';
import type { Assembled } from './assembly.js';
import type { CorruptionChecker } from './corruption.js';

export interface TimedCheck {
  readonly intervalMs: number;
  isLeader(): boolean;
  /** `done` is called when it is over. */
  check(done: () => void): void;
}

export class CorruptionTimer implements Chore {
  readonly #timed: TimedCheck;
  #dueMs = -1;
  #running = false;

  constructor(timed: TimedCheck) {
    this.#timed = timed;
  }

  step(nowMs: number): number {
    const { intervalMs } = this.#timed;
    if (this.#dueMs < 0) this.#dueMs = nowMs + intervalMs;
    if (nowMs >= this.#dueMs) {
      this.#dueMs = nowMs + intervalMs;
      this.#begin();
    }
    return this.#dueMs - nowMs;
  }

  #begin(): void {
    if (this.#running || !this.#timed.isLeader()) return;
    this.#running = true;
    this.#timed.check(() => {
      this.#running = false;
    });
  }
}

/** The comparisons that this member was told to make. */
export function corruptionTimers({ options, member, log }: Assembled, checker: CorruptionChecker): readonly Chore[] {
  const { corruptCheckMs, compactHashCheckMs } = options;
  const isLeader = () => member.isLeader;
  const timers: Chore[] = [];
  if (corruptCheckMs > 0) {
    const interval = `${corruptCheckMs / 1000}s`;
    log.info('enabled corruption checking', { 'local-member-id': idToHex(member.memberId), interval });
    const check = (done: () => void) =>
      checker.checkNow((fault) => {
        if (fault !== undefined) log.warn('failed to check hash KV', { error: fault });
        done();
      });
    timers.push(new CorruptionTimer({ intervalMs: corruptCheckMs, isLeader, check }));
  }
  if (compactHashCheckMs > 0) {
    const check = (done: () => void) => checker.checkCompactions(done);
    timers.push(new CorruptionTimer({ intervalMs: compactHashCheckMs, isLeader, check }));
  }
  return timers;
}
