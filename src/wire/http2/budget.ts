/**
 * How much of something a peer may do: a store of tokens that fills again with time, and with honest work.
 *
 * Every known flood of HTTP/2 is frames that cost the sender little and bring no call forward. So each such frame costs a
 * token, each frame that does bring a call forward earns some, and a peer that has none left is sent away.
 */
export class Budget {
  #tokens: number;
  #filledMs: number;

  constructor(
    readonly tokensMax: number,
    readonly perSecond: number,
    nowMs: number,
    /** Where it begins. */
    tokens = tokensMax,
  ) {
    this.#tokens = tokens;
    this.#filledMs = nowMs;
  }

  /** False when the peer has spent more than it may. */
  spend(nowMs: number, tokens = 1): boolean {
    this.#tokens -= tokens;
    if (this.#tokens >= 0) return true;
    this.#tokens = Math.min(this.tokensMax, this.#tokens + ((nowMs - this.#filledMs) * this.perSecond) / 1000);
    this.#filledMs = nowMs;
    return this.#tokens >= 0;
  }

  earn(tokens: number): void {
    this.#tokens = Math.min(this.tokensMax, this.#tokens + tokens);
  }
}
