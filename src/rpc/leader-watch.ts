/**
 * Streams whose clients want to know when there is no leader (`hasleader: true`): they are ended when none has been known at three
 * looks in a row, an election timeout apart. New calls are refused at once, but opening a stream again costs much more.
 *
 * Source: etcd `monitorLeader`.
 */
import { noMember } from '../base/ids.js';
import type { MemberFront } from '../member/front.js';
import type { Call, Method } from '../wire/grpc/service.js';
import { refuse } from './answers.js';

const missedLooksMax = 3;
/** Streams that ended by themselves are forgotten when so many more have come. */
const sweepEvery = 1024;

export class LeaderWatch {
  readonly #front: Pick<MemberFront, 'leader'>;
  readonly #electionMs: number;
  #streams = new Map<Call, Method>();
  #sweepAt = sweepEvery;
  #lookAtMs = 0;
  #missedLooks = 0;

  constructor(front: Pick<MemberFront, 'leader'>, electionMs: number) {
    this.#front = front;
    this.#electionMs = electionMs;
  }

  get streams(): number {
    return this.#streams.size;
  }

  /** A stream is opened; false when it was refused. */
  admit(call: Call, method: Method): boolean {
    if (call.metadata('hasleader') !== 'true') return true;
    if (this.#front.leader === noMember) {
      refuse(call, 'noLeader');
      return false;
    }
    this.#streams.set(call, method);
    if (this.#streams.size >= this.#sweepAt) this.#sweep();
    return true;
  }

  /** The client has left it. */
  forget(call: Call): void {
    this.#streams.delete(call);
  }

  tick(nowMs: number): void {
    if (nowMs < this.#lookAtMs) return;
    this.#lookAtMs = nowMs + this.#electionMs;
    this.#missedLooks = this.#front.leader === noMember ? this.#missedLooks + 1 : 0;
    if (this.#missedLooks < missedLooksMax) return;
    const streams = this.#streams;
    this.#streams = new Map();
    for (const [call, method] of streams) {
      if (call.ended) continue;
      refuse(call, 'noLeader');
      // The stream is over for whoever serves it, as if the client had gone.
      method.canceled?.(call);
    }
  }

  #sweep(): void {
    for (const call of this.#streams.keys()) if (call.ended) this.#streams.delete(call);
    this.#sweepAt = this.#streams.size + sweepEvery;
  }
}
