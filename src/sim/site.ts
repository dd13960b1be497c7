/** Where a simulated machine stands: whose it is, which cluster it belongs to, and how it reaches the others. */
import type { ClusterId } from '../base/ids.js';
import { clusterIdOf, memberIdOf } from '../cluster/ids.js';
import type { Member as ClusterMember } from '../cluster/member.js';
import { noPeers } from '../member/peers.js';
import type { World } from '../member/world.js';
import type { SimHost } from './host.js';

/** Whose machine it is, and whom it can talk to. */
export interface Site {
  readonly own: ClusterMember;
  readonly clusterId: ClusterId;
  /** None: the cluster is there already, and the member joins it. */
  readonly founders: readonly ClusterMember[];
  /** Whom it talks to until the log says who the members are. */
  readonly known: readonly ClusterMember[];
  readonly network: SimPort;
}

/** The network, as one machine has it. */
export interface SimPort {
  /** A process begins: what it is told comes to `host`. */
  begin(host: SimHost): Pick<World, 'send' | 'sendSnapshot' | 'peers'>;
}

export function founder(name: string, peerUrl: string): ClusterMember {
  const id = memberIdOf([peerUrl], 'simulated', undefined);
  return { id, name, peerUrls: [peerUrl], clientUrls: [], isLearner: false };
}

const alone = founder('solo', 'http://localhost:2380');
export const soloSite: Site = {
  own: alone,
  clusterId: clusterIdOf([alone.id]),
  founders: [alone],
  known: [],
  network: {
    begin: () => ({ send: () => {}, sendSnapshot: (_to, _message, dump) => dump.close(), peers: noPeers }),
  },
};
