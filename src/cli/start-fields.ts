/** What the line "starting an etcd server" tells: the configuration as it was understood. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { quotaBytesOf } from '../apply/quota.js';
import type { Fields } from '../base/log.js';
import { apiVersion } from '../base/version.js';
import { printFeatureGates } from './feature-gates.js';
import { duration } from './kinds.js';
import type { Config } from './options.js';

export function startFields(config: Config): Fields {
  const memberDir = join(config.dataDir, 'member');
  return {
    'etcd-version': apiVersion,
    'node-version': process.version,
    'node-os': process.platform,
    'node-arch': process.arch,
    'max-cpu-available': availableParallelism(),
    'member-initialized': existsSync(join(memberDir, 'wal')),
    name: config.name,
    'data-dir': config.dataDir,
    'wal-dir': config.walDir,
    'member-dir': memberDir,
    'force-new-cluster': config.forceNewCluster,
    'heartbeat-interval': duration.print(config.heartbeatIntervalMs),
    'election-timeout': duration.print(config.electionTimeoutMs),
    'snapshot-count': config.snapshotCount,
    'max-wals': config.maxWals,
    'max-snapshots': config.maxSnapshots,
    'snapshot-catchup-entries': config.snapshotCatchupEntries,
    'initial-advertise-peer-urls': config.initialAdvertisePeerUrls,
    'listen-peer-urls': config.listenPeerUrls,
    'advertise-client-urls': config.advertiseClientUrls,
    'listen-client-urls': config.listenClientUrls,
    'listen-metrics-urls': config.listenMetricsUrls,
    cors: config.cors,
    'host-whitelist': config.hostWhitelist,
    'initial-cluster': config.initialCluster,
    'initial-cluster-state': config.initialClusterState,
    'initial-cluster-token': config.initialClusterToken,
    'quota-backend-bytes': quotaBytesOf(config.quotaBackendBytes),
    'max-request-bytes': config.maxRequestBytes,
    'max-concurrent-streams': config.maxConcurrentStreams,
    'pre-vote': config.preVote,
    'feature-gates': printFeatureGates(config.featureGates),
    'auto-compaction-mode': config.autoCompactionMode,
    'auto-compaction-retention': config.autoCompactionRetention,
    'max-learners': config.maxLearners,
  };
}
