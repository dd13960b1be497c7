/**
 * etcd's metrics over a member's counters: names, types and help texts as etcd 3.7.1 prints them, so that dashboards and
 * alerts made for it go on working. What has no counterpart here (bbolt's phases, the Go run time) is left out.
 */
import type {
  ClientCounters,
  Counters,
  DiskCounters,
  Done,
  LeaseCounters,
  MvccCounters,
  ServerCounters,
} from '../base/counters.js';
import { Histogram, type HistogramsBy } from '../base/histogram.js';
import { apiVersion } from '../base/version.js';
import { grpcFamilies } from './grpc-metrics.js';
import type { Family, Labels, Sample } from './metrics-text.js';
import { peerFamilies } from './peer-metrics.js';

/** Rows of one area: the metric, its type, the field it is read from, its help. */
type Rows<Area> = readonly (readonly [string, 'counter' | 'gauge' | 'histogram', keyof Area, string])[];

const serverRows: Rows<ServerCounters> = [
  ['etcd_server_has_leader', 'gauge', 'hasLeader', 'Whether or not a leader exists. 1 is existence, 0 is not.'],
  ['etcd_server_is_leader', 'gauge', 'isLeader', 'Whether or not this member is a leader. 1 if is, 0 otherwise.'],
  ['etcd_server_is_learner', 'gauge', 'isLearner', 'Whether or not this member is a learner. 1 if is, 0 otherwise.'],
  ['etcd_server_leader_changes_seen_total', 'counter', 'leaderChangesSeen', 'The number of leader changes seen.'],
  [
    'etcd_server_heartbeat_send_failures_total',
    'counter',
    'heartbeatSendFailures',
    'The total number of leader heartbeat send failures (likely overloaded from slow disk).',
  ],
  [
    'etcd_server_learner_promote_successes',
    'counter',
    'learnerPromoteSuccesses',
    'The total number of successful learner promotions while this member is leader.',
  ],
  [
    'etcd_server_proposals_committed_total',
    'gauge',
    'proposalsCommitted',
    'The total number of consensus proposals committed.',
  ],
  [
    'etcd_server_proposals_applied_total',
    'gauge',
    'proposalsApplied',
    'The total number of consensus proposals applied.',
  ],
  ['etcd_server_proposals_pending', 'gauge', 'proposalsPending', 'The current number of pending proposals to commit.'],
  ['etcd_server_proposals_failed_total', 'counter', 'proposalsFailed', 'The total number of failed proposals seen.'],
  [
    'etcd_server_read_indexes_failed_total',
    'counter',
    'readIndexesFailed',
    'The total number of failed read indexes seen.',
  ],
  [
    'etcd_server_slow_read_indexes_total',
    'counter',
    'slowReadIndexes',
    "The total number of pending read indexes not in sync with leader's or timed out read index requests.",
  ],
  [
    'etcd_server_slow_apply_total',
    'counter',
    'slowApplies',
    'The total number of slow apply requests (likely overloaded from slow disk).',
  ],
  [
    'etcd_server_snapshot_apply_in_progress_total',
    'gauge',
    'snapshotApplyInProgress',
    '1 if the server is applying the incoming snapshot. 0 if none.',
  ],
  ['etcd_server_quota_backend_bytes', 'gauge', 'quotaBackendBytes', 'Current backend storage quota size in bytes.'],
];

const diskRows: Rows<DiskCounters> = [
  [
    'etcd_disk_wal_fsync_duration_seconds',
    'histogram',
    'walFsyncSeconds',
    'The latency distributions of fsync called by WAL.',
  ],
  [
    'etcd_disk_wal_write_duration_seconds',
    'histogram',
    'walWriteSeconds',
    'The latency distributions of write called by WAL.',
  ],
  ['etcd_disk_wal_write_bytes_total', 'gauge', 'walWriteBytes', 'Total number of bytes written in WAL.'],
  [
    'etcd_disk_backend_commit_duration_seconds',
    'histogram',
    'commitSeconds',
    'The latency distributions of commit called by backend.',
  ],
  [
    'etcd_disk_backend_snapshot_duration_seconds',
    'histogram',
    'snapshotSeconds',
    'The latency distribution of backend snapshots.',
  ],
  [
    'etcd_disk_backend_defrag_duration_seconds',
    'histogram',
    'defragSeconds',
    'The latency distribution of backend defragmentation.',
  ],
  [
    'etcd_disk_defrag_inflight',
    'gauge',
    'defragsRunning',
    'Whether or not defrag is active on the member. 1 means active, 0 means not.',
  ],
  [
    'etcd_snap_fsync_duration_seconds',
    'histogram',
    'snapFsyncSeconds',
    'The latency distributions of fsync called by snap.',
  ],
  [
    'etcd_snap_db_fsync_duration_seconds',
    'histogram',
    'snapDbFsyncSeconds',
    'The latency distributions of fsyncing .snap.db file',
  ],
  [
    'etcd_snap_db_save_total_duration_seconds',
    'histogram',
    'snapDbSaveSeconds',
    'The total latency distributions of v3 snapshot save',
  ],
];

const mvccRows: Rows<MvccCounters> = [
  ['etcd_mvcc_put_total', 'counter', 'puts', 'Total number of puts seen by this member.'],
  ['etcd_mvcc_delete_total', 'counter', 'deletes', 'Total number of deletes seen by this member.'],
  ['etcd_mvcc_range_total', 'counter', 'ranges', 'Total number of ranges seen by this member.'],
  ['etcd_mvcc_txn_total', 'counter', 'txns', 'Total number of txns seen by this member.'],
  ['etcd_debugging_mvcc_current_revision', 'gauge', 'currentRevision', 'The current revision of store.'],
  ['etcd_debugging_mvcc_compact_revision', 'gauge', 'compactRevision', 'The revision of the last compaction in store.'],
  ['etcd_debugging_mvcc_keys_total', 'gauge', 'keys', 'Total number of keys.'],
  [
    'etcd_debugging_mvcc_total_put_size_in_bytes',
    'gauge',
    'putBytes',
    'The total size of put kv pairs seen by this member.',
  ],
  ['etcd_mvcc_db_open_read_transactions', 'gauge', 'openReads', 'The number of currently open read transactions'],
  [
    'etcd_mvcc_db_total_size_in_bytes',
    'gauge',
    'sizeBytes',
    'Total size of the underlying database physically allocated in bytes.',
  ],
  [
    'etcd_mvcc_db_total_size_in_use_in_bytes',
    'gauge',
    'sizeInUseBytes',
    'Total size of the underlying database logically in use in bytes.',
  ],
  ['etcd_debugging_mvcc_watch_stream_total', 'gauge', 'watchStreams', 'Total number of watch streams.'],
  ['etcd_debugging_mvcc_watcher_total', 'gauge', 'watchers', 'Total number of watchers.'],
  ['etcd_debugging_mvcc_slow_watcher_total', 'gauge', 'slowWatchers', 'Total number of unsynced slow watchers.'],
  ['etcd_debugging_mvcc_pending_events_total', 'gauge', 'pendingEvents', 'Total number of pending events to be sent.'],
  ['etcd_debugging_mvcc_events_total', 'counter', 'eventsSent', 'Total number of events sent by this member.'],
  ['etcd_debugging_mvcc_db_compaction_keys_total', 'counter', 'compactedKeys', 'Total number of db keys compacted.'],
  [
    'etcd_debugging_mvcc_db_compaction_last',
    'gauge',
    'lastCompactionSeconds',
    'The unix time of the last db compaction. Resets to 0 on start.',
  ],
  [
    'etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds',
    'histogram',
    'compactionPauseMs',
    'Bucketed histogram of db compaction pause duration.',
  ],
  [
    'etcd_debugging_mvcc_db_compaction_total_duration_milliseconds',
    'histogram',
    'compactionTotalMs',
    'Bucketed histogram of db compaction total duration.',
  ],
  [
    'etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds',
    'histogram',
    'indexCompactionPauseMs',
    'Bucketed histogram of index compaction pause duration.',
  ],
  [
    'etcd_mvcc_hash_duration_seconds',
    'histogram',
    'hashSeconds',
    'The latency distribution of storage hash operation.',
  ],
  [
    'etcd_mvcc_hash_rev_duration_seconds',
    'histogram',
    'hashRevSeconds',
    'The latency distribution of storage hash by revision operation.',
  ],
];

const leaseRows: Rows<LeaseCounters> = [
  ['etcd_debugging_lease_granted_total', 'counter', 'granted', 'The total number of granted leases.'],
  ['etcd_debugging_lease_revoked_total', 'counter', 'revoked', 'The total number of revoked leases.'],
  ['etcd_debugging_lease_renewed_total', 'counter', 'renewed', 'The number of renewed leases seen by the leader.'],
  ['etcd_debugging_server_lease_expired_total', 'counter', 'expired', 'The total number of expired leases.'],
  ['etcd_debugging_lease_ttl_total', 'histogram', 'ttlSeconds', 'Bucketed histogram of lease TTLs.'],
];

const clientRows: Rows<ClientCounters> = [
  [
    'etcd_network_client_grpc_received_bytes_total',
    'counter',
    'receivedBytes',
    'The total number of bytes received from grpc clients.',
  ],
  [
    'etcd_network_client_grpc_sent_bytes_total',
    'counter',
    'sentBytes',
    'The total number of bytes sent to grpc clients.',
  ],
];

/** What the member knows of itself when it is asked. */
export interface Identity {
  /** Lower-case hex. */
  readonly memberId: string;
  /** `3.7.0`; undefined until the cluster has decided. */
  clusterVersion(): string | undefined;
  /** Members the cluster has, by hex id. */
  knownPeers(): readonly string[];
  /** Alarms that stand. */
  alarms(): readonly (readonly [memberId: string, alarm: string])[];
  /** Every gate with its stage and state. */
  features(): readonly (readonly [name: string, stage: string, on: boolean])[];
}

export function etcdFamilies(counters: Counters, identity: Identity, extensive: boolean): readonly Family[] {
  return [
    ...areaFamilies(counters.server, serverRows),
    ...areaFamilies(counters.disk, diskRows),
    ...areaFamilies(counters.mvcc, mvccRows),
    ...areaFamilies(counters.lease, leaseRows),
    ...areaFamilies(counters.client, clientRows),
    clientFamily(counters.client),
    promoteFailuresFamily(counters.server),
    ...peerFamilies(counters.peers, identity.memberId),
    ...timingFamilies(counters.server),
    ...identityFamilies(identity),
    ...grpcFamilies(counters.methods, extensive),
  ];
}

function areaFamilies<Area>(area: Area, rows: Rows<Area>): readonly Family[] {
  return rows.map(([name, type, field, help]): Family => {
    const value = area[field];
    if (type !== 'histogram') return { name, help, type, samples: () => [[{}, Number(area[field])]] };
    return { name, help, type, samples: () => (value instanceof Histogram ? [[{}, value]] : []) };
  });
}

function clientFamily({ requests }: ClientCounters): Family {
  return {
    name: 'etcd_server_client_requests_total',
    help: 'The total number of client requests per client version.',
    type: 'counter',
    samples: () => requests.map(({ type, version, count }) => [{ type, client_api_version: version }, count]),
  };
}

function promoteFailuresFamily({ learnerPromoteFailures }: ServerCounters): Family {
  return {
    name: 'etcd_server_learner_promote_failures',
    help: 'The total number of failed learner promotions (likely learner not ready) while this member is leader.',
    type: 'counter',
    samples: () => [...learnerPromoteFailures].map(([Reason, count]) => [{ Reason }, count] as const),
  };
}

function timingFamilies(server: ServerCounters): readonly Family[] {
  const done = (kinds: HistogramsBy<Done>, label: string, more: Labels) => () =>
    [...kinds.entries()].map(([key, histogram]) => {
      const [kind = '', success = ''] = key.split(' ');
      return [{ [label]: kind, success, ...more }, histogram] as const;
    });
  return [
    {
      name: 'etcd_server_request_duration_seconds',
      help: 'Response latency distribution in seconds for each type.',
      type: 'histogram',
      samples: done(server.requestSeconds, 'type', {}),
    },
    {
      name: 'etcd_server_apply_duration_seconds',
      help: 'The latency distributions of v2 apply called by backend.',
      type: 'histogram',
      samples: done(server.applySeconds, 'op', { version: 'v3' }),
    },
    {
      name: 'etcd_server_range_duration_seconds',
      help: 'The latency distributions of txn.Range',
      type: 'histogram',
      samples: () =>
        [...server.rangeSeconds.entries()].map(([success, histogram]) => [{ success }, histogram] as const),
    },
  ];
}

function identityFamilies(identity: Identity): readonly Family[] {
  const gauge = (name: string, help: string, samples: () => Iterable<Sample>): Family => ({
    name,
    help,
    type: 'gauge',
    samples,
  });
  const local = identity.memberId;
  return [
    gauge(
      'etcd_server_id',
      "Server or member ID in hexadecimal format. 1 for 'server_id' label with current ID.",
      () => [[{ server_id: local }, 1]],
    ),
    gauge('etcd_server_version', "Which version is running. 1 for 'server_version' label with current version.", () => [
      [{ server_version: apiVersion }, 1],
    ]),
    gauge(
      'etcd_cluster_version',
      "Which version is running. 1 for 'cluster_version' label with current cluster version",
      () => {
        const version = identity.clusterVersion();
        return version === undefined ? [] : [[{ cluster_version: version.replace(/\.\d+$/, '') }, 1]];
      },
    ),
    gauge('etcd_network_known_peers', 'The current number of known peers.', () =>
      identity.knownPeers().map((remote) => [{ Local: local, Remote: remote }, 1]),
    ),
    gauge(
      'etcd_debugging_server_alarms',
      "Alarms for every member in cluster. 1 for 'server_id' label with current ID. 2 for 'alarm_type' label with type of this alarm",
      () => identity.alarms().map(([server_id, alarm_type]) => [{ server_id, alarm_type }, 1]),
    ),
    gauge('etcd_server_feature_enabled', 'Whether or not a feature is enabled. 1 is enabled, 0 is not.', () => {
      return identity.features().map(([name, stage, on]) => [{ name, stage }, on ? 1 : 0]);
    }),
  ];
}
