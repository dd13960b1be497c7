/** From the program's configuration to a running member. */
import { quotaBytesOf } from '../apply/quota.js';
import { Counters } from '../base/counters.js';
import type { Log } from '../base/log.js';
import { bootstrapCluster } from '../io/bootstrap.js';
import { diskStorage } from '../io/disk-storage.js';
import { endpointsOf } from '../io/endpoints.js';
import { startHost } from '../io/host.js';
import { memberDefaults, requestTimeoutMsOf } from '../member/options.js';
import { keepaliveDefaults } from '../wire/http2/pings.js';
import { autoCompactionOf } from './auto-compaction.js';
import { tuneCollector } from './collector.js';
import { type FeatureName, featureEnabled, featureGates, featureNames } from './feature-gates.js';
import type { Config } from './options.js';
import type { RunningMember } from './quorate.js';
import { startFields } from './start-fields.js';

export async function startConfigured(config: Config, log: Log): Promise<RunningMember> {
  tuneCollector();
  const counters = new Counters();
  log.info('configuring peer listeners', { 'listen-peer-urls': config.listenPeerUrls });
  log.info('configuring client listeners', { 'listen-client-urls': config.listenClientUrls });
  const host = await startHost(
    {
      member: memberOptions(config),
      bootstrap: () => bootstrapOf(config, log),
      forceNewCluster: config.forceNewCluster,
      initialCorruptCheck: featureEnabled(config.featureGates, 'InitialCorruptCheck'),
      openStorage(identity) {
        log.info('starting an etcd server', startFields(config));
        return diskStorage(
          {
            dir: config.dataDir,
            walDir: config.walDir,
            unsafeNoFsync: config.unsafeNoFsync,
            walsMax: config.maxWals,
            snapshotsMax: config.maxSnapshots,
            log,
            counters: counters.disk,
          },
          identity,
        );
      },
      urls: {
        dataDir: config.dataDir,
        advertisePeerUrls: config.initialAdvertisePeerUrls,
        listenPeerUrls: config.listenPeerUrls,
        advertiseClientUrls: config.advertiseClientUrls,
        listenClientUrls: config.listenClientUrls,
        listenMetricsUrls: config.listenMetricsUrls,
      },
      listenClientHttpUrls: config.listenClientHttpUrls,
      maxTxnOps: config.maxTxnOps,
      progressNotifyMs: config.watchProgressNotifyIntervalMs || 600_000,
      warningUnaryMs: config.warningUnaryRequestDurationMs,
      counters,
      grpc: { ...grpcLimits(config), ...(config.metrics === 'extensive' && { clock: () => performance.now() }) },
      handlers: (assembled, _loop, services) =>
        endpointsOf(assembled, services, {
          rules: { cors: config.cors, hostWhitelist: config.hostWhitelist },
          log,
          counters,
          extensiveMetrics: config.metrics === 'extensive',
          argv: process.argv.slice(1),
          features: featureNames.map((name) => [
            name,
            featureGates[name].stage,
            featureEnabled(config.featureGates, name),
          ]),
        }),
    },
    log,
  );
  return { ready: host.ready, stopped: host.left, stop: () => host.stop() };
}

/** As etcd hands them to grpc-go: what is 0 leaves grpc-go's own default in force. */
function grpcLimits(config: Config) {
  const pings = config.grpcKeepaliveIntervalMs > 0 && config.grpcKeepaliveTimeoutMs > 0;
  return {
    concurrentStreamsMax: config.maxConcurrentStreams,
    keepalive: {
      permitWithoutStream: false,
      minTimeMs: config.grpcKeepaliveMinTimeMs > 0 ? config.grpcKeepaliveMinTimeMs : grpcGoMinTimeMs,
      intervalMs: pings ? config.grpcKeepaliveIntervalMs : keepaliveDefaults.intervalMs,
      timeoutMs: pings ? config.grpcKeepaliveTimeoutMs : keepaliveDefaults.timeoutMs,
    },
  };
}

const grpcGoMinTimeMs = 5 * 60 * 1000;

/** etcd's `defaultLeaseCheckpointInterval`; no flag says another. */
const leaseCheckpointMs = 5 * 60 * 1000;

function memberOptions(config: Config) {
  const on = (name: FeatureName) => featureEnabled(config.featureGates, name);
  const autoCompaction = autoCompactionOf(config);
  if (!autoCompaction.ok) throw new Error(autoCompaction.why);
  return {
    ...memberDefaults,
    name: config.name,
    clientUrls: config.advertiseClientUrls,
    heartbeatMs: config.heartbeatIntervalMs,
    electionMs: config.electionTimeoutMs,
    preVote: config.preVote,
    initialElectionTickAdvance: config.initialElectionTickAdvance,
    maxRequestBytes: config.maxRequestBytes,
    warningApplyMs: config.warningApplyDurationMs || memberDefaults.warningApplyMs,
    learnersMax: config.maxLearners,
    strictReconfigCheck: config.strictReconfigCheck,
    downgradeCheckMs: config.downgradeCheckTimeMs,
    quotaBytes: quotaBytesOf(config.quotaBackendBytes),
    snapshotCount: config.snapshotCount || memberDefaults.snapshotCount,
    catchUpEntries: config.snapshotCatchupEntries,
    commitIntervalMs: config.backendBatchIntervalMs || memberDefaults.commitIntervalMs,
    commitEntries: config.backendBatchLimit || memberDefaults.commitEntries,
    compactionBatchLimit: config.compactionBatchLimit || memberDefaults.compactionBatchLimit,
    autoCompaction: autoCompaction.value,
    compactionSleepMs: config.compactionSleepIntervalMs || memberDefaults.compactionSleepMs,
    fastLeaseKeepAlive: on('FastLeaseKeepAlive'),
    priorityRequests: on('PriorityRequest'),
    leaseCheckpointMs: on('LeaseCheckpoint') ? leaseCheckpointMs : 0,
    leaseCheckpointPersist: on('LeaseCheckpointPersist'),
    corruptCheckMs: config.corruptCheckTimeMs,
    compactHashCheckMs: on('CompactHashCheck') ? config.compactHashCheckTimeMs : 0,
    stopServingOnDefrag: on('StopGRPCServiceOnDefrag'),
  };
}

function bootstrapOf(config: Config, log: Log) {
  return bootstrapCluster({
    name: config.name,
    initialCluster: config.initialCluster,
    token: config.initialClusterToken,
    advertisePeerUrls: config.initialAdvertisePeerUrls,
    state: config.initialClusterState === 'existing' ? 'existing' : 'new',
    learnersMax: config.maxLearners,
    requestTimeoutMs: requestTimeoutMsOf(config.electionTimeoutMs),
    log,
  });
}
