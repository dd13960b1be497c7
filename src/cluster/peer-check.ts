/** Whether a peer is of our cluster and of a version that ours can talk to, as it says in its headers. */
import type { FieldValue } from '../base/log.js';
import { apiVersion, minClusterVersion } from '../base/version.js';

export interface PeerClaims {
  /** Empty headers are those of etcd 2.0. */
  readonly serverVersion: string;
  readonly minClusterVersion: string;
  /** Hex. */
  readonly clusterId: string;
  readonly from: string;
  readonly ownClusterId: string;
}

/** What it is told, and what the log says. */
export interface Incompatibility {
  readonly text: 'incompatible version' | 'cluster ID mismatch';
  readonly msg: string;
  readonly fields: { readonly [key: string]: FieldValue };
}

export function incompatibility(claims: PeerClaims): Incompatibility | undefined {
  const server = claims.serverVersion || '2.0.0';
  const least = claims.minClusterVersion || '2.0.0';
  const fields = {
    'local-member-cluster-id': claims.ownClusterId,
    'local-member-server-version': apiVersion,
    'local-member-server-minimum-cluster-version': minClusterVersion,
    'remote-peer-server-name': claims.from,
    'remote-peer-server-version': server,
    'remote-peer-server-minimum-cluster-version': least,
  };
  const low = lowVersion(claims.from, server, least);
  if (low !== undefined) {
    const msg = 'failed version compatibility check';
    return { text: 'incompatible version', msg, fields: { ...fields, error: low } };
  }
  if (claims.clusterId === claims.ownClusterId) return undefined;
  const msg = 'request cluster ID mismatch';
  return { text: 'cluster ID mismatch', msg, fields: { ...fields, 'remote-peer-cluster-id': claims.clusterId } };
}

function lowVersion(from: string, server: string, least: string): string | undefined {
  const said = `remote[${from}]=${server}, local=${apiVersion}`;
  const [remote, wanted] = [minorOf(server), minorOf(least)];
  if (remote === undefined || wanted === undefined) return `remote version is no version: ${said}`;
  if (remote < (minorOf(minClusterVersion) ?? 0)) return `remote version is too low: ${said}`;
  return wanted > (minorOf(apiVersion) ?? 0) ? `local version is too low: ${said}` : undefined;
}

/** Major and minor as one number that compares as they do. */
function minorOf(version: string): number | undefined {
  const parts = /^(\d{1,6})\.(\d{1,6})\.\d+(?:[-+].*)?$/.exec(version);
  return parts === null ? undefined : Number(parts[1]) * 1_000_000 + Number(parts[2]);
}
