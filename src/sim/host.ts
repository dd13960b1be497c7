/**
 * One life of a production member on a simulated machine: log opened and replayed, values read, raft started, services offered.
 *
 * A process that is alone is driven turn by turn, by `turn()`; in a cluster the schedule calls `tick`, `diskTurn` and `endTurn`, and
 * the network the member itself. A `SimCrash` thrown from any call means that the power has failed, a `DiskFailure` that the process
 * has ended itself.
 */
import type { Bytes } from '../base/bytes.js';
import { check } from '../base/check.js';
import { type Chore, Chores } from '../base/chores.js';
import { crc32c } from '../base/crc32c.js';
import { type ClusterId, type MemberId, noMember } from '../base/ids.js';
import { silentLog } from '../base/log.js';
import { appliedKey, readRecordedNumber } from '../member/applier.js';
import { type Assembled, assemble, type RecoveredLog } from '../member/assembly.js';
import { type MemberOptions, memberDefaults } from '../member/options.js';
import type { PeerAnswer, PeerRequest } from '../member/peers.js';
import type { World } from '../member/world.js';
import { keeperOf } from '../rpc/keeper.js';
import { RecordingCall } from '../rpc/recording-call.js';
import { type MemberServices, memberServices } from '../rpc/services.js';
import { createGrpcServer, type GrpcServer } from '../wire/grpc/server.js';
import type { Message } from '../wire/raftpb/types.js';
import { makeDataDirectory } from '../wire/wal/data-directory.js';
import type { DiskFailure } from '../wire/wal/disk.js';
import { createWal, type OpenWal, openWalAt, walExists } from '../wire/wal/open.js';
import { metadataBytes } from '../wire/wal/records.js';
import type { StartPosition } from '../wire/wal/replay.js';
import { SnapDirectory } from '../wire/wal/snap-directory.js';
import { WalWriter } from '../wire/wal/writer.js';
import type { SimDisk } from './disk.js';
import type { Fault } from './faults.js';
import { SimPeerPort } from './peer-port.js';
import { ReceivedDatabases } from './received.js';
import { SimValues } from './values.js';
import { dataDir, type SimWorld, type Witness } from './world.js';

const startedWallMs = 1_700_000_000_000;
/** A process that does not come up, or does not come to rest, within so many turns never will. */
const turnsMax = 20_000;

interface Identity {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
}

export class SimHost {
  readonly assembled: Assembled;
  readonly recovered: RecoveredLog;
  readonly offered: MemberServices;
  /** The same services, for connections of bytes. */
  readonly grpc: GrpcServer;
  readonly values: SimValues;
  readonly databases: ReceivedDatabases;
  readonly #world: SimWorld;
  readonly #disk: SimDisk;
  readonly #writer: WalWriter;
  readonly #startedMs: number;
  readonly #peerPort: SimPeerPort;
  readonly #chores = new Chores();
  /** Not before it is put together. */
  #alive: Assembled | undefined;
  #nextTickMs: number;
  /** It is of the cluster no more, and is to stop for good. */
  removed = false;
  #stalledToMs = 0;
  #stopped = false;
  readonly #catchUp: Chore = { step: () => (this.assembled.hub.catchUp() ? 0 : Number.POSITIVE_INFINITY) };
  readonly #compact: Chore = { step: (nowMs) => this.#compactSlice(nowMs) };

  /** `assembled` is told of the host before the member does anything. */
  constructor(world: SimWorld, witness: Witness, assembled: (host: SimHost) => void = () => {}) {
    const { disk, options, site } = world;
    const identity = { memberId: site.own.id, clusterId: site.clusterId };
    this.#world = world;
    this.#disk = disk;
    this.#startedMs = world.nowMs;
    const folders = makeDataDirectory(disk, dataDir);
    const snaps = new SnapDirectory(disk, folders.snap, crc32c, silentLog);
    snaps.clean();
    const wal = open(world, folders.wal, identity, snaps.newest()?.metadata);
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
    const changed = witness.changed?.bind(witness);
    const traced = changed && ((digest: number) => changed(this.#alive?.member.applied ?? 0, digest));
    const values = new SimValues(disk, world.values, traced);
    const databases = new ReceivedDatabases(disk, folders.snap);
    this.databases = databases;
    this.values = values;
    this.#catchUpWith(this.recovered.snapshot.index, values);
    snaps.releaseDatabases(Number.POSITIVE_INFINITY, () => {});
    const port: World = {
      nowMs: () => this.clockMs * (options.fault === 'clockTooFast' ? 2 : 1),
      wallMs: () => Math.floor(startedWallMs + world.nowMs + world.wallOffsetMs),
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
          snaps.purge(options.snapshotsMax, () => snaps.releaseDatabases(snapshot.metadata.index, () => {}));
          done();
        }),
      release: (index) => writer.release(options.fault === 'releasedTooFar' ? Number.MAX_SAFE_INTEGER : index),
      restore: (index, done) => databases.restore(index, values, done),
      ...site.network.begin(this),
      values,
    };
    this.assembled = assemble(memberOptions(world), {
      world: port,
      log: silentLog,
      recovered: this.recovered,
      founders: () => site.founders,
      known: site.known,
      index: { chunkPagesLog2: 6, chunkRecordsLog2: 10 },
    });
    const keeper = keeperOf(this.assembled, this.#chores, (done) => done(undefined));
    this.offered = memberServices(this.assembled, this.#chores, keeper, {
      maxTxnOps: 128,
      progressNotifyMs: 5000,
      random: port.random,
    });
    this.#alive = this.assembled;
    this.#nextTickMs = world.nowMs + world.random.below(memberDefaults.heartbeatMs);
    this.grpc = createGrpcServer(this.offered.services);
    this.#peerPort = new SimPeerPort(this.assembled, this.offered);
    this.assembled.departure.whenLeaving(() => {
      this.removed = true;
    });
    assembled(this);
    this.assembled.member.start();
  }

  get id(): MemberId {
    return this.#world.site.own.id;
  }

  /** Its clock's milliseconds in one of the world's. */
  get rate(): number {
    return this.#world.clockRate;
  }

  /** Milliseconds since the start, by the machine's own clock. */
  get clockMs(): number {
    return (this.#world.nowMs - this.#startedMs) * this.#world.clockRate;
  }

  /** The member serves: it has published itself. */
  get ready(): boolean {
    return this.assembled.duties.publication.done;
  }

  /** Nothing is under way. */
  get atRest(): boolean {
    return this.quiet && this.assembled.member.pendingProposals === 0;
  }

  /** But for requests that wait for the cluster. */
  get quiet(): boolean {
    const { hub, store, restoring } = this.assembled;
    return this.#disk.idle && !hub.isBehind && store.compactor.idle && !restoring.active;
  }

  /** A call of a client, to be written to. */
  call(path: string, headers: Readonly<Record<string, string>> = {}): RecordingCall {
    const method = this.offered.services.get(path);
    if (method === undefined) throw new Error(`there is no ${path}`);
    return new RecordingCall(method, path, headers);
  }

  /** One turn of the loop: some time passes, some of what the disk was asked is done, and the member acts on it. */
  turn(): void {
    const world = this.#world;
    const { random } = world;
    world.nowMs += random.oneIn(40) ? random.below(2000) : random.below(30);
    if (world.nowMs >= this.#nextTickMs) {
      this.#nextTickMs = world.nowMs + memberDefaults.heartbeatMs;
      this.tick();
    }
    // Now and then the disk makes everybody wait: then much gathers into one write.
    if (random.oneIn(30)) this.#stalledToMs = world.nowMs + random.below(600);
    if (world.nowMs >= this.#stalledToMs)
      for (let turns = random.below(world.options.diskPace); turns > 0; turns--) this.#disk.turn();
    this.endTurn();
  }

  /** Turns until `holds`. */
  until(holds: () => boolean, what: string): void {
    for (let turns = 0; !holds(); turns++) {
      if (turns === turnsMax) throw new Error(`never came to it: ${what}`);
      this.turn();
    }
  }

  /** Does it now: nothing else is under way. */
  reach(act: () => void): void {
    act();
  }

  settle(): void {
    this.until(() => this.atRest, 'a member at rest');
  }

  /** Hands leadership over, as the production host does before it stops. */
  beforeStop(done: () => void): void {
    this.assembled.transfer.beforeStop(done);
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

  /** The end came after the log rested on a snapshot that was received, and before the values did. */
  #catchUpWith(index: number, values: SimValues): void {
    if (readRecordedNumber(values, appliedKey) >= index) return;
    check(this.databases.has(index), 'the log rests on a database that is there');
    this.databases.restoreNow(index, values);
  }

  #persisted(batches: number): void {
    if (this.#stopped) return;
    for (let i = 0; i < batches; i++) this.assembled.member.persisted();
  }

  /** One heartbeat interval has passed by the machine's clock. */
  tick(): void {
    const world = this.#world;
    const now = this.clockMs;
    this.assembled.member.tick();
    this.assembled.duties.tick(now);
    this.offered.watch.tick(now);
    if (world.random.oneIn(3)) this.#purge();
  }

  isUnary(path: string): boolean {
    return this.offered.services.get(path)?.kind === 'unary';
  }

  received(message: Message): void {
    this.assembled.member.received(message);
  }

  /** A snapshot message, and the database that came with it; `done` is told when it was taken. */
  receivedSnapshot(message: Message, database: Bytes, done: () => void): void {
    const { snapshot } = message;
    check(snapshot !== undefined, 'a snapshot message carries one');
    this.databases.keep(snapshot.metadata.index, database, () => {
      this.received(message);
      done();
    });
  }

  /** A request of another member to this one's peer port. */
  serve(request: PeerRequest, answer: (answer: PeerAnswer) => void): void {
    this.#peerPort.serve(request, answer);
  }

  /** All that came in one turn has come. Answers after how many milliseconds there is more to do: 0 at once, `Infinity` nothing. */
  endTurn(): number {
    const { member, hub, store, restoring } = this.assembled;
    member.endTurn();
    if (hub.isBehind) this.#chores.wake(this.#catchUp);
    if (!store.compactor.idle) this.#chores.wake(this.#compact);
    const restMs = this.#chores.run(this.clockMs);
    return restoring.wantsStep ? 0 : restMs;
  }

  /** The disk is done with something it was asked; false when there is nothing. */
  diskTurn(): boolean {
    return this.#disk.turn();
  }

  get diskIdle(): boolean {
    return this.#disk.idle;
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

function open(
  { disk, options }: SimWorld,
  directory: string,
  identity: Identity,
  newest: StartPosition | undefined,
): OpenWal {
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
  const vote = fault === 'voteForgotten' ? noMember : wal.hardState.vote;
  return {
    snapshot: wal.snapshot,
    hardState: forgotten ? undefined : { ...wal.hardState, vote },
    entries: fault === 'lastEntryForgotten' ? wal.entries.slice(0, -1) : wal.entries,
  };
}

function memberOptions({ options, site }: SimWorld): MemberOptions {
  const { snapshotCount, catchUpEntries, compactionBatchLimit } = options;
  return {
    ...memberDefaults,
    memberId: site.own.id,
    clusterId: site.clusterId,
    name: site.own.name,
    clientUrls: ['http://localhost:2379'],
    snapshotCount,
    catchUpEntries,
    compactionBatchLimit,
    ...options.member,
  };
}

function rethrow(failure: DiskFailure): never {
  throw failure;
}
