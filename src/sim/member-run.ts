/**
 * Runs of one simulated member: it lives, dies and comes up again under clients, and the judge looks on.
 *
 *     simulate(seed)              some lives, each ended by a failing power, a kill or a stop, when and how the seed says
 *     crashEverywhere(seed)       one small workload, and for each call of its disk a run in which the power fails there
 */
import { Random } from '../base/random.js';
import { Clients } from './clients.js';
import { type CrashMode, SimCrash } from './disk.js';
import type { Fault } from './faults.js';
import { SimHost } from './host.js';
import { Inspection } from './inspection.js';
import { rule } from './judge.js';
import { SoloJudge } from './solo-judge.js';
import { SimWorld, type WorldOptions } from './world.js';

const modes: readonly CrashMode[] = ['drop', 'keep', 'tear'];
/** What tears finds most. */
const anyMode: readonly CrashMode[] = ['drop', 'keep', 'tear', 'tear', 'tear'];

export interface Totals {
  runs: number;
  crashes: number;
  starts: number;
  snapshots: number;
  cuts: number;
  purges: number;
  repairs: number;
  entries: number;
  answers: number;
  unknown: number;
  watchEvents: number;
  compactions: number;
  expired: number;
}

export function noTotals(): Totals {
  const none = { runs: 0, crashes: 0, starts: 0, snapshots: 0, cuts: 0, purges: 0, repairs: 0, entries: 0 };
  return { ...none, answers: 0, unknown: 0, watchEvents: 0, compactions: 0, expired: 0 };
}

/** A life that ended by a crash is over; else its process goes on. */
type Life = { readonly host: SimHost } | 'crashed';

class Run {
  readonly random: Random;
  readonly world: SimWorld;
  readonly judge: SoloJudge;
  readonly clients: Clients;
  crashes = 0;

  constructor(seed: number, fault: Fault) {
    this.random = new Random(seed);
    this.world = new SimWorld(this.random.fork(), worldOptions(this.random.fork(), fault));
    const nowMs = () => this.world.nowMs;
    this.judge = new SoloJudge(nowMs);
    this.clients = new Clients(this.random.fork(), this.judge, nowMs);
  }

  /** Starts a process and works for some turns, unless the power fails at the disk's call `crashAt`, counted from here. */
  live(turns: number, crashAt: number, inspect: boolean): Life {
    const { world, clients } = this;
    let host: SimHost | undefined;
    world.disk.crashAtCall = world.disk.calls + crashAt;
    try {
      const begun = new SimHost(world, this.judge);
      host = begun;
      begun.until(() => begun.ready, 'a member that serves');
      clients.meet(begun);
      if (inspect) this.inspect(begun);
      for (let turn = 0; turn < turns; turn++) this.#turn(begun);
      return { host: begun };
    } catch (error) {
      if (!(error instanceof SimCrash)) throw error;
      // What was answered before the power failed was answered.
      if (host !== undefined) clients.listen(host);
      return 'crashed';
    }
  }

  #turn(host: SimHost): void {
    this.clients.act();
    host.turn();
    this.clients.listen(host);
  }

  inspect(host: SimHost): void {
    host.settle();
    new Inspection(host, this.judge, this.random).run();
  }

  crash(mode: CrashMode): void {
    this.crashes++;
    this.world.crash(mode);
  }

  /** A last life in which nothing fails: all is there, work goes on, and once more after a stop all is there. */
  end(turns: number): void {
    const life = this.live(turns, Number.POSITIVE_INFINITY, true);
    if (life === 'crashed') throw new Error('the power did not fail');
    this.#rest(life.host);
    life.host.stop();
    this.world.kill();
    const again = this.live(0, Number.POSITIVE_INFINITY, true);
    if (again === 'crashed') throw new Error('the power did not fail');
    this.#rest(again.host);
    if (this.random.oneIn(3)) this.#outliveLeases(again.host);
  }

  /** Nobody renews any more: every lease ends, and its keys with it. */
  #outliveLeases(host: SimHost): void {
    this.world.nowMs += 20_000;
    host.until(() => {
      this.clients.listen(host);
      return this.judge.model.leases.size === 0 && host.atRest;
    }, 'the end of all leases');
  }

  /** Everybody has been answered, and every watch has seen all. */
  #rest(host: SimHost): void {
    const { clients, judge } = this;
    host.until(() => {
      clients.listen(host);
      return !clients.waiting && host.atRest && clients.watches.every((watch) => watch.caughtUp);
    }, 'clients that have been answered');
    rule(judge.revision === host.assembled.member.revision, () => 'revisions differ at the end');
  }

  add(totals: Totals): void {
    const { world, clients, judge } = this;
    const { starts, snapshots, cuts, purges, repairs } = world.counts;
    totals.runs++;
    totals.crashes += this.crashes;
    totals.starts += starts;
    totals.snapshots += snapshots;
    totals.cuts += cuts;
    totals.purges += purges;
    totals.repairs += repairs;
    totals.entries += judge.lastIndex;
    totals.answers += clients.answers;
    totals.unknown += clients.unknown;
    for (const { events } of clients.watches) totals.watchEvents += events;
    if (judge.model.store.compacted > 0) totals.compactions++;
    totals.expired += judge.expired;
  }
}

export function simulate(seed: number, totals: Totals, fault: Fault = 'none'): void {
  const run = new Run(seed, fault);
  const { random } = run;
  const long = random.oneIn(4);
  const calls = long ? [30, 100, 300, 1000] : [30, 100, 200];
  for (let lives = 1 + random.below(long ? 6 : 2); lives > 0; lives--) {
    const turns = 10 + random.below(long ? 120 : 50);
    const life = run.live(turns, 1 + random.below(random.pick(calls)), random.oneIn(3));
    if (life === 'crashed' || random.oneIn(3)) run.crash(random.pick(anyMode));
    else if (random.oneIn(2)) run.world.kill();
    else stop(run, life.host);
  }
  run.end(30);
  run.add(totals);
}

/** The power may fail during a stop too. */
function stop(run: Run, host: SimHost): void {
  try {
    host.stop();
    run.world.kill();
  } catch (error) {
    if (!(error instanceof SimCrash)) throw error;
    run.crash(run.random.pick(anyMode));
  }
}

export interface Place {
  readonly call: number;
  readonly mode: CrashMode;
}

/** Every call of the disk in turn, in every mode; `only` one of them to see it again. */
export function crashEverywhere(seed: number, totals: Totals, fault: Fault = 'none', only?: Place): void {
  for (const mode of modes)
    for (let call = 1, crashed = true; crashed; call++) {
      if (only !== undefined && (only.call !== call || only.mode !== mode)) {
        if (call > only.call || only.mode !== mode) break;
        continue;
      }
      try {
        crashed = crashAt(seed, { call, mode }, totals, fault);
      } catch (cause) {
        const text = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`call ${call}, ${mode}: ${text}`, { cause });
      }
    }
}

/** False when the workload has fewer calls than that. */
function crashAt(seed: number, { call, mode }: Place, totals: Totals, fault: Fault): boolean {
  const run = new Run(seed, fault);
  const crashed = run.live(40, call, false) === 'crashed';
  run.crash(mode);
  // And once more, while the member comes up or soon after.
  const second = new Random(seed * 1000 + call);
  if (second.oneIn(2)) {
    run.live(10, 1 + second.below(40), true);
    run.crash(second.pick(anyMode));
  }
  run.end(8);
  run.add(totals);
  return crashed;
}

function worldOptions(random: Random, fault: Fault): WorldOptions {
  return {
    fault,
    snapshotCount: 5 + random.below(random.pick([5, 16, 40])),
    catchUpEntries: random.below(8),
    segmentBytes: random.pick([1024, 2048, 4096]),
    walsMax: 1 + random.below(3),
    snapshotsMax: 1 + random.below(3),
    compactionBatchLimit: random.pick([2, 5, 1000]),
    diskPace: random.pick([2, 3, 5]),
  };
}
