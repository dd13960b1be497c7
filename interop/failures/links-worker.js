/** The thread behind `Links`: a proxy in front of each member. */
import { connect, createServer } from 'node:net';
import { parentPort, workerData as places } from 'node:worker_threads';
import { ownerOf } from './socket-owner.js';

const ownerPauseMs = 20;
const ownerAttempts = 10;

/** Each direction between two members: whether bytes pass, and how late. */
const ways = places.map(() => places.map(() => ({ open: true, delayMs: 0 })));
const pipes = new Set();
let pids = [];

/** One way of one connection. What may not pass waits here, and its sender feels it as a full buffer. */
class Flow {
  /** The end of the connection has been passed on. */
  over = false;
  #held = [];
  /** What is under way, on a way that takes its time: nothing overtakes it. */
  #late = [];

  constructor(way, source, sink) {
    this.way = way;
    this.source = source;
    this.sink = sink;
    source.on('data', (chunk) => this.#take(() => this.#write(chunk)));
    source.on('error', () => {});
    source.on('close', () => this.#take(() => this.#end()));
    sink.on('drain', () => this.flush());
  }

  #take(action) {
    const { open, delayMs } = this.way;
    if (delayMs > 0 || this.#late.length > 0) {
      this.#late.push(action);
      setTimeout(() => this.#late.shift()(), delayMs);
    } else if (open && this.#held.length === 0) {
      action();
    } else {
      this.#held.push(action);
      this.source.pause();
    }
  }

  #write(chunk) {
    if (!this.sink.write(chunk)) this.source.pause();
  }

  #end() {
    this.over = true;
    this.sink.destroySoon();
    forgetEnded();
  }

  flush() {
    if (!this.way.open) return;
    for (const action of this.#held.splice(0)) action();
    this.source.resume();
  }
}

class Pipe {
  flows = [];

  constructor(from, to, source) {
    this.from = from;
    this.to = to;
    this.source = source;
    pipes.add(this);
    source.once('close', forgetEnded);
    this.connectIfOpen();
  }

  /** What was never connected ends with its source; else both must have heard of the other's end. */
  get over() {
    return this.flows.length === 0 ? this.source.destroyed : this.flows.every(({ over }) => over);
  }

  isBetween(a, b) {
    return (this.from === a && this.to === b) || (this.from === b && this.to === a);
  }

  /** A handshake needs both ways. */
  connectIfOpen() {
    const { from, to, source } = this;
    if (this.flows.length > 0 || source.destroyed || !ways[from][to].open || !ways[to][from].open) return;
    const sink = connect({ host: '127.0.0.1', port: places[to].port, noDelay: true });
    this.flows = [new Flow(ways[from][to], source, sink), new Flow(ways[to][from], sink, source)];
    source.resume();
  }

  heal() {
    this.connectIfOpen();
    for (const flow of this.flows) flow.flush();
  }

  cut() {
    this.source.resetAndDestroy();
    for (const { source } of this.flows) source.resetAndDestroy();
  }
}

function forgetEnded() {
  for (const pipe of pipes) if (pipe.over) pipes.delete(pipe);
}

async function accept(to, socket) {
  socket.on('error', () => {});
  for (let attempt = 0; attempt < ownerAttempts && !socket.destroyed; attempt++) {
    const from = pids.indexOf(ownerOf(socket, pids));
    if (from >= 0) return new Pipe(from, to, socket);
    await sleep(ownerPauseMs);
  }
  socket.destroy();
}

const orders = {
  pids(list) {
    pids = list;
  },
  blackhole({ from, to }) {
    ways[from][to].open = false;
  },
  delay({ from, to, delayMs }) {
    ways[from][to].delayMs = delayMs;
  },
  cut({ from, to }) {
    for (const pipe of pipes) if (pipe.isBetween(from, to)) pipe.cut();
  },
  heal() {
    for (const way of ways.flat()) Object.assign(way, { open: true, delayMs: 0 });
    for (const pipe of pipes) pipe.heal();
  },
};

parentPort.on('message', (message) => {
  for (const [order, details] of Object.entries(message)) orders[order](details);
});
await Promise.all(places.map(listen));
parentPort.postMessage('ready');

function listen({ proxyPort }, to) {
  const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => accept(to, socket));
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(proxyPort, '127.0.0.1', resolve);
  });
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
