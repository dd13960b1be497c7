/** Whether a peer answers, as its connections find; said in the log when it changes. */
import { performance } from 'node:perf_hooks';
import type { PeerCount } from '../../base/counters.js';
import { idToHex, type MemberId } from '../../base/ids.js';
import type { Log } from '../../base/log.js';

/** etcd's names of the carriers, for its log lines. */
export type Carrier = 'stream MsgApp v2' | 'stream Message' | 'pipeline' | 'sendMsgSnap';

export class PeerStatus {
  /** By `World.nowMs`. */
  activeSinceMs: number | undefined;

  constructor(
    readonly id: MemberId,
    readonly log: Log,
    readonly count: PeerCount,
  ) {}

  activate(): void {
    if (this.activeSinceMs !== undefined) return;
    this.activeSinceMs = performance.now();
    this.count.active = 1;
    this.count.seen = true;
    this.log.info('peer became active', { 'peer-id': idToHex(this.id) });
  }

  deactivate(carrier: Carrier, action: 'dial' | 'read' | 'write' | 'heartbeat' | 'post', reason: string): void {
    const { log, id } = this;
    const active = this.activeSinceMs !== undefined;
    if (!active && !log.debugEnabled) return;
    const peer = idToHex(id);
    const fields = { 'peer-id': peer, error: `failed to ${action} ${peer} on ${carrier} (${reason})` };
    if (!active) return log.debug('peer deactivated again', fields);
    this.forget();
    this.count.disconnected++;
    log.warn('peer became inactive (message send to peer failed)', fields);
  }

  /** We have ended it ourselves. */
  forget(): void {
    this.activeSinceMs = undefined;
    this.count.active = 0;
  }
}
