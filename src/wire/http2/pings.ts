/**
 * Pings: what a client may do with them, and our own to find out whether the peer still lives.
 *
 * The rules for clients are grpc-go's, for they decide whether an etcd client is sent away: a ping is a strike when it
 * comes sooner than `minTimeMs` after the one before (with no call open: two hours), unless we have sent headers or data
 * since; the third strike too many ends the connection.
 */
export interface KeepaliveLimits {
  /** Pings may come no closer together. */
  readonly minTimeMs: number;
  /** May a client without open calls ping as often as one with? */
  readonly permitWithoutStream: boolean;
  /** We ping when nothing was heard for so long; `Infinity`: never. */
  readonly intervalMs: number;
  /** How long an answer to our ping may take. */
  readonly timeoutMs: number;
}

/** As etcd sets them. */
export const keepaliveDefaults: KeepaliveLimits = {
  minTimeMs: 5_000,
  permitWithoutStream: false,
  intervalMs: 7_200_000,
  timeoutMs: 20_000,
};

const strikesMax = 2;
const idleMinTimeMs = 7_200_000;

export class Pings {
  #strikes = 0;
  #lastMs = Number.NEGATIVE_INFINITY;
  #heardMs: number;
  #askedMs = -1;

  constructor(
    readonly limits: KeepaliveLimits,
    nowMs: number,
  ) {
    this.#heardMs = nowMs;
  }

  /** A ping has come. False when it was one too many. */
  received(nowMs: number, sentSinceLast: boolean, streams: number): boolean {
    const sinceMs = nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    if (sentSinceLast) {
      this.#strikes = 0;
      return true;
    }
    const minTimeMs = streams === 0 && !this.limits.permitWithoutStream ? idleMinTimeMs : this.limits.minTimeMs;
    if (sinceMs < minTimeMs) this.#strikes++;
    return this.#strikes <= strikesMax;
  }

  /** Anything has come. */
  heard(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#askedMs = -1;
  }

  /** What is to be done now: nothing, ask the peer, or give it up. */
  due(nowMs: number): 'nothing' | 'ask' | 'dead' {
    if (this.#askedMs >= 0) return nowMs - this.#askedMs >= this.limits.timeoutMs ? 'dead' : 'nothing';
    if (nowMs - this.#heardMs < this.limits.intervalMs) return 'nothing';
    this.#askedMs = nowMs;
    return 'ask';
  }
}
