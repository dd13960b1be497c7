/**
 * Asks raft for read indexes: in which turn, under which name, and again when no answer comes. Who waits in which round is in
 * `reads.ts`.
 */
import type { Bytes } from '../base/bytes.js';
import type { ServerCounters } from '../base/counters.js';
import { printDuration } from '../base/go-text.js';
import type { Log } from '../base/log.js';
import type { RawNode } from '../raft/raw-node.js';
import type { ReadState } from '../raft/read-only.js';
import type { ErrorName } from '../wire/errors.js';
import type { ReadWaiter } from './front.js';
import { Reads } from './reads.js';
import type { RequestIds } from './request-ids.js';

export interface ReadIndexingParts {
  readonly node: RawNode;
  readonly ids: RequestIds;
  readonly log: Log;
  readonly counters: ServerCounters;
  readonly nowMs: () => number;
  readonly timeoutMs: number;
}

export class ReadIndexing {
  readonly #parts: ReadIndexingParts;
  readonly #reads = new Reads();

  constructor(parts: ReadIndexingParts) {
    this.#parts = parts;
  }

  add(waiter: ReadWaiter): void {
    this.#reads.add(waiter, this.#parts.nowMs());
  }

  /** A turn ends, and there is a leader to be asked. */
  begin(): void {
    if (!this.#reads.waiting) return;
    const nowMs = this.#parts.nowMs();
    if (!this.#reads.mayBegin(nowMs)) return;
    const id = this.#parts.ids.next();
    this.#reads.begin(id, nowMs);
    this.#parts.node.readIndex(this.#nameOf(id));
  }

  /** Asks once more for the reads that have no answer: a message may be lost, or a leader may not have known before. */
  askAgain(): void {
    if (!this.#reads.unanswered) return;
    const id = this.#parts.ids.next();
    this.#reads.askAgain(id, this.#parts.nowMs());
    this.#parts.node.readIndex(this.#nameOf(id));
  }

  tick(nowMs: number, hasLeader: boolean): void {
    const { counters, log, timeoutMs } = this.#parts;
    const slow = this.#reads.expire(nowMs, timeoutMs);
    counters.slowReadIndexes += slow;
    if (slow > 0) {
      const timeout = printDuration(timeoutMs);
      log.warn('timed out waiting for read index response (local node might have slow network)', { timeout });
    }
    if (hasLeader && this.#reads.shouldAskAgain(nowMs)) this.askAgain();
  }

  answered({ context, index }: ReadState): void {
    const { ids, log, counters } = this.#parts;
    const view = new DataView(context.buffer, context.byteOffset, context.byteLength);
    const id = ids.suffixOf(view.getUint32(0), view.getUint32(4));
    if (this.#reads.answered(id, index)) return;
    log.warn(
      'ignored out-of-date read index response; local node read indexes queueing up and waiting to be in sync with leader',
    );
    counters.slowReadIndexes++;
  }

  confirm(applied: number): void {
    this.#reads.confirm(applied);
  }

  /** Whoever was asked leads no more. */
  leaderChanged(): void {
    this.#parts.counters.readIndexesFailed += this.#reads.leaderChanged();
  }

  failAll(error: ErrorName): void {
    this.#reads.failAll(error);
  }

  /** A read's name as raft carries it, 8 bytes, big-endian: the leader tells the reads of all members apart by it. */
  #nameOf(id: number): Bytes {
    const name = new Uint8Array(8);
    const view = new DataView(name.buffer);
    view.setUint32(0, this.#parts.ids.high(id));
    view.setUint32(4, id % 0x1_0000_0000);
    return name;
  }
}
