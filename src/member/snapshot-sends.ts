/**
 * Snapshots on their way to followers that are too far behind: each is this member's state at one applied index, newer than what
 * raft asked for, with the database as it was at that moment. Source: etcd's merged snapshots.
 *
 * While one is under way, and for a while after it has arrived, the entries behind it are kept: a follower that finds them gone
 * needs another snapshot, and so on for ever.
 */
import { idToHex, type MemberId } from '../base/ids.js';
import type { Log } from '../base/log.js';
import type { Message } from '../wire/raftpb/types.js';
import type { Applier } from './applier.js';
import type { DatabaseDump } from './database-dump.js';
import type { World } from './world.js';

/** Each costs a connection's worth of reading and sending; who comes later is asked to come again. */
const underWayMax = 2;
/** Source: etcd `releaseDelayAfterSnapshot`. */
const keepMs = 30_000;

export interface SnapshotSendsParts {
  readonly world: Pick<World, 'sendSnapshot' | 'nowMs'>;
  readonly applier: Pick<Applier, 'applied' | 'appliedTerm' | 'confState' | 'image'>;
  readonly log: Log;
  /** Begins the database of this very moment. */
  readonly beginDump: () => DatabaseDump;
  /** How the sending to a follower ended, for raft: in a turn of its own, but for what was not begun. */
  readonly report: (to: MemberId, arrived: boolean) => void;
}

export class SnapshotSends {
  readonly #parts: SnapshotSendsParts;
  /** From where on each is followed by entries. */
  readonly #underWay = new Map<MemberId, number>();
  readonly #arrived: { readonly index: number; readonly untilMs: number }[] = [];

  constructor(parts: SnapshotSendsParts) {
    this.#parts = parts;
  }

  /** Entries behind this index may be asked for by those who were sent a snapshot; `Infinity` where there are none. */
  neededAfter(): number {
    const nowMs = this.#parts.world.nowMs();
    while ((this.#arrived[0]?.untilMs ?? nowMs) < nowMs) this.#arrived.shift();
    return Math.min(...this.#underWay.values(), ...this.#arrived.map(({ index }) => index));
  }

  /** `message` is raft's, with the snapshot that it would have sent. */
  send(message: Message): void {
    const { world, applier, log, beginDump, report } = this.#parts;
    const { to } = message;
    if (this.#underWay.size >= underWayMax || this.#underWay.has(to)) return report(to, false);
    const metadata = { index: applier.applied, term: applier.appliedTerm, confState: applier.confState };
    const { index } = metadata;
    // Raft goes on behind the snapshot that it knows of, which is older.
    this.#underWay.set(to, Math.min(index, message.snapshot?.metadata.index ?? index));
    const beganMs = world.nowMs();
    const fields = { to: idToHex(to), 'snapshot-index': index };
    log.info('sending merged snapshot', fields);
    world.sendSnapshot(to, { ...message, snapshot: { data: applier.image(), metadata } }, beginDump(), (arrived) => {
      const nowMs = world.nowMs();
      const kept = this.#underWay.get(to) ?? index;
      this.#underWay.delete(to);
      if (arrived) this.#arrived.push({ index: kept, untilMs: nowMs + keepMs });
      const took = `${nowMs - beganMs}ms`;
      if (arrived) log.info('sent merged snapshot', { ...fields, took });
      else log.warn('failed to send merged snapshot', { ...fields, took });
      report(to, arrived);
    });
  }
}
