/**
 * What a member counts and measures of itself: plain numbers, raised where the thing happens and read when somebody
 * scrapes `/metrics`. One object for each area, so that an area is handed to the module that fills it and to no other.
 *
 * Which names they have outside, and their buckets' history, is in `http/etcd-metrics.ts`.
 */
import { doubling, Histogram, HistogramsBy } from './histogram.js';

const fromMillisecond = doubling(0.001, 14);
const fromTenthMillisecond = doubling(0.0001, 20);

/** `"Put true"`: what was done, and whether it succeeded. */
export type Done = `${string} ${boolean}`;

export class ServerCounters {
  hasLeader = 0;
  isLeader = 0;
  isLearner = 0;
  leaderChangesSeen = 0;
  heartbeatSendFailures = 0;
  learnerPromoteSuccesses = 0;
  /** By reason. */
  readonly learnerPromoteFailures = new Map<string, number>();
  proposalsCommitted = 0;
  proposalsApplied = 0;
  proposalsPending = 0;
  proposalsFailed = 0;
  readIndexesFailed = 0;
  slowReadIndexes = 0;
  slowApplies = 0;
  snapshotApplyInProgress = 0;
  quotaBackendBytes = 0;
  /** Seconds from proposal to answer, by request kind: `Put`, `Txn`, `Range`, ... */
  readonly requestSeconds = new HistogramsBy<Done>(fromMillisecond);
  /** Seconds of applying one entry, by request kind. */
  readonly applySeconds = new HistogramsBy<Done>(fromTenthMillisecond);
  readonly rangeSeconds = new HistogramsBy<'true' | 'false'>(fromTenthMillisecond);
}

export class DiskCounters {
  readonly walFsyncSeconds = new Histogram(fromMillisecond);
  readonly walWriteSeconds = new Histogram(fromMillisecond);
  walWriteBytes = 0;
  readonly commitSeconds = new Histogram(fromMillisecond);
  readonly snapshotSeconds = new Histogram(doubling(0.01, 17));
  readonly defragSeconds = new Histogram(doubling(0.1, 13));
  defragsRunning = 0;
  readonly snapFsyncSeconds = new Histogram(fromMillisecond);
  readonly snapDbFsyncSeconds = new Histogram(fromMillisecond);
  readonly snapDbSaveSeconds = new Histogram(doubling(0.1, 10));
}

export class MvccCounters {
  puts = 0;
  deletes = 0;
  ranges = 0;
  txns = 0;
  currentRevision = 1;
  compactRevision = -1;
  keys = 0;
  putBytes = 0;
  openReads = 0;
  sizeBytes = 0;
  sizeInUseBytes = 0;
  watchStreams = 0;
  watchers = 0;
  slowWatchers = 0;
  pendingEvents = 0;
  eventsSent = 0;
  compactedKeys = 0;
  /** Unix seconds. */
  lastCompactionSeconds = 0;
  readonly compactionPauseMs = new Histogram(doubling(1, 13));
  readonly compactionTotalMs = new Histogram(doubling(100, 14));
  readonly indexCompactionPauseMs = new Histogram(doubling(0.5, 14));
  readonly hashSeconds = new Histogram(doubling(0.01, 15));
  readonly hashRevSeconds = new Histogram(doubling(0.01, 15));
}

export class LeaseCounters {
  granted = 0;
  revoked = 0;
  renewed = 0;
  expired = 0;
  readonly ttlSeconds = new Histogram(doubling(1, 24));
}

/** Requests of one kind from clients that say they are of one version. */
export class RequestCount {
  count = 0;

  constructor(
    readonly type: 'unary' | 'stream',
    readonly version: string,
  ) {}
}

/** A client may call itself what it likes: beyond so many versions, all are of one. */
const versionsMax = 100;

export class ClientCounters {
  receivedBytes = 0;
  sentBytes = 0;
  readonly requests: RequestCount[] = [];

  /** Keep what this returns. */
  requestsOf(type: 'unary' | 'stream', version: string): RequestCount {
    const known = this.requests.find((each) => each.type === type && each.version === version);
    if (known !== undefined) return known;
    if (this.requests.length >= versionsMax && version !== 'other') return this.requestsOf(type, 'other');
    const count = new RequestCount(type, version);
    this.requests.push(count);
    return count;
  }
}

const fromTenthSecond = doubling(0.1, 10);

/** What passes between us and one other member. */
export class PeerCount {
  /** 1 while it answers. */
  active = 0;
  /** Whether it ever did. */
  seen = false;
  disconnected = 0;
  sentBytes = 0;
  receivedBytes = 0;
  sendFailures = 0;
  snapshotsSent = 0;
  snapshotsUnsent = 0;
  snapshotsSending = 0;
  snapshotsReceived = 0;
  snapshotsUnreceived = 0;
  snapshotsReceiving = 0;
  readonly snapshotSendSeconds = new Histogram(fromTenthSecond);
  readonly snapshotReceiveSeconds = new Histogram(fromTenthSecond);
  readonly roundTripSeconds = new Histogram(doubling(0.0001, 16));
}

/** Addresses that sent what could not be read: beyond so many, all are of one. */
const addressesMax = 100;

export class PeerCounters {
  /** By hex id. */
  readonly peers = new Map<string, PeerCount>();
  /** What could not be read, by the address it came from. */
  readonly unread = new Map<string, number>();

  /** Keep what this returns. */
  of(id: string): PeerCount {
    let count = this.peers.get(id);
    if (count === undefined) {
      count = new PeerCount();
      this.peers.set(id, count);
    }
    return count;
  }

  failedReceive(address: string): void {
    const known = this.unread.has(address) || this.unread.size < addressesMax ? address : 'other';
    this.unread.set(known, (this.unread.get(known) ?? 0) + 1);
  }
}

const grpcCodes = 17;
export const handlingBounds: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** One gRPC method; `path` is `/etcdserverpb.KV/Put`. */
export class MethodCounters {
  started = 0;
  received = 0;
  sent = 0;
  /** Calls ended, by status code. */
  readonly handled = new Float64Array(grpcCodes);
  /** Seconds of whole calls; only filled with `--metrics extensive`. */
  readonly handlingSeconds = new Histogram(handlingBounds);

  constructor(
    readonly path: string,
    readonly type: 'unary' | 'client_stream' | 'server_stream' | 'bidi_stream',
  ) {}
}

export class Counters {
  readonly server = new ServerCounters();
  readonly disk = new DiskCounters();
  readonly mvcc = new MvccCounters();
  readonly lease = new LeaseCounters();
  readonly client = new ClientCounters();
  readonly peers = new PeerCounters();
  /** In the order in which the server's methods were named. */
  readonly methods: MethodCounters[] = [];
}
