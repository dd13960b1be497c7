/** A member inside a Node program: on disk, or wholly in memory for tests. */
import { Counters } from '../base/counters.js';
import { type Log, silentLog } from '../base/log.js';
import { type MemberOptions, memberDefaults, requestTimeoutMsOf } from '../member/options.js';
import { bootstrapCluster } from './bootstrap.js';
import { takeDataDir } from './data-dir.js';
import type { DataDirLock } from './data-dir-lock.js';
import { diskStorage } from './disk-storage.js';
import { endpointsOf } from './endpoints.js';
import { type Host, startHost } from './host.js';
import { memoryStorage, type Storage } from './storage.js';

export interface EmbedOptions {
  /**
   * The data directory, or `memory`: then nothing is written, and all is gone when the member stops. A member of several that is
   * only in memory must not come back after a stop: it would have forgotten what it promised the others.
   */
  readonly dir?: string;
  /** Where clients connect, several by commas; port 0 takes any free one. Default `http://127.0.0.1:0`. */
  readonly listenClientUrls?: string;
  readonly name?: string;
  /** Where other members connect, several by commas. Default: nowhere, for a member that stays alone. */
  readonly listenPeerUrls?: string;
  /** What others are told to connect to. Default: `listenPeerUrls`. */
  readonly advertisePeerUrls?: string;
  /** The members by name and peer URL, this one among them: `a=http://127.0.0.1:2380,b=http://...`. Default: this one alone. */
  readonly initialCluster?: string;
  /** `existing` joins a cluster that runs and was told of this member. Default `new`. */
  readonly initialClusterState?: 'new' | 'existing';
  /** Keeps clusters apart whose members have the same URLs. */
  readonly initialClusterToken?: string;
  /** Nothing is logged unless a log is given. */
  readonly log?: Log;
  /** What differs from etcd's defaults: see `MemberOptions`. */
  readonly member?: Partial<Omit<MemberOptions, 'memberId' | 'clusterId' | 'name' | 'clientUrls'>>;
}

export interface EmbeddedMember extends AsyncDisposable {
  /** The first of `clientUrls`. */
  readonly clientUrl: string;
  readonly clientUrls: readonly string[];
  /** Settles when it has ended by itself, for it was removed from its cluster. */
  readonly left: Promise<void>;
  close(): Promise<void>;
}

/** Where a member that stays alone is said to be. */
const somePeerUrl = 'http://localhost:2380';

/**
 * Starts a member, and settles when it serves; of a new cluster of several, that is when a quorum of them has been started.
 * Rejects with what stands in the way, in one line.
 */
export async function startMember(options: EmbedOptions = {}): Promise<EmbeddedMember> {
  const { dir = 'memory', listenClientUrls = 'http://127.0.0.1:0', name = 'default', log = silentLog } = options;
  const { listenPeerUrls = '', advertisePeerUrls = listenPeerUrls || somePeerUrl } = options;
  const counters = new Counters();
  const urls = listenClientUrls.split(',');
  const peerUrls = advertisePeerUrls.split(',');
  const { electionMs, learnersMax } = { ...memberDefaults, ...options.member };
  const bootstrap = () =>
    bootstrapCluster({
      name,
      initialCluster: options.initialCluster ?? peerUrls.map((url) => `${name}=${url}`).join(),
      token: options.initialClusterToken ?? 'etcd-cluster',
      advertisePeerUrls: peerUrls,
      state: options.initialClusterState ?? 'new',
      learnersMax,
      requestTimeoutMs: requestTimeoutMsOf(electionMs),
      log,
    });
  let lock: DataDirLock | undefined;
  const open = async (identity: () => Promise<Storage['identity']>): Promise<Storage> => {
    if (dir === 'memory') return memoryStorage(await identity());
    lock = await takeDataDir(dir, log);
    return diskStorage(
      { dir, walDir: '', unsafeNoFsync: false, walsMax: 5, snapshotsMax: 5, log, counters: counters.disk },
      identity,
    );
  };
  const host: Host = await startHost(
    {
      member: { ...memberDefaults, ...options.member, name, clientUrls: urls },
      bootstrap,
      openStorage: open,
      urls: {
        dataDir: dir,
        advertisePeerUrls: peerUrls,
        listenPeerUrls: listenPeerUrls === '' ? [] : listenPeerUrls.split(','),
        advertiseClientUrls: urls,
        listenClientUrls: urls,
        listenMetricsUrls: [],
      },
      listenClientHttpUrls: [],
      maxTxnOps: 128,
      progressNotifyMs: 600_000,
      warningUnaryMs: 300,
      counters,
      grpc: {},
      handlers: (assembled, _loop, services) =>
        endpointsOf(assembled, services, {
          rules: { cors: ['*'], hostWhitelist: ['*'] },
          log,
          counters,
          extensiveMetrics: false,
          argv: process.argv.slice(1),
          features: [],
        }),
    },
    log,
  ).catch((cause: unknown) => {
    lock?.release();
    throw cause;
  });
  await host.ready;
  const stop = async () => {
    await host.stop();
    lock?.release();
  };
  let closing: Promise<void> | undefined;
  const close = () => {
    closing ??= stop();
    return closing;
  };
  const { clientUrls } = host;
  // Its directory may be used again once it has left.
  const left = host.left.then(close);
  // Whoever waits for it hears of a failure; nobody has to.
  left.catch(() => {});
  return { clientUrl: clientUrls[0] ?? '', clientUrls, left, close, [Symbol.asyncDispose]: close };
}
