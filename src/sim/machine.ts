/**
 * A machine in a simulated cluster: whether a process runs on it, and when that does what.
 *
 *     down -> [start] -> up -> [pause] -> asleep -> [wake] -> up -> [power fails, killed, disk fails, removed] -> down
 *
 * What comes to a process that sleeps waits, as bytes in a socket do; its timers are looked at again only when it wakes, and then
 * they are all late.
 */
import { check } from '../base/check.js';
import type { MemberId } from '../base/ids.js';
import type { Random } from '../base/random.js';
import { memberDefaults } from '../member/options.js';
import { DiskFailure } from '../wire/wal/disk.js';
import type { ClusterJudge } from './cluster-judge.js';
import { type CrashMode, SimCrash } from './disk.js';
import { SimHost } from './host.js';
import type { SimNetwork, Station } from './network.js';
import type { Schedule } from './schedule.js';
import type { SimWorld } from './world.js';

/** What comes to a sleeping process beyond this is lost with its connections. */
const heldMax = 2000;

export interface MachineParts {
  readonly schedule: Schedule;
  readonly random: Random;
  readonly network: SimNetwork;
  readonly judge: ClusterJudge;
  /** Something happened in the process: whoever waits for it may look. */
  readonly looked: (host: SimHost) => void;
  readonly begun: (host: SimHost) => void;
  /** Without a host where the process did not come up. */
  readonly ended: (machine: Machine, host: SimHost | undefined, how: Ending) => void;
}

interface Held {
  readonly act: () => void;
  readonly ofClient: boolean;
}

export type Ending = 'power failed' | 'killed' | 'disk failed' | 'stopped' | 'removed';

export class Machine implements Station {
  host: SimHost | undefined;
  life = 0;
  asleep = false;
  /** It was removed, or its disk is lost: it never starts again. */
  retired = false;
  /** How fast the disk is: milliseconds a call. */
  diskMs = 0.3;
  diskStallsToMs = 0;
  readonly #parts: MachineParts;
  #lives = 0;
  #held: Held[] = [];
  #tickDue = false;
  #turnDue = false;
  #restedAtMs = Number.POSITIVE_INFINITY;
  #diskDue = false;

  constructor(
    readonly world: SimWorld,
    parts: MachineParts,
  ) {
    this.#parts = parts;
  }

  get id(): MemberId {
    return this.world.site.own.id;
  }

  get up(): boolean {
    return this.host !== undefined;
  }

  /** A process begins. A disk that fails it, or a power failure, may end it at once. */
  start(): void {
    check(this.host === undefined && !this.retired, 'one process at a time');
    const { schedule, judge, random, begun } = this.#parts;
    this.life = ++this.#lives;
    this.#held = [];
    this.asleep = this.#tickDue = this.#turnDue = this.#diskDue = false;
    this.#restedAtMs = Number.POSITIVE_INFINITY;
    this.world.nowMs = schedule.nowMs;
    try {
      this.host = new SimHost(this.world, judge.viewOf(this.id), (host) => {
        this.host = host;
        begun(host);
        judge.begins(host);
      });
    } catch (error) {
      this.#failed(error);
      return;
    }
    const periodMs = memberDefaults.heartbeatMs / this.world.clockRate;
    this.#tickAfter(random.below(memberDefaults.heartbeatMs), periodMs, this.life);
    this.enter(() => {});
  }

  hasRemoved(id: MemberId): boolean {
    return this.host?.assembled.members.isRemoved(id) === true;
  }

  /** `ofClient`: it does not come from another member. */
  enter(act: (host: SimHost) => void, ofClient = false): void {
    const { host } = this;
    if (host === undefined) return;
    if (!this.asleep) {
      this.#run(() => act(host));
      return;
    }
    if (this.#held.length >= heldMax) return;
    this.#held.push({ act: () => this.#run(() => act(host)), ofClient });
  }

  sleep(): void {
    if (this.up) this.asleep = true;
  }

  /** What waited and the late timers come in whatever order. */
  wake(): void {
    if (!this.asleep) return;
    this.asleep = false;
    const held = this.#held;
    this.#held = [];
    const { life } = this;
    const { random } = this.#parts;
    const ticks = () => {
      if (this.#tickDue && this.life === life) this.#tick();
      this.#tickDue = false;
    };
    if (random.oneIn(2)) ticks();
    const doAll = (some: readonly Held[]) => {
      for (const { act } of some) if (this.life === life) act();
    };
    // Each connection keeps its order, but none waits for the others.
    const ofClients = held.filter(({ ofClient }) => ofClient);
    const ofMembers = held.filter(({ ofClient }) => !ofClient);
    if (random.oneIn(2)) doAll(ofClients.splice(0));
    doAll(ofMembers);
    doAll(ofClients);
    ticks();
    if (this.life === life) this.enter(() => {});
  }

  powerFails(mode: CrashMode): void {
    this.#end('power failed', () => this.world.crash(mode));
  }

  kill(): void {
    this.#end('killed', () => this.world.kill());
  }

  /** The process is asked to end, and takes its time: leadership is handed over, what is applied is made durable. */
  stop(): void {
    const { life } = this;
    this.enter((host) =>
      host.beforeStop(() =>
        // Not from within what the member is just doing.
        this.#parts.schedule.after(0, () => {
          if (this.life === life) this.#leave(host);
        }),
      ),
    );
  }

  #leave(host: SimHost): void {
    try {
      host.stop();
      this.#end('stopped', () => this.world.kill());
    } catch (error) {
      this.#failed(error);
    }
  }

  /** It burns down, and its disk with it. */
  lose(): void {
    this.retired = true;
    this.kill();
  }

  #end(how: Ending, then: () => void): void {
    const { host } = this;
    if (this.life === 0) return;
    this.life = 0;
    this.host = undefined;
    this.asleep = false;
    then();
    this.#parts.network.ended(this.id);
    if (how === 'removed') this.retired = true;
    this.#parts.ended(this, host, how);
  }

  /** `more`: what happened is not the end of a turn, and wants one. */
  #run(act: () => void, more = true): void {
    const { host, life } = this;
    if (host === undefined) return;
    this.world.nowMs = this.#parts.schedule.nowMs;
    try {
      act();
      while (this.world.disk.runSoon());
    } catch (error) {
      this.#parts.looked(host);
      this.#failed(error);
      return;
    }
    this.#parts.judge.look(host);
    this.#parts.looked(host);
    if (this.life !== life) return;
    if (host.removed) return this.#end('removed', () => this.world.kill());
    this.#arrange(more);
  }

  #failed(error: unknown): void {
    const { random } = this.#parts;
    if (error instanceof SimCrash) this.powerFails(random.pick(['drop', 'keep', 'tear', 'tear']));
    else if (error instanceof DiskFailure) this.#end('disk failed', () => this.world.kill());
    else throw error;
  }

  /** What is to be done now that something was. */
  #arrange(more: boolean): void {
    const { schedule, random } = this.#parts;
    if (more && !this.#turnDue) {
      this.#turnDue = true;
      this.#after(random.below(1500) / 1000, () => {
        this.#turnDue = false;
        this.#endTurn();
      });
    }
    if (!this.#diskDue && !this.world.disk.idle) {
      this.#diskDue = true;
      const stalledMs = Math.max(0, this.diskStallsToMs - schedule.nowMs);
      this.#after(stalledMs + this.diskMs * (0.3 + random.below(1000) / 700), () => {
        this.#diskDue = false;
        this.enter((host) => host.diskTurn());
      });
    }
  }

  #endTurn(): void {
    const { host } = this;
    if (this.asleep) this.enter(() => {});
    else if (host !== undefined) this.#run(() => this.#restAfter(host.endTurn()), false);
  }

  /** One look at what rests, at the earliest time that was asked for. */
  #restAfter(restMs: number): void {
    const { nowMs } = this.#parts.schedule;
    const atMs = nowMs + Math.max(0.1, restMs / this.world.clockRate);
    if (atMs >= this.#restedAtMs) return;
    this.#restedAtMs = atMs;
    this.#after(atMs - nowMs, () => {
      if (this.#restedAtMs !== atMs) return;
      this.#restedAtMs = Number.POSITIVE_INFINITY;
      this.enter(() => {});
    });
  }

  #tickAfter(ms: number, periodMs: number, life: number): void {
    this.#parts.schedule.after(ms, () => {
      if (this.life !== life) return;
      this.#tickAfter(periodMs, periodMs, life);
      if (this.asleep) this.#tickDue = true;
      else this.#tick();
    });
  }

  #tick(): void {
    this.enter((host) => host.tick());
  }

  #after(ms: number, act: () => void): void {
    const { life } = this;
    this.#parts.schedule.after(ms, () => {
      if (this.life === life) act();
    });
  }
}
