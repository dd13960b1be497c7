/**
 * A member on this machine: its files, its sockets, its clock, put together and driven.
 *
 * Order of a start, as etcd's: sockets are bound first, so that a busy port stops it before anything is written; then log and
 * values are read; then raft runs, and clients are answered once the member has published itself.
 */
import { randomInt } from 'node:crypto';
import type { Server } from 'node:http';
import { performance } from 'node:perf_hooks';
import { Chores } from '../base/chores.js';
import type { Counters, MethodCounters } from '../base/counters.js';
import { idToHex } from '../base/ids.js';
import type { Log } from '../base/log.js';
import { countMethods } from '../http/grpc-metrics.js';
import type { Handler } from '../http/message.js';
import { appliedKey, readRecordedNumber } from '../member/applier.js';
import { type Assembled, assemble, type RecoveredLog } from '../member/assembly.js';
import type { CorruptionChecker } from '../member/corruption.js';
import { forcedAlone } from '../member/force-new.js';
import type { MemberOptions } from '../member/options.js';
import type { World } from '../member/world.js';
import { keeperOf } from '../rpc/keeper.js';
import { learnerServices } from '../rpc/learner.js';
import { type RequestStatsParts, tellRequestStats } from '../rpc/request-stats.js';
import { type MemberServices, memberServices } from '../rpc/services.js';
import { createGrpcServer, type GrpcServerOptions } from '../wire/grpc/server.js';
import type { Method } from '../wire/grpc/service.js';
import type { Bootstrap } from './bootstrap.js';
import { createHttp1Server, http1Limits } from './http1.js';
import { inflaters } from './inflate.js';
import type { ListenPlace } from './listen-place.js';
import { Listener } from './listener.js';
import { timestamp } from './log-line.js';
import { Loop } from './loop.js';
import { type MemberUrls, Milestones } from './milestones.js';
import { PeerTransport } from './peers/transport.js';
import { sha256 } from './sha256.js';
import type { Identity, Storage } from './storage.js';
import { Turn } from './turn.js';

/** etcd adds this to `max-request-bytes` for what it receives. */
const overheadBytes = 512 * 1024;
/** A peer's connection on which nothing moves is given up; snapshots take as long as they take. */
const peerIdleMs = 60_000;
/** Calls in flight get this long when the member stops. */
const closeGraceMs = 5000;
/** How often it is looked whether other members have answered, before this one serves. */
const answerPollMs = 5;

export interface HostOptions {
  /** Gate InitialCorruptCheck: a member that was here before compares itself with the others before it serves. */
  readonly initialCorruptCheck?: boolean;
  readonly member: Omit<MemberOptions, 'memberId' | 'clusterId'>;
  readonly urls: MemberUrls;
  readonly listenClientHttpUrls: readonly string[];
  readonly maxTxnOps: number;
  readonly progressNotifyMs: number;
  /** Unary calls that take longer are told of in the log. */
  readonly warningUnaryMs: number;
  readonly counters: Counters;
  readonly grpc: GrpcServerOptions;
  /** Who this member is and who the others are; asked only where the log does not say. */
  bootstrap(): Promise<Bootstrap>;
  /** Go on without all other members, whatever the log says of them. */
  readonly forceNewCluster?: boolean;
  /** Opens log and values; `identity` is for those that have to be made. */
  openStorage(identity: () => Promise<Identity>): Promise<Storage>;
  /** The HTTP endpoints; what they show of the member is read when they are asked. */
  handlers(
    parts: Assembled,
    loop: Loop,
    services: MemberServices,
  ): { readonly client: Handler; readonly metrics: Handler; readonly peer: Handler };
}

export interface Host {
  readonly assembled: Assembled;
  /** Where clients connect: what was asked for, with the ports that were given. */
  readonly clientUrls: readonly string[];
  /** Settles when the member has published itself, and serves; or has left before it could. */
  readonly ready: Promise<void>;
  /** Settles when the member has stopped because it is of its cluster no more. */
  readonly left: Promise<void>;
  stop(): Promise<void>;
}

export async function startHost(options: HostOptions, log: Log): Promise<Host> {
  const turn = new Turn();
  const services = new Map<string, Method>();
  const counted = new Map<string, MethodCounters>();
  let stats: RequestStatsParts | undefined;
  const grpc = createGrpcServer(services, {
    counters: counted,
    traffic: options.counters.client,
    ...options.grpc,
    messageBytesMax: options.member.maxRequestBytes + overheadBytes,
    inflate: inflaters,
    slow: {
      longerThanMs: log.debugEnabled ? -1 : options.warningUnaryMs,
      clock: () => performance.now(),
      tell: (slow) => (stats === undefined ? undefined : tellRequestStats(stats, slow)),
    },
  });
  let handlers: ReturnType<HostOptions['handlers']> | undefined;
  const limits = http1Limits(options.member.maxRequestBytes);
  const http = (which: 'client' | 'metrics'): Server =>
    createHttp1Server((request, respond) => handlers?.[which](request, respond), limits);
  const peerHttp = createHttp1Server((request, respond) => handlers?.peer(request, respond), limits, {
    first: (message, response) => transport?.serve(message, response) ?? false,
    idleTimeoutMs: peerIdleMs,
  });
  let transport: PeerTransport | undefined;

  const apart = options.listenClientHttpUrls.length > 0;
  const listeners = {
    peer: new Listener({ http1: peerHttp, turn, held: true }),
    client: new Listener({ grpc, ...(!apart && { http1: http('client') }), turn, held: true }),
    clientHttp: new Listener({ http1: http('client'), turn, held: true }),
    metrics: new Listener({ http1: http('metrics'), turn, held: true }),
  };
  const clientUrls: string[] = [];
  const close = (graceMs: number) => Promise.all(Object.values(listeners).map((listener) => listener.close(graceMs)));
  const milestones = new Milestones(log, options.member.name, options.urls);
  const { urls } = options;
  const bound = { peer: [] as ListenPlace[], client: [] as ListenPlace[], clientHttp: [] as ListenPlace[] };
  let bootstrapped: Promise<Bootstrap> | undefined;
  const bootstrap = () => {
    bootstrapped ??= options.bootstrap();
    return bootstrapped;
  };
  let storage: Storage;
  let recovered: RecoveredLog;
  let begun: Bootstrap | undefined;
  try {
    for (const url of urls.listenPeerUrls) bound.peer.push(await listeners.peer.listen(url));
    for (const url of urls.listenClientUrls) {
      const place = await listeners.client.listen(url);
      bound.client.push(place);
      clientUrls.push(withPort(url, place.port));
    }
    for (const url of options.listenClientHttpUrls) bound.clientHttp.push(await listeners.clientHttp.listen(url));
    for (const url of urls.listenMetricsUrls) await listeners.metrics.listen(url);
    storage = await options.openStorage(async () => (await bootstrap()).identity);
    recovered = storage.takeRecovered();
    if (isEmpty(recovered)) begun = ofThisLog(storage.identity, await bootstrap(), options.urls.dataDir);
    else if (options.forceNewCluster === true) recovered = await forceAlone(storage, recovered, log);
  } catch (cause) {
    await close(0);
    throw cause;
  }

  const chores = new Chores();
  const { identity } = storage;
  const peers = new PeerTransport({
    ...identity,
    peerUrls: urls.advertisePeerUrls,
    dialTimeoutMs: 1000 + options.member.electionMs,
    log,
    counters: options.counters.peers,
    turn,
    events: {
      received: (message) => assembled.member.received(message),
      unreachable: (id) => assembled.member.unreachable(id),
      removedByPeer: () => assembled.departure.removedByPeer(),
      receiveDatabase: (index) => storage.receiveDatabase(index),
      isRemoved: (id) => assembled.members.isRemoved(id),
    },
  });
  transport = peers;
  const world: World = {
    nowMs: () => performance.now(),
    wallMs: () => Date.now(),
    random: (below) => randomInt(below),
    persist: (batch) => storage.append(batch),
    saveSnapshot: (snapshot, done) => storage.saveSnapshot(snapshot, done),
    release: (index) => storage.release(index),
    send: (to, message) => peers.send(to, message),
    sendSnapshot: (to, message, dump, done) => peers.sendSnapshot(to, message, dump, done),
    restore(index, done) {
      storage.restore(index, () => {
        done();
        turn.begin();
      });
    },
    peers,
    values: storage.values,
  };
  milestones.opened(identity, recovered, options.forceNewCluster === true);
  const published = options.member.clientUrls.map((url) => clientUrls[urls.listenClientUrls.indexOf(url)] ?? url);
  const parts = {
    world,
    log,
    recovered,
    keptIndex: storage.loadIndex(),
    counters: options.counters,
    founders: () => begun?.founders ?? [],
    known: begun?.members ?? [],
  };
  let assembled: Assembled;
  try {
    assembled = assemble({ ...options.member, ...identity, clientUrls: published }, parts);
  } catch (cause) {
    // Its data is not for this server, or not under these options.
    peers.stop();
    await close(0);
    await storage.close(undefined);
    throw cause;
  }
  storage.onPersisted((batches) => {
    for (let i = 0; i < batches; i++) assembled.member.persisted();
    turn.begin();
  });
  const keeper = keeperOf(assembled, chores, (done) => storage.defragment(done));
  const { maxTxnOps, progressNotifyMs } = options;
  const offered = memberServices(assembled, chores, keeper, {
    maxTxnOps,
    progressNotifyMs,
    random: world.random,
    sha256,
  });
  const ofLearner = learnerServices(offered.services);
  assembled.events.whenRole((isLearner) => {
    for (const [path, method] of isLearner ? ofLearner : offered.services) services.set(path, method);
  });
  for (const [path, counters] of countMethods(options.counters, services)) counted.set(path, counters);
  if (options.initialCorruptCheck === true && !isEmpty(recovered)) {
    const fault = await checkedAtStart(offered.corruption, chores);
    if (fault !== undefined) {
      peers.stop();
      await close(0);
      await storage.close(undefined);
      throw new Error(fault);
    }
  }
  const loop = new Loop(turn, chores, assembled, offered.watch);
  stats = {
    log,
    warningMs: options.warningUnaryMs,
    timeAgo: (agoMs) => timestamp(Date.now() - agoMs),
    applying: () => assembled.member.applying,
  };
  handlers = options.handlers(assembled, loop, offered);
  milestones.restored(identity, assembled.store.revision, assembled.members.version);

  listeners.peer.release();
  milestones.servingPeers(bound.peer);
  listeners.metrics.release();
  const ready = new Promise<void>((resolve) => {
    assembled.duties.publication.whenDone(() => {
      milestones.ready();
      listeners.client.release();
      listeners.clientHttp.release();
      milestones.servingClients(bound.client, apart ? 'grpc' : 'grpc+http');
      milestones.servingClients(bound.clientHttp, 'http');
      resolve();
    });
    assembled.departure.whenLeaving(resolve);
  });

  let stopping: Promise<void> | undefined;
  let leaving = false;
  const stop = async () => {
    milestones.closing();
    await Promise.all([listeners.client.close(closeGraceMs), listeners.clientHttp.close(closeGraceMs)]);
    if (!leaving) await new Promise<void>((resolve) => assembled.transfer.beforeStop(resolve));
    assembled.member.stop();
    loop.stop();
    peers.stop();
    await close(0);
    // What is applied is made durable, so that the next start has nothing to apply again.
    await new Promise<void>((resolve) => assembled.checkpoints.finish(resolve));
    if (!assembled.restoring.active) await storage.saveIndex(assembled.store);
    await storage.close(assembled.member.takeUnwrittenHardState());
    milestones.closed();
  };
  const stopOnce = () => {
    stopping ??= stop();
    return stopping;
  };
  const left = new Promise<void>((resolve, reject) => {
    assembled.departure.whenLeaving(() => {
      leaving = true;
      stopOnce().then(resolve, reject);
    });
  });
  assembled.member.start();
  return { assembled, clientUrls, ready, left, stop: stopOnce };
}

/** Nothing has ever happened to a member with such a log. */
function isEmpty({ hardState, snapshot }: RecoveredLog): boolean {
  return hardState === undefined && snapshot.index === 0;
}

/** A log that was made in an earlier start and has nothing yet must have been made for the member that is now configured. */
function ofThisLog({ memberId }: Identity, found: Bootstrap, dataDir: string): Bootstrap {
  if (found.members.some(({ id }) => id === memberId)) return found;
  throw new Error(
    `the log in ${dataDir} is empty and was made for member ${idToHex(memberId)}, which is none of the ` +
      'first members now configured: start it as before, or remove the data directory',
  );
}

async function forceAlone(storage: Storage, recovered: RecoveredLog, log: Log): Promise<RecoveredLog> {
  const applied = readRecordedNumber(storage.values, appliedKey);
  const forced = forcedAlone(recovered, applied, storage.identity.memberId);
  if (forced.discarded > 0) {
    log.info('discarding uncommitted WAL entries', { 'number-of-discarded-entries': forced.discarded });
  }
  await new Promise<void>((resolve) => {
    storage.onPersisted(() => resolve());
    storage.append(forced.batch);
  });
  return forced.recovered;
}

/** What keeps this member from serving, if anything. Nothing else runs yet, so the comparison is driven here. */
async function checkedAtStart(corruption: CorruptionChecker, chores: Chores): Promise<string | undefined> {
  let found: { readonly fault: string | undefined } | undefined;
  corruption.checkAtStart((fault) => {
    found = { fault };
  });
  while (found === undefined) {
    const restMs = chores.run(performance.now());
    await new Promise((resolve) => setTimeout(resolve, Math.min(restMs, answerPollMs)));
  }
  return found.fault;
}

/** `http://127.0.0.1:0` -> the URL with the port that the system gave. */
function withPort(url: string, port: number): string {
  return port > 0 ? url.replace(/:0$/, `:${port}`) : url;
}
