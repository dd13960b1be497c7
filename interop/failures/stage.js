/** Three members that can be killed, stopped and cut off, and those who use them all the while. */
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startCluster } from '../../bench/cluster.js';
import { binaries } from '../../bench/generators.js';
import { Dialer } from '../../dist/client/connection.js';
import { KV, Maintenance } from '../../dist/gen/etcdserverpb/rpc_pb.js';
import { Endpoint } from './endpoint.js';
import { History } from './history.js';
import { Links } from './links.js';
import { Load } from './load.js';
import { Watcher } from './watcher.js';

const memberCount = 3;
const connectionsEach = 4;
const firstPort = 28_100;
const lastPort = 28_999;
const pollMs = 10;
const pollTimeoutMs = 500;
/** What takes longer than this is a failure to come back. */
const patienceMs = 60_000;

export class Stage {
  history = new History();
  problems = [];
  watchers = [];
  rounds = 0;
  /** Members that are not there because we took them away. */
  #away = new Set();
  #dialer = new Dialer();

  /** `options`: { kind, dir, flags, random, rates }. */
  static async open(options) {
    const stage = new Stage();
    Object.assign(stage, options);
    const ports = await freePorts(3 * memberCount);
    const places = Array.from({ length: memberCount }, (_, i) => {
      const [port, peerPort, proxyPort] = ports.slice(3 * i);
      return { port, peerPort, proxyPort };
    });
    stage.links = await Links.start(places.map(({ peerPort, proxyPort }) => ({ port: peerPort, proxyPort })));
    mkdirSync(options.dir, { recursive: true });
    stage.cluster = await startCluster(options.kind, {
      dir: options.dir,
      count: memberCount,
      binaries,
      flags: [...options.flags, ...(options.kind === 'quorate' ? ['--log-level=info'] : [])],
      ready: async () => true,
      memberOptions: (i) => ({
        port: places[i].port,
        peerPort: places[i].peerPort,
        advertisedPeer: `http://127.0.0.1:${places[i].proxyPort}`,
        logFile: join(options.dir, `m${i + 1}.log`),
      }),
    });
    stage.#tellPids();
    stage.endpoints = places.map(({ port }, i) => new Endpoint(stage.#dialer, i, port, connectionsEach));
    await stage.leader();
    const { history, endpoints, random, rates } = stage;
    stage.load = new Load({ endpoints, history, random, rates });
    return stage;
  }

  /** One watcher stays with each member, one goes wherever it is answered. */
  watch(base) {
    for (const endpoint of this.endpoints) {
      this.watchers.push(new Watcher(`the watcher of member ${endpoint.index}`, () => endpoint, base));
    }
    this.watchers.push(new Watcher('the roaming watcher', () => this.random.pick(this.endpoints), base));
  }

  async close() {
    for (const watcher of this.watchers) watcher.close();
    for (const endpoint of this.endpoints) endpoint.close();
    this.#dialer.close();
    await this.cluster.stop('SIGKILL');
    await this.links.close();
  }

  // Faults

  async kill(i) {
    this.#away.add(i);
    await this.cluster.members[i].stop('SIGKILL');
  }

  async start(i) {
    await this.cluster.members[i].start(async () => true);
    this.#away.delete(i);
    this.#tellPids();
  }

  pause(i) {
    process.kill(this.cluster.members[i].pid, 'SIGSTOP');
  }

  resume(i) {
    process.kill(this.cluster.members[i].pid, 'SIGCONT');
  }

  #tellPids() {
    this.links.pids(this.cluster.members.map(({ pid }) => pid));
  }

  /** A member that ends by itself is a fault; it is started again, so that the others can be judged. */
  async reviveDead() {
    for (const [i, member] of this.cluster.members.entries()) {
      const ended = await Promise.race([member.gone, undefined]);
      if (ended === undefined || this.#away.has(i)) continue;
      this.problems.push(`member ${i} ended by itself with ${ended}: ${member.output.slice(-500)}`);
      await this.start(i);
    }
  }

  // Questions

  /** The index of the member that leads, by what it says itself. */
  async leader() {
    return this.until('a leader', async () => {
      const answers = await Promise.all(
        this.endpoints.map((endpoint) => this.#ask(endpoint, Maintenance.method.status)),
      );
      const leading = answers.filter((answer) => answer !== undefined && answer.leader === answer.header.memberId);
      leading.sort((a, b) => Number(b.raftTerm - a.raftTerm));
      return leading.length === 0 ? undefined : answers.indexOf(leading[0]);
    });
  }

  followers(leader) {
    return this.random.shuffle([...this.endpoints.keys()].filter((i) => i !== leader));
  }

  /** Milliseconds until every member has applied what is acknowledged by now. */
  async caughtUp() {
    const beganMs = performance.now();
    const revision = this.history.acknowledgedRevision;
    const waits = this.endpoints.map((endpoint) =>
      this.until(`member ${endpoint.index} at revision ${revision}`, async () => {
        await this.reviveDead();
        const answer = await this.#ask(endpoint, KV.method.range, { key: new Uint8Array(1), serializable: true });
        return answer !== undefined && Number(answer.header.revision) >= revision ? true : undefined;
      }),
    );
    await Promise.all(waits);
    return performance.now() - beganMs;
  }

  /** By a member's own count, which begins anew with its process. */
  async snapshotsReceived(i) {
    const answer = await fetch(`http://127.0.0.1:${this.endpoints[i].port}/metrics`);
    const counts = (await answer.text()).matchAll(/^etcd_network_snapshot_receive_success\S* (\d+)$/gm);
    return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  #ask(endpoint, method, request = {}) {
    return endpoint.call(method, request, pollTimeoutMs).catch(() => undefined);
  }

  /** The first answer that is not undefined. */
  async until(what, ask) {
    for (const deadline = performance.now() + patienceMs; performance.now() < deadline; await sleep(pollMs)) {
      const answer = await ask();
      if (answer !== undefined) return answer;
    }
    throw new Error(`${what}: not within ${patienceMs / 1000} s`);
  }

  /** Milliseconds from a moment until the first answer to a write that was begun after it. */
  async writeGap(sinceMs) {
    const write = await this.until('a write', async () => this.history.firstAcknowledged(sinceMs));
    return write.endedMs - sinceMs;
  }
}

/** Outside the range that the kernel takes ports for outgoing connections from: members come back to theirs. */
async function freePorts(count) {
  const ports = [];
  for (let port = firstPort; ports.length < count; port++) {
    if (port > lastPort) throw new Error(`fewer than ${count} free ports from ${firstPort} to ${lastPort}`);
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.on('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
