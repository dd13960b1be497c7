/** Joining a cluster that runs: the members that the flags name are matched with those that it has, by their peer URLs. */
import { type Parsed, parsed, refused } from '../base/go-text.js';
import { type ClusterId, idToHex } from '../base/ids.js';
import { apiVersion, minClusterVersion } from '../base/version.js';
import type { Named } from './initial.js';
import type { Member } from './member.js';
import { differenceOf, type Resolve } from './same-urls.js';
import { compareVersions, minorOf, parseVersion, type Version } from './version.js';

/** A cluster as one of its members describes it. */
export interface RunningCluster {
  readonly id: ClusterId;
  readonly members: readonly Member[];
}

/** Which of the cluster's members this one is. */
export function memberAmong({ own, members }: Named, existing: RunningCluster, resolve: Resolve): Parsed<Member> {
  const wrong = (why: string) => refused(`error validating peerURLs ${printCluster(existing)}: ${why}`);
  if (existing.members.length !== members.length) return wrong('member count is unequal');
  const ids = new Map<Member, Member>();
  for (const member of [...existing.members].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    let why: string | undefined = '';
    for (const named of members) {
      why = differenceOf(member.peerUrls, named.peerUrls, resolve);
      if (why !== undefined) continue;
      ids.set(named, member);
      break;
    }
    if (why === undefined) continue;
    const shown = `(${idToHex(member.id)}, [${member.peerUrls.join(' ')}])`;
    return wrong(`PeerURLs: no match found for existing member ${shown}, last resolver error (${why})`);
  }
  const found = ids.get(own);
  return found === undefined ? wrong(`${own.name} is none of the members`) : parsed(found);
}

/** As Go prints it, for this is read in error texts. */
function printCluster({ id, members }: RunningCluster): string {
  const shown = members.map(({ id, peerUrls, isLearner, name, clientUrls }) => {
    const raft = `RaftAttributes:{PeerURLs:[${peerUrls.join(' ')}] IsLearner:${isLearner}}`;
    return `&{ID:${idToHex(id)} ${raft} Attributes:{Name:${name} ClientURLs:[${clientUrls.join(' ')}]}}`;
  });
  return `{ClusterID:${idToHex(id)} Members:[${shown.join(' ')}] RemovedMemberIDs:[]}`;
}

/** What a member on the way in learned of another: its cluster version, or nothing. */
export type SeenVersion = { readonly id: Member['id']; readonly clusterVersion: string | undefined };

/** Why a server of this version cannot be of a cluster with such members, with what is to be logged of it; undefined when it can. */
export function incompatibility(seen: readonly SeenVersion[], downgrading: boolean): Incompatibility | undefined {
  const own = minorOf(parseVersion(apiVersion) as Version);
  // A cluster on its way down takes only servers of the version it goes to.
  const lowest = downgrading ? { ...own, minor: own.minor + 1 } : (parseVersion(minClusterVersion) as Version);
  const highest = downgrading ? lowest : own;
  let compatible = false;
  for (const { id, clusterVersion } of seen) {
    const version = parseVersion(clusterVersion ?? '');
    if (version === undefined) continue;
    const tooLow = compareVersions(version, lowest) < 0;
    if (tooLow || compareVersions(highest, version) < 0) return { id, clusterVersion, bound: tooLow ? 'low' : 'high' };
    compatible = true;
  }
  return compatible ? undefined : { bound: 'unknown' };
}

export type Incompatibility =
  | { readonly bound: 'unknown' }
  | { readonly bound: 'low' | 'high'; readonly id: Member['id']; readonly clusterVersion: string | undefined };
