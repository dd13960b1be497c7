/** Whether a leader's heartbeats go out in time: one that comes late has a slow disk, or too much to do. Source: etcd `contention`. */
import type { ServerCounters } from '../base/counters.js';
import { idToHex, type MemberId } from '../base/ids.js';
import type { Log } from '../base/log.js';

export interface HeartbeatTimesParts {
  readonly heartbeatMs: number;
  readonly log: Log;
  readonly counters: Pick<ServerCounters, 'heartbeatSendFailures'>;
}

export class HeartbeatTimes {
  readonly #parts: HeartbeatTimesParts;
  /** When each member was last sent one. */
  readonly #sentMs = new Map<MemberId, number>();

  constructor(parts: HeartbeatTimesParts) {
    this.#parts = parts;
  }

  sent(to: MemberId, nowMs: number): void {
    const { heartbeatMs, log, counters } = this.#parts;
    const before = this.#sentMs.get(to);
    this.#sentMs.set(to, nowMs);
    if (before === undefined) return;
    const exceededMs = nowMs - before - 2 * heartbeatMs;
    if (exceededMs <= 0) return;
    counters.heartbeatSendFailures++;
    log.warn('leader failed to send out heartbeat on time; took too long, leader is overloaded likely from slow disk', {
      to: idToHex(to),
      'heartbeat-interval': `${heartbeatMs}ms`,
      'expected-duration': `${2 * heartbeatMs}ms`,
      'exceeded-duration': `${exceededMs}ms`,
    });
  }

  /** Leadership has moved: what comes next is not late. */
  reset(): void {
    this.#sentMs.clear();
  }
}
