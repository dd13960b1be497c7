/** A member inside a Node program: on disk, or wholly in memory for tests. */
import { Counters } from '../base/counters.js';
import { type Log, silentLog } from '../base/log.js';
import { memberIdOf } from '../cluster/ids.js';
import type { Member as ClusterMember } from '../cluster/member.js';
import { type MemberOptions, memberDefaults } from '../member/options.js';
import { takeDataDir } from './data-dir.js';
import type { DataDirLock } from './data-dir-lock.js';
import { diskStorage } from './disk-storage.js';
import { endpointsOf } from './endpoints.js';
import { type Host, startHost } from './host.js';
import { memoryStorage, type Storage } from './storage.js';

export interface EmbedOptions {
  /** The data directory, or `memory`: then nothing is written, and all is gone when the member stops. */
  readonly dir?: string;
  /** Where clients connect, several by commas; port 0 takes any free one. Default `http://127.0.0.1:0`. */
  readonly listenClientUrls?: string;
  readonly name?: string;
  /** Nothing is logged unless a log is given. */
  readonly log?: Log;
  /** What differs from etcd's defaults: see `MemberOptions`. */
  readonly member?: Partial<Omit<MemberOptions, 'memberId' | 'clusterId' | 'name' | 'clientUrls'>>;
}

export interface EmbeddedMember extends AsyncDisposable {
  /** The first of `clientUrls`. */
  readonly clientUrl: string;
  readonly clientUrls: readonly string[];
  close(): Promise<void>;
}

const peerUrl = 'http://localhost:2380';
const token = 'etcd-cluster';

/** Starts a member of its own cluster, and settles when it serves. Rejects with what stands in the way, in one line. */
export async function startMember(options: EmbedOptions = {}): Promise<EmbeddedMember> {
  const { dir = 'memory', listenClientUrls = 'http://127.0.0.1:0', name = 'default', log = silentLog } = options;
  const counters = new Counters();
  const own: ClusterMember = {
    id: memberIdOf([peerUrl], token, undefined),
    name,
    peerUrls: [peerUrl],
    clientUrls: [],
    isLearner: false,
  };
  const urls = listenClientUrls.split(',');
  let lock: DataDirLock | undefined;
  const open = async (identity: () => Storage['identity']): Promise<Storage> => {
    if (dir === 'memory') return memoryStorage(identity());
    lock = await takeDataDir(dir, log);
    return diskStorage(
      { dir, walDir: '', unsafeNoFsync: false, walsMax: 5, snapshotsMax: 5, log, counters: counters.disk },
      identity,
    );
  };
  const host: Host = await startHost(
    {
      member: { ...memberDefaults, ...options.member, name, clientUrls: urls },
      bootstrap: () => ({ own, founders: [own] }),
      openStorage: open,
      urls: {
        dataDir: dir,
        advertisePeerUrls: [peerUrl],
        listenPeerUrls: [],
        advertiseClientUrls: urls,
        listenClientUrls: urls,
        listenMetricsUrls: [],
      },
      listenClientHttpUrls: [],
      maxTxnOps: 128,
      progressNotifyMs: 600_000,
      counters,
      grpc: {},
      handlers: (assembled) =>
        endpointsOf(assembled, {
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
  return { clientUrl: host.clientUrls[0] ?? '', clientUrls: host.clientUrls, close, [Symbol.asyncDispose]: close };
}
