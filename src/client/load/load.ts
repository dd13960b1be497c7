/**
 * A load under way: callers that are kept busy, and what has been counted of them.
 *
 * The clock is read once per chunk that a socket brings, by the socket: a caller's next call begins when the chunk with
 * its last answer arrived. So a latency includes the generator's own work, as it does for a real client.
 */
import { Random } from '../../base/random.js';
import { CallHead, type ClientConnection } from '../../wire/grpc/client.js';
import { Caller, type Employer } from './caller.js';
import type { LoadFlags } from './flags.js';
import { Latencies } from './latencies.js';
import type { Work } from './work.js';

const complaintsMax = 5;

export class Load implements Employer {
  readonly latencies = new Latencies();
  /** Only what ends while this is true is counted. */
  counting = false;
  errors = 0;
  readonly head: CallHead;
  readonly keysAnswered: number | undefined;

  readonly #random = new Random(1);
  #begun = 0;
  #running = 0;
  #stopped = false;
  /** Of a paced load: callers that wait for their turn. */
  readonly #idle: Caller[] = [];
  #whenDone: (() => void) | undefined;

  constructor(
    readonly flags: LoadFlags,
    readonly work: Work,
    readonly connections: readonly ClientConnection[],
  ) {
    this.head = new CallHead(work.path, flags.endpoint);
    this.keysAnswered = work.keysAnswered;
  }

  /** All callers at once; each begins anew when it has its answer. */
  start(nowMs: number): void {
    for (let i = 0; i < this.flags.clients; i++) this.#begin(this.#caller(i), nowMs);
  }

  /**
   * A paced load: begins what is due by now. A latency counts from when its operation was due, so that a server that
   * stalls is charged for all that came to stand in line.
   */
  pace(sinceMs: number, nowMs: number): void {
    const due = Math.floor(((nowMs - sinceMs) * this.flags.pace) / 1000);
    while (this.#begun < due && !this.#stopped) {
      this.#begin(
        this.#idle.pop() ?? this.#caller(this.#running),
        sinceMs + ((this.#begun + 1) * 1000) / this.flags.pace,
      );
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#doneIfSo();
  }

  /** When no call is under way any more. */
  done(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenDone = resolve;
      this.#doneIfSo();
    });
  }

  #caller(i: number): Caller {
    return new Caller(this, this.connections[i % this.connections.length] as ClientConnection);
  }

  #begin(caller: Caller, nowMs: number): void {
    const { total, keys } = this.flags;
    if (this.#stopped || (total > 0 && this.#begun >= total)) return;
    const number = this.work.inOrder ? this.#begun % keys : this.#random.below(keys);
    this.#begun++;
    this.#running++;
    caller.begin(this.work.request.aim(number), nowMs);
  }

  succeeded(caller: Caller): void {
    this.#running--;
    const { nowMs } = caller.connection.http2;
    if (this.counting) this.latencies.add((nowMs - caller.beganMs) * 1000);
    if (this.flags.pace > 0) this.#idle.push(caller);
    else this.#begin(caller, nowMs);
    this.#doneIfSo();
  }

  /** Whoever fails does not begin again: a server that is gone would fail it at once, without end. */
  failed(_caller: Caller, reason: string): void {
    this.#running--;
    if (++this.errors <= complaintsMax) console.error(reason);
    this.#doneIfSo();
  }

  #doneIfSo(): void {
    if (this.#running > 0) return;
    this.#whenDone?.();
    this.#whenDone = undefined;
  }
}
