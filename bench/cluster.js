/** Several members of one kind on loopback that form one cluster, started and stopped together. */
import { join } from 'node:path';
import { freePort, startServer } from './servers.js';

const pollMs = 20;
const leaderPatienceMs = 30_000;

/** `dir` holds a data directory for each member; `memberOptions(i)` are further options for `startServer`. */
export async function startCluster(kind, { dir, count = 3, memberOptions = () => ({}), ...options }) {
  const places = [];
  for (let i = 0; i < count; i++) {
    const [port, peerPort] = [await freePort(), await freePort()];
    places.push({ name: `m${i + 1}`, dir: join(dir, `m${i + 1}`), port, peerPort, ...memberOptions(i) });
  }
  const advertised = ({ peerPort, advertisedPeer }) => advertisedPeer ?? `http://127.0.0.1:${peerPort}`;
  const initialCluster = places.map((place) => `${place.name}=${advertised(place)}`).join();
  const starts = places.map((place) => startServer(kind, { ...options, ...place, initialCluster }));
  const ends = await Promise.allSettled(starts);
  const cluster = new Cluster(
    kind,
    ends.flatMap(({ value = [] }) => value),
  );
  const failed = ends.find(({ status }) => status === 'rejected');
  if (failed === undefined) return cluster;
  await cluster.stop('SIGKILL');
  throw failed.reason;
}

export class Cluster {
  constructor(kind, members) {
    this.kind = kind;
    this.members = members;
  }

  /** As load generators take it: their connections go to all members in turn. */
  get endpoint() {
    return this.members.map(({ port }) => `127.0.0.1:${port}`).join();
  }

  get pid() {
    return this.members.map(({ pid }) => pid).join();
  }

  /** The member that leads, as it says itself. */
  async leader() {
    for (const deadline = Date.now() + leaderPatienceMs; Date.now() < deadline; await sleep(pollMs)) {
      for (const member of this.members) if (await leads(member)) return member;
    }
    throw new Error(`no member of the ${this.kind} cluster leads`);
  }

  async stop(signal) {
    await Promise.all(this.members.map((member) => member.stop(signal)));
  }
}

async function leads({ port }) {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(1000) });
    return /^etcd_server_is_leader 1$/m.test(await answer.text());
  } catch {
    return false;
  }
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
