/**
 * A machine of the simulator: disk, values and clocks, which outlive the processes that run on it (`host.ts`).
 *
 * A `SimCrash` thrown from any call of a process means that the power has failed: the process is no more, and `world.crash` says what
 * the disk is left with.
 */
import type { Random } from '../base/random.js';
import type { RecoveredLog } from '../member/assembly.js';
import type { MemberOptions } from '../member/options.js';
import type { WalBatch } from '../member/world.js';
import { type CrashMode, SimDisk } from './disk.js';
import type { Fault } from './faults.js';
import { soloSite } from './site.js';
import { ValuesImage } from './values.js';

/** There before the member first starts, and durable. */
export const dataDir = '/data';

export interface WorldOptions {
  readonly fault: Fault;
  readonly snapshotCount: number;
  readonly catchUpEntries: number;
  readonly segmentBytes: number;
  readonly walsMax: number;
  readonly snapshotsMax: number;
  readonly compactionBatchLimit: number;
  /** What else differs from the production's own settings. */
  readonly member?: Partial<MemberOptions>;
  /** Fewer calls than these are done in a turn. */
  readonly diskPace: number;
}

/** Sees what goes to the log and what comes back from it. */
export interface Witness {
  appended(batch: WalBatch): void;
  recovered(log: RecoveredLog): void;
  /** The state changed by the doing of entry `index`; `digest` says to what. */
  changed?(index: number, digest: number): void;
}

/** How often things happened: a simulation in which nothing happens proves nothing. */
export class Counts {
  starts = 0;
  snapshots = 0;
  cuts = 0;
  purges = 0;
  repairs = 0;
  entriesReplayed = 0;
}

export class SimWorld {
  readonly disk: SimDisk;
  readonly values: ValuesImage;
  readonly counts = new Counts();
  nowMs = 0;
  /** Its clock's milliseconds in one of ours. */
  clockRate = 1;
  /** By how much the time of day has jumped. */
  wallOffsetMs = 0;

  constructor(
    readonly random: Random,
    readonly options: WorldOptions,
    readonly site = soloSite,
  ) {
    this.disk = new SimDisk(random.fork());
    this.values = new ValuesImage(options.fault);
    this.disk.makeDirectoryNow(dataDir);
    this.disk.syncDirectoryNow('/');
  }

  /** The power fails, or has failed. */
  crash(mode: CrashMode): void {
    this.disk.crash(mode);
    this.#restart(mode);
  }

  /** The process alone ends, without a word; what it wrote is there, durable or not. */
  kill(): void {
    this.disk.kill();
    this.#restart('tear');
  }

  #restart(mode: CrashMode): void {
    this.values.crash(this.random, mode);
    this.nowMs += 1 + this.random.below(3000);
  }
}
