/**
 * The version of a cluster: what all its members can do. The leader decides it from the versions of the servers.
 *
 *     nothing decided, some silent  -> 3.0.0
 *     all answer                    -> the lowest major.minor among them, never downwards
 *     a downgrade is enabled        -> exactly one minor down, to its target
 */
import { minClusterVersion } from '../base/version.js';
import type { Downgrade } from './book.js';

export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** `3.7.1`, also `3.7.0-rc.1`; undefined where semver refuses it. */
export function parseVersion(text: string): Version | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)(?:[-+].*)?$/.exec(text);
  if (match === null) return undefined;
  const [, major, minor, patch] = match;
  return { major: Number(major), minor: Number(minor), patch: Number(patch) };
}

export function compareVersions(a: Version, b: Version): number {
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch;
}

/** Cluster versions have no patch level. */
export const minorOf = ({ major, minor }: Version): Version => ({ major, minor, patch: 0 });
export const versionText = ({ major, minor, patch }: Version): string => `${major}.${minor}.${patch}`;
/** `3.7.0` -> `3.7`, as etcd shows cluster versions. */
export const shortVersion = (text: string): string => text.split('.').slice(0, 2).join('.');

/** The only version that a cluster of `version` can go down to. */
export const downgradeTarget = ({ major, minor }: Version): Version => ({ major, minor: minor - 1, patch: 0 });

export interface Known {
  /** Undefined until the first leader has decided. */
  readonly cluster: string | undefined;
  /** Of the servers, by what each says of itself; undefined for one that did not answer. */
  readonly servers: readonly (string | undefined)[];
  readonly downgrade: Downgrade;
}

export type Decision =
  | { readonly kind: 'keep' }
  | { readonly kind: 'set'; readonly version: string }
  /** A downgrade is enabled that cannot be. */
  | {
      readonly kind: 'impossible';
      readonly from: 'cluster-version' | 'minimal-server-version';
      readonly version: string;
    };

export function decideClusterVersion({ cluster, servers, downgrade }: Known): Decision {
  const lowest = lowestOf(servers);
  const current = parseVersion(cluster ?? '');
  if (current === undefined) {
    return { kind: 'set', version: lowest === undefined ? minClusterVersion : versionText(minorOf(lowest)) };
  }
  if (lowest === undefined) return { kind: 'keep' };
  if (downgrade.enabled) return goDown(current, lowest, downgrade.targetVersion);
  const rises = current.major === lowest.major && current.minor < lowest.minor;
  return rises ? { kind: 'set', version: versionText(minorOf(lowest)) } : { kind: 'keep' };
}

function goDown(current: Version, lowest: Version, targetText: string): Decision {
  const target = parseVersion(targetText);
  const is = (version: Version) => target !== undefined && compareVersions(version, target) === 0;
  if (is(current)) return { kind: 'keep' };
  if (!is(downgradeTarget(current)))
    return { kind: 'impossible', from: 'cluster-version', version: versionText(current) };
  if (is(downgradeTarget(lowest))) return { kind: 'set', version: targetText };
  return { kind: 'impossible', from: 'minimal-server-version', version: versionText(lowest) };
}

/** Undefined as long as one of them is not known. */
function lowestOf(servers: readonly (string | undefined)[]): Version | undefined {
  let lowest: Version | undefined;
  for (const text of servers) {
    const version = parseVersion(text ?? '');
    if (version === undefined) return undefined;
    if (lowest === undefined || compareVersions(version, lowest) < 0) lowest = version;
  }
  return lowest;
}

/** Whether all servers run the version that the cluster was to go down to: then the downgrade is over. */
export function downgradeDone(servers: readonly (string | undefined)[], target: string): boolean {
  const wanted = parseVersion(target);
  if (wanted === undefined) return false;
  return servers.every((text) => {
    const version = parseVersion(text ?? '');
    return version !== undefined && compareVersions(minorOf(version), minorOf(wanted)) === 0;
  });
}
