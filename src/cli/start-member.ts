/** From the program's configuration to a running member. */
import { quotaBytesOf } from '../apply/quota.js';
import { Counters } from '../base/counters.js';
import type { Log } from '../base/log.js';
import { bootstrapMembers } from '../cluster/initial.js';
import { diskStorage } from '../io/disk-storage.js';
import { endpointsOf } from '../io/endpoints.js';
import { startHost } from '../io/host.js';
import { memberDefaults } from '../member/options.js';
import { autoCompactionOf } from './auto-compaction.js';
import type { Config } from './options.js';
import type { RunningMember } from './quorate.js';

export async function startConfigured(config: Config, log: Log): Promise<RunningMember> {
  const counters = new Counters();
  const host = await startHost(
    {
      member: memberOptions(config),
      bootstrap: () => firstMembers(config),
      openStorage: (identity) =>
        diskStorage(
          {
            dir: config.dataDir,
            walDir: config.walDir,
            unsafeNoFsync: config.unsafeNoFsync,
            walsMax: config.maxWals,
            snapshotsMax: config.maxSnapshots,
            log,
            observeSync: (seconds) => counters.disk.walFsyncSeconds.observe(seconds),
          },
          identity,
        ),
      listenClientUrls: config.listenClientUrls,
      listenClientHttpUrls: config.listenClientHttpUrls,
      listenMetricsUrls: config.listenMetricsUrls,
      listenPeerUrls: config.listenPeerUrls,
      maxTxnOps: config.maxTxnOps,
      progressNotifyMs: config.watchProgressNotifyIntervalMs || 600_000,
      counters,
      grpc: {},
      handlers: (assembled) =>
        endpointsOf(assembled, {
          rules: { cors: config.cors, hostWhitelist: config.hostWhitelist },
          log,
          counters,
          extensiveMetrics: config.metrics === 'extensive',
          argv: process.argv.slice(1),
          features: [],
        }),
    },
    log,
  );
  return { ready: host.ready, stopped: new Promise<void>(() => {}), stop: () => host.stop() };
}

function memberOptions(config: Config) {
  const autoCompaction = autoCompactionOf(config);
  if (!autoCompaction.ok) throw new Error(autoCompaction.why);
  return {
    ...memberDefaults,
    name: config.name,
    clientUrls: config.advertiseClientUrls,
    heartbeatMs: config.heartbeatIntervalMs,
    electionMs: config.electionTimeoutMs,
    preVote: config.preVote,
    maxRequestBytes: config.maxRequestBytes,
    learnersMax: config.maxLearners,
    quotaBytes: quotaBytesOf(config.quotaBackendBytes),
    snapshotCount: config.snapshotCount || memberDefaults.snapshotCount,
    catchUpEntries: config.snapshotCatchupEntries,
    commitIntervalMs: config.backendBatchIntervalMs || memberDefaults.commitIntervalMs,
    commitEntries: config.backendBatchLimit || memberDefaults.commitEntries,
    compactionBatchLimit: config.compactionBatchLimit || memberDefaults.compactionBatchLimit,
    autoCompaction: autoCompaction.value,
    compactionSleepMs: config.compactionSleepIntervalMs || memberDefaults.compactionSleepMs,
  };
}

function firstMembers(config: Config) {
  const read = bootstrapMembers({
    name: config.name,
    initialCluster: config.initialCluster,
    token: config.initialClusterToken,
    advertisePeerUrls: config.initialAdvertisePeerUrls,
  });
  if (!read.ok) throw new Error(read.why);
  return { own: read.value.own, founders: read.value.members };
}
