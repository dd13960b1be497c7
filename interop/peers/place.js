/** Our side of a peer link, without a member behind it: what comes is kept to be looked at. */
import { createHash } from 'node:crypto';
import { PeerCounters } from '../../dist/base/counters.js';
import { router } from '../../dist/http/router.js';
import { createHttp1Server, http1Limits } from '../../dist/io/http1.js';
import { PeerTransport } from '../../dist/io/peers/transport.js';
import { Turn } from '../../dist/io/turn.js';

export class Place {
  received = [];
  unreachable = [];
  removed = new Set();
  removedByPeer = 0;
  databases = [];
  lines = [];
  counters = new PeerCounters();

  async start(id, cluster) {
    const server = createHttp1Server(router(new Map()), http1Limits(1024), {
      first: (request, response) => this.transport.serve(request, response),
      idleTimeoutMs: 60_000,
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.server = server;
    this.url = `http://127.0.0.1:${server.address().port}`;
    const line = (msg, fields) => this.lines.push({ msg, ...fields });
    const log = { debugEnabled: false, debug() {}, info: line, warn: line, error: line, named: () => log };
    this.transport = new PeerTransport({
      memberId: id,
      clusterId: cluster,
      peerUrls: [this.url],
      dialTimeoutMs: 1000,
      log,
      counters: this.counters,
      turn: new Turn(),
      events: {
        received: (message) => this.received.push(message),
        unreachable: (peer) => this.unreachable.push(peer),
        removedByPeer: () => this.removedByPeer++,
        isRemoved: (peer) => this.removed.has(peer),
        receiveDatabase: (index) => this.#receive(index),
      },
    });
    return this;
  }

  #receive(index) {
    const database = { index, hash: createHash('sha256'), bytes: 0, state: 'coming' };
    this.databases.push(database);
    return {
      write(piece, written) {
        database.hash.update(piece);
        database.bytes += piece.length;
        setImmediate(written);
      },
      finish(kept) {
        database.state = 'kept';
        setImmediate(kept);
      },
      abort() {
        database.state = 'aborted';
      },
    };
  }

  has(msg) {
    return this.lines.some((line) => line.msg === msg);
  }

  stop() {
    this.transport.stop();
    this.server.close();
    this.server.closeAllConnections();
  }
}

export async function until(holds, what, timeoutMs = 20_000) {
  for (const end = Date.now() + timeoutMs; Date.now() < end; ) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`in vain: ${what}`);
}
