/**
 * What befalls a simulated cluster: links, processes, disks, clocks. Each thing happens at a time that the seed says, lasts for a
 * while, and ends by itself; how much of which there is differs from seed to seed.
 *
 * Bounds: disks are lost for good only by the operator (`operator.ts`), and never a quorum of them. All else may hit everybody at once.
 */
import type { MemberId } from '../base/ids.js';
import type { Random } from '../base/random.js';
import { DiskFailure } from '../wire/wal/disk.js';
import type { SimCluster } from './cluster.js';
import type { CrashMode } from './disk.js';
import type { Machine } from './machine.js';

const modes: readonly CrashMode[] = ['drop', 'keep', 'tear', 'tear', 'tear'];

type Kind =
  | 'weather'
  | 'oneWay'
  | 'isolate'
  | 'split'
  | 'flap'
  | 'sleep'
  | 'depose'
  | 'kill'
  | 'stop'
  | 'powerFails'
  | 'powerFailsSoon'
  | 'allPowerFails'
  | 'syncError'
  | 'fullDisk'
  | 'slowDisk'
  | 'wallJump'
  | 'moveLeader';

const kinds: readonly Kind[] = [
  'weather',
  'oneWay',
  'isolate',
  'split',
  'flap',
  'sleep',
  'depose',
  'kill',
  'stop',
  'powerFails',
  'powerFailsSoon',
  'syncError',
  'fullDisk',
  'slowDisk',
  'wallJump',
  'moveLeader',
];

export class Trouble {
  readonly #cluster: SimCluster;
  readonly #random: Random;
  /** What may happen in this run, the likelier the more often it is named. */
  readonly #bag: readonly Kind[];
  readonly #everyMs: number;
  readonly counts = new Map<Kind, number>();

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
    this.#random = cluster.random.fork();
    const random = this.#random;
    // A few kinds a run, so that now one and now another is not drowned by the rest.
    const chosen = random.shuffle([...kinds]).slice(0, 2 + random.below(kinds.length - 2));
    this.#bag = [...chosen, ...chosen.slice(0, 3), 'weather', ...(random.oneIn(3) ? (['allPowerFails'] as const) : [])];
    this.#everyMs = random.pick([300, 800, 2000, 5000]);
    this.#later();
  }

  #later(): void {
    const { schedule } = this.#cluster;
    schedule.after(this.#random.below(2 * this.#everyMs), () => {
      if (this.#cluster.healing) return;
      this.#strike(this.#random.pick(this.#bag));
      this.#later();
    });
  }

  #strike(kind: Kind): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    const random = this.#random;
    const victim = this.#victim();
    if (victim === undefined) return;
    switch (kind) {
      case 'weather':
        return this.#weather();
      case 'oneWay':
        return this.#cut([[victim.id, this.#other(victim)]]);
      case 'isolate':
        return this.#isolate(victim);
      case 'split':
        return this.#split();
      case 'flap':
        return this.#flap(victim.id, this.#other(victim), 2 + random.below(10));
      case 'sleep':
        return this.#sleep(victim);
      case 'depose':
        return this.#depose();
      case 'kill':
        return victim.kill();
      case 'stop':
        return victim.stop();
      case 'powerFails':
        return victim.powerFails(random.pick(modes));
      case 'powerFailsSoon':
        victim.world.disk.crashAtCall = victim.world.disk.calls + 1 + random.below(60);
        return;
      case 'allPowerFails':
        for (const machine of this.#cluster.machines) machine.powerFails(random.pick(modes));
        return;
      case 'syncError':
        return this.#diskFails(victim, 'EIO', 1);
      case 'fullDisk':
        return this.#diskFails(victim, 'ENOSPC', 200 + random.below(6000));
      case 'slowDisk':
        return this.#slow(victim);
      case 'wallJump':
        victim.world.wallOffsetMs += (random.below(2001) - 1000) * random.pick([1, 60, 3600]);
        return;
      case 'moveLeader':
        return this.#moveLeader();
    }
  }

  /** A leader is hit more often than others. */
  #victim(): Machine | undefined {
    const { leader } = this.#cluster;
    if (leader !== undefined && this.#random.oneIn(2)) return leader;
    const there = this.#cluster.machines.filter(({ retired }) => !retired);
    return there.length > 0 ? this.#random.pick(there) : undefined;
  }

  #other(than: Machine): MemberId {
    const others = this.#cluster.machines.filter((machine) => machine !== than && !machine.retired);
    return others.length > 0 ? this.#random.pick(others).id : than.id;
  }

  #weather(): void {
    const random = this.#random;
    const { weather } = this.#cluster.network;
    weather.latencyMs = random.pick([0.3, 0.3, 1, 1, 5, 30]);
    weather.lossOneIn = random.pick([0, 0, 0, 1000, 200, 30]);
    weather.doubleOneIn = random.pick([0, 0, 5]);
  }

  /** For a while, or until the end. */
  #cut(ways: readonly (readonly [MemberId, MemberId])[]): void {
    const { network, schedule } = this.#cluster;
    const random = this.#random;
    for (const [from, to] of ways) network.block(from, to);
    schedule.after(100 + random.below(random.pick([500, 3000, 12_000])), () => {
      for (const [from, to] of ways) network.open(from, to);
    });
  }

  /** `way`: 0 it is heard no more, 1 it hears no more, 2 both. */
  #isolate(victim: Machine, way = this.#random.below(3)): void {
    const ways: [MemberId, MemberId][] = [];
    for (const { id } of this.#cluster.machines) {
      if (id === victim.id) continue;
      if (way !== 1) ways.push([victim.id, id]);
      if (way !== 0) ways.push([id, victim.id]);
    }
    this.#cut(ways);
  }

  #split(): void {
    const { machines } = this.#cluster;
    const side = machines.map(() => this.#random.oneIn(2));
    const ways: [MemberId, MemberId][] = [];
    machines.forEach((from, at) => {
      machines.forEach((to, other) => {
        if (side[at] !== side[other]) ways.push([from.id, to.id]);
      });
    });
    this.#cut(ways);
  }

  #flap(from: MemberId, to: MemberId, times: number): void {
    const { network, schedule } = this.#cluster;
    if (times === 0 || this.#cluster.healing) return network.open(from, to);
    if (times % 2 === 0) network.block(from, to);
    else network.open(from, to);
    schedule.after(10 + this.#random.below(400), () => this.#flap(from, to, times - 1));
  }

  #sleep(victim: Machine): void {
    victim.sleep();
    this.#cluster.schedule.after(50 + this.#random.below(this.#random.pick([500, 3000, 8000])), () => victim.wake());
  }

  /** A leader sleeps, or is cut off, until there is another; then it is asked, and hears of its end only later. */
  #depose(): void {
    const { leader, schedule, clients } = this.#cluster;
    const host = leader?.host;
    if (leader === undefined || host === undefined) return;
    const random = this.#random;
    const asleep = random.oneIn(2);
    if (asleep) leader.sleep();
    else this.#isolate(leader, 2);
    const ms = 1000 + random.below(3000);
    schedule.after(ms, () => {
      for (let times = 3; times > 0; times--) clients.readFrom(host);
    });
    schedule.after(ms + random.below(1000), () => leader.wake());
  }

  /** Each call that would reach the disk fails, until so much later. */
  #diskFails(victim: Machine, code: string, ms: number): void {
    const { disk } = victim.world;
    disk.fails = ({ kind, path }) =>
      kind === 'write' || kind === 'sync' || kind === 'commit' || kind === 'writeValues'
        ? new DiskFailure(code, path, `${code}: ${kind}, ${path}`)
        : undefined;
    const end = () => {
      disk.fails = () => undefined;
    };
    if (code === 'ENOSPC') this.#cluster.schedule.after(ms, end);
    else {
      // One call alone.
      const { fails } = disk;
      disk.fails = (call) => {
        const failure = fails(call);
        if (failure !== undefined) end();
        return failure;
      };
    }
  }

  #slow(victim: Machine): void {
    const random = this.#random;
    const { schedule } = this.#cluster;
    if (random.oneIn(2)) victim.diskStallsToMs = schedule.nowMs + random.below(random.pick([300, 2500]));
    victim.diskMs = random.pick([2, 10, 40]);
    schedule.after(500 + random.below(8000), () => {
      victim.diskMs = 0.3;
    });
  }

  #moveLeader(): void {
    const { leader } = this.#cluster;
    if (leader === undefined) return;
    const to = this.#other(leader);
    leader.enter((host) => host.assembled.member.node.transferLeader(to));
  }
}
