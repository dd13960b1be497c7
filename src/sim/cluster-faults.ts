/**
 * Faults that can be planted into a simulated cluster, each one a rule of replication broken: by them the judge of clusters is judged.
 * They live in the simulated world alone; production code knows nothing of them.
 */
import type { SimCluster } from './cluster.js';
import { type Fault, faults } from './faults.js';
import type { SimHost } from './host.js';

export const clusterFaults = [
  /** A deposed leader answers reads from what it has. */
  'staleReads',
] as const;

export type ClusterFault = (typeof clusterFaults)[number] | Fault;

/** What of it is a machine's. */
export function worldFault(fault: ClusterFault): Fault {
  return faults.find((each) => each === fault) ?? 'none';
}

export function plant(fault: ClusterFault, host: SimHost, _cluster: SimCluster): void {
  const { member } = host.assembled;
  if (fault === 'staleReads') {
    const { readIndex } = member;
    member.readIndex = (waiter) => (member.isLeader ? waiter.confirmed() : readIndex.call(member, waiter));
  }
}
