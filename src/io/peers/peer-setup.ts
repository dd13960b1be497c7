/** What everything that deals with peers shares: who we are, whom to tell, and where to count. */
import type { ConnectionOptions } from 'node:tls';
import type { PeerCounters } from '../../base/counters.js';
import type { ClusterId, MemberId } from '../../base/ids.js';
import { idToHex } from '../../base/ids.js';
import type { Log } from '../../base/log.js';
import { apiVersion, minClusterVersion } from '../../base/version.js';
import type { Message } from '../../wire/raftpb/types.js';
import type { DatabaseIntake } from '../storage.js';
import type { Turn } from '../turn.js';

/** Whom the transport tells. */
export interface PeerEvents {
  received(message: Message): void;
  /** What was last sent to `id` has probably not arrived. */
  unreachable(id: MemberId): void;
  /** A peer says that we are of its cluster no more. */
  removedByPeer(): void;
  /** Takes in the database of the snapshot at `index`. */
  receiveDatabase(index: number): DatabaseIntake;
  /** Whether the cluster had, and removed, this member. */
  isRemoved(id: MemberId): boolean;
}

export interface PeerSetup {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
  /** Where peers find us. */
  readonly peerUrls: readonly string[];
  /** How long a connection may take to come about. */
  readonly dialTimeoutMs: number;
  readonly log: Log;
  readonly counters: PeerCounters;
  readonly turn: Turn;
  readonly events: PeerEvents;
  /** For `https` and `unixs` URLs. */
  readonly tls?: ConnectionOptions;
}

/** Silence after which a stream is given up; what keeps it from that comes three times as often. */
export const readTimeoutMs = 5000;
export const linkHeartbeatMs = readTimeoutMs / 3;

/**
 * Behind the body of a snapshot post: its CRC-32C in hex. etcd neither sends nor looks at it; a database has no checksums of its own,
 * and a bit that flips on the way would be served for ever.
 */
export const checksumTrailer = 'X-Quorate-Crc32c';

/** What every request to a peer says of us. */
export function requestHeaders(setup: PeerSetup): Record<string, string> {
  return {
    'X-Server-From': idToHex(setup.memberId),
    'X-Server-Version': apiVersion,
    'X-Min-Cluster-Version': minClusterVersion,
    'X-Etcd-Cluster-ID': idToHex(setup.clusterId),
    'X-PeerURLs': setup.peerUrls.join(','),
  };
}
