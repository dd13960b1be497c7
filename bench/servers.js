/** Starts one server of a kind on loopback ports, and waits until it answers. */
import { spawn } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const startPatienceMs = 60_000;
/** A server that does not end when it is asked to is killed. */
const stopPatienceMs = 20_000;
const pollMs = 10;

/** No server outlives the program that started it. */
const running = new Set();
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130));

export function freePort() {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/**
 * `kind`: `etcd` or `quorate`. `flags` are further command line words, `nodeFlags` are Node's.
 * A member of a cluster has a `name` and an `initialCluster`; `advertisedPeer` is where the others find it.
 * What it says is added to `logFile`.
 * `ready(port)` says whether the server answers; by default its /health is asked.
 */
export async function startServer(kind, { ready = healthy, ...options }) {
  const server = new Server(kind, options);
  await server.start(ready);
  return server;
}

class Server {
  /** Resolves to the exit code or signal of the process that runs now. */
  gone = Promise.resolve();
  #child;
  /** The end of what it has said, to be shown when it fails. */
  #output = '';

  constructor(kind, options) {
    this.kind = kind;
    this.port = options.port;
    this.options = options;
  }

  get endpoint() {
    return `127.0.0.1:${this.port}`;
  }

  get pid() {
    return this.#child.pid;
  }

  get output() {
    return this.#output;
  }

  async start(ready = healthy) {
    const [command, args] = commandOf(this.kind, this.options);
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        this.#output = (this.#output + chunk).slice(-4000);
        if (this.options.logFile !== undefined) appendFileSync(this.options.logFile, chunk);
      });
    }
    this.gone = new Promise((resolve) => {
      child.on('exit', (code, signal) => {
        running.delete(child);
        resolve(code ?? signal);
      });
    });
    for (const deadline = Date.now() + startPatienceMs; !(await ready(this.port)); await sleep(pollMs)) {
      if (running.has(child) && Date.now() < deadline) continue;
      child.kill('SIGKILL');
      throw new Error(`${this.kind} did not start: ${this.#output}`);
    }
  }

  async stop(signal = 'SIGTERM') {
    const child = this.#child;
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), stopPatienceMs);
    await this.gone;
    clearTimeout(late);
  }
}

function commandOf(kind, { dir, port, peerPort, binaries, name = 'default', nodeFlags = [], flags = [], ...options }) {
  const url = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const advertised = options.advertisedPeer ?? peer;
  const shared = [
    `--name=${name}`,
    `--data-dir=${dir}`,
    `--listen-client-urls=${url}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${advertised}`,
    `--initial-cluster=${options.initialCluster ?? `${name}=${advertised}`}`,
  ];
  if (kind === 'etcd') return [join(binaries, 'server'), [...shared, ...flags]];
  const own = [`--advertise-client-urls=${url}`, '--quota-backend-bytes=8589934592', '--log-level=error'];
  return [process.execPath, [...nodeFlags, join(root, 'bin', 'quorate.js'), ...shared, ...own, ...flags]];
}

async function healthy(port) {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(1000) });
    return answer.ok;
  } catch {
    return false;
  }
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
