/**
 * A machine of the simulator, and the production member that runs on it: one seed decides what the disk, the clock and the order of
 * events do.
 *
 *     SimWorld     disk, values and clock: what outlives a process
 *     SimHost   one life of a member on it: log opened and replayed, values read, raft started, services offered
 *
 * A process is driven turn by turn. A `SimCrash` thrown from any of its calls means that the power has failed: the process is no
 * more, and `world.crash` says what the disk is left with.
 */
import { type Chore, Chores } from '../base/chores.js';
import { crc32c } from '../base/crc32c.js';
import { silentLog } from '../base/log.js';
import type { Random } from '../base/random.js';
import { clusterIdOf, memberIdOf } from '../cluster/ids.js';
import type { Member as ClusterMember } from '../cluster/member.js';
import { type Assembled, assemble, type RecoveredLog } from '../member/assembly.js';
import { type MemberOptions, memberDefaults } from '../member/options.js';
import { noPeers } from '../member/peers.js';
import type { WalBatch, World } from '../member/world.js';
import { keeperOf } from '../rpc/keeper.js';
import { RecordingCall } from '../rpc/recording-call.js';
import { type MemberServices, memberServices } from '../rpc/services.js';
import { makeDataDirectory } from '../wire/wal/data-directory.js';
import type { DiskFailure } from '../wire/wal/disk.js';
import { createWal, type OpenWal, openWalAt, walExists } from '../wire/wal/open.js';
import { metadataBytes } from '../wire/wal/records.js';
import type { StartPosition } from '../wire/wal/replay.js';
import { SnapDirectory } from '../wire/wal/snap-directory.js';
import { WalWriter } from '../wire/wal/writer.js';
import { type CrashMode, SimDisk } from './disk.js';
import type { Fault } from './faults.js';
import { SimValues, ValuesImage } from './values.js';

const peerUrl = 'http://localhost:2380';
const own: ClusterMember = {
  id: memberIdOf([peerUrl], 'simulated', undefined),
  name: 'solo',
  peerUrls: [peerUrl],
  clientUrls: [],
  isLearner: false,
};
const identity = { memberId: own.id, clusterId: clusterIdOf([own.id]) };
/** There before the member first starts, and durable. */
const dataDir = '/data';
const startedWallMs = 1_700_000_000_000;
/** A process that does not come up, or does not come to rest, within so many turns never will. */
const turnsMax = 20_000;

export interface WorldOptions {
  readonly fault: Fault;
  readonly snapshotCount: number;
  readonly catchUpEntries: number;
  readonly segmentBytes: number;
  readonly walsMax: number;
  readonly snapshotsMax: number;
  readonly compactionBatchLimit: number;
  /** Fewer calls than these are done in a turn. */
  readonly diskPace: number;
}

/** Sees what goes to the log and what comes back from it. */
export interface Witness {
  appended(batch: WalBatch): void;
  recovered(log: RecoveredLog): void;
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

  constructor(
    readonly random: Random,
    readonly options: WorldOptions,
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

export class SimHost {
  readonly assembled: Assembled;
  readonly recovered: RecoveredLog;
  readonly offered: MemberServices;
  readonly #world: SimWorld;
  readonly #disk: SimDisk;
  readonly #writer: WalWriter;
  readonly #startedMs: number;
  readonly #chores = new Chores();
  #nextTickMs: number;
  #stalledToMs = 0;
  #stopped = false;
  readonly #catchUp: Chore = { step: () => (this.assembled.hub.catchUp() ? 0 : Number.POSITIVE_INFINITY) };
  readonly #compact: Chore = { step: (nowMs) => this.#compactSlice(nowMs) };

  constructor(world: SimWorld, witness: Witness) {
    const { disk, options } = world;
    this.#world = world;
    this.#disk = disk;
    this.#startedMs = world.nowMs;
    const folders = makeDataDirectory(disk, dataDir);
    const snaps = new SnapDirectory(disk, folders.snap, crc32c, silentLog);
    snaps.clean();
    const wal = open(world, folders.wal, snaps.newest()?.metadata);
    const writer = new WalWriter(wal.tail, {
      disk,
      checksum: crc32c,
      segmentBytes: options.segmentBytes,
      failed: rethrow,
      persisted: (batches) => options.fault === 'reportedBeforeDurable' || this.#persisted(batches),
    });
    this.#writer = writer;
    this.recovered = recoveredFrom(wal, options.fault);
    witness.recovered(this.recovered);
    world.counts.starts++;
    world.counts.entriesReplayed += this.recovered.entries.length;
    if (wal.repaired !== undefined) world.counts.repairs++;
    const port: World = {
      nowMs: () => (world.nowMs - this.#startedMs) * (options.fault === 'clockTooFast' ? 2 : 1),
      wallMs: () => startedWallMs + world.nowMs,
      random: (below) => world.random.below(below),
      persist: (batch) => {
        witness.appended(batch);
        writer.append(batch);
        if (options.fault === 'reportedBeforeDurable') disk.soon(() => this.#persisted(1));
      },
      saveSnapshot: (snapshot, done) =>
        snaps.save(snapshot, (failure) => {
          if (failure !== undefined) throw failure;
          world.counts.snapshots++;
          snaps.purge(options.snapshotsMax, () => {});
          done();
        }),
      release: (index) => writer.release(options.fault === 'releasedTooFar' ? Number.MAX_SAFE_INTEGER : index),
      send: () => {},
      sendSnapshot: (_to, _message, dump) => dump.close(),
      restore: () => {},
      peers: noPeers,
      values: new SimValues(disk, world.values),
    };
    this.assembled = assemble(memberOptions(options), {
      world: port,
      log: silentLog,
      recovered: this.recovered,
      founders: () => [own],
      index: { chunkPagesLog2: 6, chunkRecordsLog2: 10 },
    });
    const keeper = keeperOf(this.assembled, this.#chores, (done) => done(undefined));
    this.offered = memberServices(this.assembled, this.#chores, keeper, {
      maxTxnOps: 128,
      progressNotifyMs: 5000,
      random: port.random,
    });
    this.#nextTickMs = world.nowMs + world.random.below(memberDefaults.heartbeatMs);
    this.assembled.member.start();
  }

  /** The member serves: it has published itself. */
  get ready(): boolean {
    return this.assembled.duties.publication.done;
  }

  /** Nothing is under way. */
  get atRest(): boolean {
    const { hub, store, member } = this.assembled;
    return this.#disk.idle && !hub.isBehind && store.compactor.idle && member.pendingProposals === 0;
  }

  /** A call of a client, to be written to. */
  call(path: string): RecordingCall {
    const method = this.offered.services.get(path);
    if (method === undefined) throw new Error(`there is no ${path}`);
    return new RecordingCall(method, path);
  }

  /** One turn of the loop: some time passes, some of what the disk was asked is done, and the member acts on it. */
  turn(): void {
    const world = this.#world;
    const { random } = world;
    world.nowMs += random.oneIn(40) ? random.below(2000) : random.below(30);
    if (world.nowMs >= this.#nextTickMs) this.#tick();
    // Now and then the disk makes everybody wait: then much gathers into one write.
    if (random.oneIn(30)) this.#stalledToMs = world.nowMs + random.below(600);
    if (world.nowMs >= this.#stalledToMs)
      for (let turns = random.below(world.options.diskPace); turns > 0; turns--) this.#disk.turn();
    this.#endTurn();
  }

  /** Turns until `holds`. */
  until(holds: () => boolean, what: string): void {
    for (let turns = 0; !holds(); turns++) {
      if (turns === turnsMax) throw new Error(`never came to it: ${what}`);
      this.turn();
    }
  }

  settle(): void {
    this.until(() => this.atRest, 'a member at rest');
  }

  /** Ends as the production host does. */
  stop(): void {
    const { member, checkpoints } = this.assembled;
    member.stop();
    let [finished, closed] = [false, false];
    checkpoints.finish(() => {
      finished = true;
    });
    while (this.#disk.turn());
    if (!finished) throw new Error('what is applied is made durable at the end');
    const hardState = member.takeUnwrittenHardState();
    // The member has stopped, and did not ask for what is written now.
    this.#stopped = true;
    if (hardState !== undefined) this.#writer.append({ entries: [], hardState, snapshot: undefined, mustSync: false });
    this.#writer.close(() => {
      closed = true;
    });
    while (this.#disk.turn());
    if (!closed) throw new Error('a log that is closed ends');
  }

  #persisted(batches: number): void {
    if (this.#stopped) return;
    for (let i = 0; i < batches; i++) this.assembled.member.persisted();
  }

  #tick(): void {
    const world = this.#world;
    this.#nextTickMs = world.nowMs + memberDefaults.heartbeatMs;
    const now = world.nowMs - this.#startedMs;
    this.assembled.member.tick();
    this.assembled.duties.tick(now);
    this.offered.watch.tick(now);
    if (world.random.oneIn(3)) this.#purge();
  }

  #endTurn(): void {
    const { member, hub, store } = this.assembled;
    member.endTurn();
    if (hub.isBehind) this.#chores.wake(this.#catchUp);
    if (!store.compactor.idle) this.#chores.wake(this.#compact);
    this.#chores.run(this.#world.nowMs - this.#startedMs);
  }

  #compactSlice(nowMs: number): number {
    const { compactor } = this.assembled.store;
    if (compactor.nextStepAtMs <= nowMs) compactor.step(nowMs);
    return compactor.idle ? Number.POSITIVE_INFINITY : Math.max(0, compactor.nextStepAtMs - nowMs);
  }

  #purge(): void {
    const { walsMax } = this.#world.options;
    this.#world.counts.cuts = Math.max(this.#world.counts.cuts, this.#writer.segments.at(-1)?.sequence ?? 0);
    this.#writer.purge(walsMax, (_name, failure) => {
      if (failure !== undefined) throw failure;
      this.#world.counts.purges++;
    });
  }
}

function open({ disk, options }: SimWorld, directory: string, newest: StartPosition | undefined): OpenWal {
  const { segmentBytes, fault } = options;
  const place = { directory, checksum: crc32c, segmentBytes };
  if (!walExists(disk, directory)) return createWal({ ...place, disk }, metadataBytes(identity));
  const opening = openWalAt({ ...place, disk }, newest);
  if (!opening.ok) throw new Error(`the log cannot be opened: ${opening.refusal.text}`);
  const { wal } = opening;
  if (fault !== 'tornEndKept' || wal.repaired === undefined) return wal;
  return { ...wal, tail: { ...wal.tail, offset: Math.ceil(wal.repaired.writtenTo / 8) * 8 } };
}

function recoveredFrom(wal: OpenWal, fault: Fault): RecoveredLog {
  const forgotten = wal.hardState.term === 0 || fault === 'hardStateForgotten';
  return {
    snapshot: wal.snapshot,
    hardState: forgotten ? undefined : wal.hardState,
    entries: fault === 'lastEntryForgotten' ? wal.entries.slice(0, -1) : wal.entries,
  };
}

function memberOptions(options: WorldOptions): MemberOptions {
  const { snapshotCount, catchUpEntries, compactionBatchLimit } = options;
  return {
    ...memberDefaults,
    ...identity,
    name: own.name,
    clientUrls: ['http://localhost:2379'],
    snapshotCount,
    catchUpEntries,
    compactionBatchLimit,
  };
}

function rethrow(failure: DiskFailure): never {
  throw failure;
}
