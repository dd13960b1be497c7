/** What a member is told once, at its start. */
import type { ClusterId, MemberId } from '../base/ids.js';
import type { AutoCompaction } from '../mvcc/auto-compaction.js';

export interface MemberOptions {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
  readonly name: string;
  readonly clientUrls: readonly string[];
  readonly heartbeatMs: number;
  readonly electionMs: number;
  readonly preVote: boolean;
  /** A member that starts among others does not wait a whole election's time. */
  readonly initialElectionTickAdvance: boolean;
  readonly maxRequestBytes: number;
  /** What takes longer to apply is logged. */
  readonly warningApplyMs: number;
  readonly learnersMax: number;
  /** Changes of members that would cost the quorum are refused. */
  readonly strictReconfigCheck: boolean;
  /** How often a leader looks whether a downgrade is over; 0 for never. */
  readonly downgradeCheckMs: number;
  /** `Infinity`: no quota. */
  readonly quotaBytes: number;
  readonly snapshotCount: number;
  readonly catchUpEntries: number;
  /** Bytes of log entries that may be held in memory before a snapshot is taken early. */
  readonly logBytesMax: number;
  /** How often, and after how many entries, applied values are made durable in the background. */
  readonly commitIntervalMs: number;
  readonly commitEntries: number;
  readonly compactionBatchLimit: number;
  readonly compactionSleepMs: number;
  readonly autoCompaction: AutoCompaction | undefined;
  /** Gate FastLeaseKeepAlive: a lease that is known is renewed without waiting for what is committed and not applied yet. */
  readonly fastLeaseKeepAlive: boolean;
  /** Gate PriorityRequest: leases are ended even where apply lags so far behind that clients are refused. */
  readonly priorityRequests: boolean;
  /** How often what is left of leases is written down: gate LeaseCheckpoint; 0 for never. */
  readonly leaseCheckpointMs: number;
  /** Gate LeaseCheckpointPersist: what is left of leases is kept on disk whatever the cluster's version. */
  readonly leaseCheckpointPersist: boolean;
  /** How often a leader compares the newest history of all members; 0 for never. */
  readonly corruptCheckMs: number;
  /** The same for the hashes of compactions: gate CompactHashCheck; 0 for never. */
  readonly compactHashCheckMs: number;
  /** Gate StopGRPCServiceOnDefrag: the health service says that nothing is served while values are rewritten. */
  readonly stopServingOnDefrag: boolean;
}

/** How long a request may take: 5 s for queues and disks, and two elections. */
export const requestTimeoutMsOf = (electionMs: number): number => 5000 + 2 * electionMs;

/** etcd's, but for who the member is. */
export const memberDefaults = {
  heartbeatMs: 100,
  electionMs: 1000,
  preVote: true,
  initialElectionTickAdvance: true,
  maxRequestBytes: 1_572_864,
  warningApplyMs: 100,
  learnersMax: 1,
  strictReconfigCheck: true,
  downgradeCheckMs: 5000,
  quotaBytes: 2 * 1024 ** 3,
  snapshotCount: 10_000,
  catchUpEntries: 5000,
  logBytesMax: 64 * 1024 ** 2,
  commitIntervalMs: 100,
  commitEntries: 10_000,
  compactionBatchLimit: 1000,
  compactionSleepMs: 10,
  autoCompaction: undefined,
  fastLeaseKeepAlive: true,
  priorityRequests: false,
  leaseCheckpointMs: 0,
  leaseCheckpointPersist: false,
  corruptCheckMs: 0,
  compactHashCheckMs: 0,
  stopServingOnDefrag: false,
} as const satisfies Partial<MemberOptions>;
