/**
 * The network between members: every peer connection runs through a proxy of ours, in a thread of its own.
 *
 *     member 0 --dials--> proxy of member 1 --dials--> member 1
 *
 * Members advertise the proxy's port as theirs. Who dialled is found out by whose process holds the socket, since all
 * others dial the same address. A link is a pair of members in one direction: bytes of all connections between the two
 * that flow that way, whoever dialled them, for rafthttp sends messages in answers as well as in requests.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

export class Links {
  #worker;

  /** `places`: for each member the port that it advertises and the one that it listens on. */
  static async start(places) {
    const links = new Links();
    links.#worker = new Worker(new URL('./links-worker.js', import.meta.url), { workerData: places });
    await once(links.#worker, 'message');
    return links;
  }

  /** Which process is which member. */
  pids(pids) {
    this.#worker.postMessage({ pids });
  }

  /** Nothing arrives that way, not even the end of a connection, until `heal`; nor can the two connect anew. */
  blackhole(from, to) {
    this.#worker.postMessage({ blackhole: { from, to } });
  }

  /** Every connection between two members breaks, once. */
  cut(from, to) {
    this.#worker.postMessage({ cut: { from, to } });
  }

  /** Everything that way takes so much longer, until `heal`. */
  delay(from, to, delayMs) {
    this.#worker.postMessage({ delay: { from, to, delayMs } });
  }

  /** What was held back arrives now, as it would by TCP's own retransmission. */
  heal() {
    this.#worker.postMessage({ heal: true });
  }

  close() {
    return this.#worker.terminate();
  }
}
