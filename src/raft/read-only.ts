/**
 * Reads that wait until a quorum has confirmed that this leader is still the leader. Thesis 6.4.
 *
 * Each read takes the next position in a queue. A heartbeat carries the position of the queue's end; who answers it
 * confirms every read up to there. So one round serves all reads that were waiting when it began.
 */
import type { MemberId } from '../base/ids.js';
import type { Message } from '../wire/raftpb/types.js';
import type { Tracker } from './tracker.js';

/** A read that may be answered once everything up to `index` is applied. `context` is the caller's own mark. */
export interface ReadState {
  readonly index: number;
  readonly context: Uint8Array;
}

export interface WaitingRead {
  readonly request: Message;
  /** The commit index when the read arrived. */
  readonly index: number;
}

const contextBytes = 8;

export class ReadOnly {
  #waiting: WaitingRead[] = [];
  /** How many reads have been confirmed: the position before the first waiting one. */
  #confirmed = 0;
  readonly #acked = new Map<MemberId, number>();

  add(request: Message, index: number): void {
    this.#waiting.push({ request, index });
  }

  /** What a heartbeat must carry to confirm all reads that wait; undefined if none does. */
  heartbeatContext(): Uint8Array | undefined {
    if (this.#waiting.length === 0) return undefined;
    const context = new Uint8Array(contextBytes);
    const position = this.#confirmed + this.#waiting.length;
    const view = new DataView(context.buffer);
    view.setUint32(0, position >>> 0, true);
    view.setUint32(4, Math.floor(position / 0x1_0000_0000), true);
    return context;
  }

  acknowledge(from: MemberId, context: Uint8Array | undefined): void {
    if (context === undefined || context.length < contextBytes) return;
    const view = new DataView(context.buffer, context.byteOffset, contextBytes);
    const position = view.getUint32(0, true) + view.getUint32(4, true) * 0x1_0000_0000;
    this.#acked.set(from, Math.max(position, this.#acked.get(from) ?? 0));
  }

  /** Takes out the reads that a quorum has confirmed by now. */
  takeConfirmed(tracker: Tracker): readonly WaitingRead[] {
    const reached = tracker.quorumOf((id) => this.#acked.get(id) ?? 0);
    // Nobody can confirm what was not asked: a greater position would be a stray answer.
    const count = Math.min(reached - this.#confirmed, this.#waiting.length);
    if (count <= 0) return [];
    this.#confirmed += count;
    return this.#waiting.splice(0, count);
  }

  /** A new term asks anew. */
  reset(): void {
    this.#waiting = [];
    this.#confirmed = 0;
    this.#acked.clear();
  }
}
