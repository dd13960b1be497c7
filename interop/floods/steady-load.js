/**
 * The load of well-behaved clients, measured in windows: callers on a few connections, paced, each third call a put.
 *
 * A latency counts from when its call was due, so that a server that stalls is charged for all that came to stand in line.
 */
import { Dialer } from '../../dist/client/connection.js';
import { readFlags } from '../../dist/client/load/flags.js';
import { Latencies } from '../../dist/client/load/latencies.js';
import { workOf } from '../../dist/client/load/work.js';
import { CallHead } from '../../dist/wire/grpc/client.js';
import { grpcCode } from '../../dist/wire/grpc/service.js';

const connectionCount = 4;
/** Calls begun each second, in groups of five for each of the four connections. */
const perSecond = 2_000;
const groupSize = 20;
const keys = 1_000;

export class SteadyLoad {
  errors = [];
  #dialer = new Dialer();
  #connections = [];
  #kinds = [];
  #latencies = new Latencies();
  /** Of the paced ones, and of all. */
  #calls = 0;
  #made = 0;
  #sinceMs = performance.now();

  static async connect(port) {
    const load = new SteadyLoad();
    const target = { host: '127.0.0.1', port, onGone: (reason) => load.errors.push(reason) };
    for (let i = 0; i < connectionCount; i++) load.#connections.push(await load.#dialer.dial(target));
    for (const work of ['put', 'get', 'get']) {
      const { path, request } = workOf(readFlags([`--work=${work}`, '--value-bytes=64']));
      load.#kinds.push({ head: new CallHead(path, `127.0.0.1:${port}`), request });
    }
    load.timer = setInterval(() => load.#begin(), 2);
    return load;
  }

  /** As much as the server can do, so that its memory is as large as work makes it. */
  async warm(ms) {
    const untilMs = performance.now() + ms;
    const busy = Array.from({ length: 100 }, async () => {
      while (performance.now() < untilMs) await new Promise((resolve) => this.#call(resolve));
    });
    await Promise.all(busy);
  }

  /** Begins the groups that are due by now. */
  #begin() {
    const due = Math.floor(((performance.now() - this.#sinceMs) * perSecond) / 1000 / groupSize) * groupSize;
    while (this.#calls < due) {
      const dueMs = this.#sinceMs + (Math.ceil((this.#calls + 1) / groupSize) * groupSize * 1000) / perSecond;
      const latencies = this.#latencies;
      this.#call(() => latencies.add((performance.now() - dueMs) * 1000));
      this.#calls++;
    }
  }

  #call(done) {
    const number = this.#made++;
    const { head, request } = this.#kinds[number % this.#kinds.length];
    this.#connections[number % connectionCount].call(head, request.aim(number % keys), {
      message() {},
      ended: (_call, code, text) => {
        if (code !== grpcCode.ok) this.errors.push(text);
        done();
      },
    });
  }

  /** The p99 in milliseconds of what ends in the next `ms`. */
  async window(ms) {
    this.#latencies = new Latencies();
    const latencies = this.#latencies;
    await new Promise((resolve) => setTimeout(resolve, ms));
    return latencies.atMicros(0.99) / 1000;
  }

  close() {
    clearInterval(this.timer);
    this.#dialer.close();
  }
}
