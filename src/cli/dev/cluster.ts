/** The members of `quorate dev`, and who is meant by a word. */
import { join } from 'node:path';
import { type MemberListener, type MemberPlace, MemberProcess } from './member-process.js';
import type { DevOptions } from './options.js';
import { loopback, portRefusal } from './ports.js';
import { leaderAmong, type MemberStatus, statusesOf } from './status.js';

export const clusterToken = 'quorate-dev';
/** Members that have not stopped within this are killed, which costs them nothing but a slower start. */
const allStopPatienceMs = 3000;

export function placesOf({ members, basePort }: DevOptions, dir: string): readonly MemberPlace[] {
  return Array.from({ length: members }, (_, at) => {
    const clientPort = basePort + 2 * at;
    const peerPort = clientPort + 1;
    const name = `m${at + 1}`;
    const url = (port: number) => `http://${loopback}:${port}`;
    return { name, dataDir: join(dir, name), clientPort, clientUrl: url(clientPort), peerPort, peerUrl: url(peerPort) };
  });
}

/** Each port that is not free, in a line. */
export async function portFaults(places: readonly MemberPlace[]): Promise<readonly string[]> {
  const wanted = places.flatMap(({ name, clientPort, peerPort }) => [
    { port: clientPort, what: `clients of ${name}` },
    { port: peerPort, what: `peers of ${name}` },
  ]);
  const asked = wanted.map(async ({ port, what }) => {
    const why = await portRefusal(port);
    return why === undefined ? [] : [`port ${port} (${what}) ${why}`];
  });
  return (await Promise.all(asked)).flat();
}

export class DevCluster {
  readonly members: readonly MemberProcess[];

  constructor(places: readonly MemberPlace[], options: DevOptions, listener: MemberListener) {
    const founders = places.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
    this.members = places.map((place) => new MemberProcess(place, flagsOf(place, founders, options), listener));
  }

  start(): void {
    for (const member of this.members) member.start();
  }

  /** All of them, in order as far as that is quick: the last has nobody to hand leadership to. */
  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop(allStopPatienceMs)));
  }

  async kill(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
  }

  statuses(): Promise<readonly MemberStatus[]> {
    return statusesOf(this.members);
  }

  /** `2`, `m2`, `leader`, `all`. An error is told in a line. */
  async named(word: string | undefined): Promise<readonly MemberProcess[] | string> {
    if (word === undefined) return `which member? ${this.members.map(({ name }) => name).join(', ')}, leader or all`;
    if (word === 'all') return this.members;
    if (word === 'leader') {
      const leader = leaderAmong(await this.statuses());
      return leader === undefined ? 'nobody leads' : [leader];
    }
    const found = this.members.find(({ name }) => name === word || name === `m${word}`);
    return found === undefined ? `there is no member '${word}'` : [found];
  }
}

function flagsOf(place: MemberPlace, founders: string, { logs, serverFlags }: DevOptions): readonly string[] {
  return [
    `--name=${place.name}`,
    `--data-dir=${place.dataDir}`,
    `--listen-client-urls=${place.clientUrl}`,
    `--advertise-client-urls=${place.clientUrl}`,
    `--listen-peer-urls=${place.peerUrl}`,
    `--initial-advertise-peer-urls=${place.peerUrl}`,
    `--initial-cluster=${founders}`,
    `--initial-cluster-token=${clusterToken}`,
    `--log-level=${logs === 'brief' ? 'info' : logs}`,
    ...serverFlags,
  ];
}
