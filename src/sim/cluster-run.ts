/** Runs of whole clusters: trouble for a minute, then peace, and the judge looks on. */
import { SimCluster } from './cluster.js';
import type { ClusterFault } from './cluster-faults.js';
import { Trouble } from './trouble.js';

export const clusterRunMs = 60_000;

export interface ClusterTotals {
  runs: number;
  simulatedSeconds: number;
  starts: number;
  powerFailures: number;
  kills: number;
  diskFailures: number;
  removed: number;
  elections: number;
  entries: number;
  answers: number;
  unknown: number;
  watchEvents: number;
  compactions: number;
  expired: number;
  added: number;
  promoted: number;
  left: number;
  lost: number;
  moved: number;
  messages: number;
  received: number;
}

export function noClusterTotals(): ClusterTotals {
  const none = { runs: 0, simulatedSeconds: 0, starts: 0, powerFailures: 0, kills: 0, diskFailures: 0, removed: 0 };
  const more = { elections: 0, entries: 0, answers: 0, unknown: 0, watchEvents: 0, compactions: 0, expired: 0 };
  return { ...none, ...more, added: 0, promoted: 0, left: 0, lost: 0, moved: 0, messages: 0, received: 0 };
}

export function simulateCluster(
  seed: number,
  totals: ClusterTotals,
  fault: ClusterFault = 'none',
  ms = clusterRunMs,
): void {
  const cluster = new SimCluster(seed, fault);
  new Trouble(cluster);
  cluster.run(ms);
  cluster.heal();
  add(cluster, totals);
}

/** The first seed whose run ends by a rule that the fault breaks. */
export function seedThatShows(fault: ClusterFault, seedsMax: number, ms = clusterRunMs): number | undefined {
  for (let seed = 1; seed <= seedsMax; seed++) {
    try {
      simulateCluster(seed, noClusterTotals(), fault, ms);
    } catch {
      return seed;
    }
  }
  return undefined;
}

function add(cluster: SimCluster, totals: ClusterTotals): void {
  const { counts, judge, clients, network } = cluster;
  totals.runs++;
  totals.simulatedSeconds += Math.round(cluster.nowMs / 1000);
  for (const name of ['starts', 'powerFailures', 'kills', 'diskFailures', 'removed'] as const)
    totals[name] += counts[name];
  totals.elections += judge.raft.counts.elections;
  totals.entries += judge.lastIndex;
  totals.answers += clients.answers;
  totals.unknown += clients.unknown;
  for (const { events } of clients.watches) totals.watchEvents += events;
  if (judge.model.store.compacted > 0) totals.compactions++;
  totals.expired += judge.expired;
  totals.added += cluster.operator.counts.added;
  totals.promoted += cluster.operator.counts.promoted;
  totals.left += cluster.operator.counts.removed;
  totals.lost += cluster.operator.counts.lost;
  totals.moved += cluster.operator.counts.moved;
  totals.messages += network.messages;
  totals.received += judge.received;
}
