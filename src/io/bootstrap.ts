/**
 * Who this member is, found out at its first start: one of the founders of a new cluster, or a member that a running
 * cluster was told of and that asks it for its id. A member that has a log knows, and none of this runs.
 */
import { type Parsed, parsed, refused } from '../base/go-text.js';
import { idFromHex, idToHex, type MemberId } from '../base/ids.js';
import { parseJson } from '../base/json.js';
import type { Log } from '../base/log.js';
import { apiVersion } from '../base/version.js';
import { clusterIdOf } from '../cluster/ids.js';
import { bootstrapMembers, joiningMembers, type Local, type Named } from '../cluster/initial.js';
import { type Incompatibility, incompatibility, memberAmong, type RunningCluster } from '../cluster/joining.js';
import { type Member, membersOfJson } from '../cluster/member.js';
import { type Resolve, unresolved } from '../cluster/same-urls.js';
import { membershipTexts } from '../cluster/texts.js';
import { shortVersion } from '../cluster/version.js';
import { get } from './ask.js';
import { faultText } from './fault.js';
import { resolverFor } from './resolve-urls.js';
import type { Identity } from './storage.js';

export interface BootstrapOptions extends Local {
  readonly state: 'new' | 'existing';
  readonly learnersMax: number;
  /** How long members of a running cluster may take to tell their versions. */
  readonly requestTimeoutMs: number;
  readonly log: Log;
}

export interface Bootstrap {
  readonly identity: Identity;
  /** The first members, with whom a new cluster's log begins; empty where the cluster runs and its leader tells. */
  readonly founders: readonly Member[];
  /** Whom to talk to until the log says more. */
  readonly members: readonly Member[];
}

/** What etcd gives members to answer who they are. */
const membersTimeoutMs = 10_000;
/** A new cluster's other members mostly do not run yet. */
const probeTimeoutMs = 1000;

/** Rejects with what stands in the way, in etcd's words. */
export async function bootstrapCluster(options: BootstrapOptions): Promise<Bootstrap> {
  return options.state === 'new' ? foundCluster(options) : joinCluster(options);
}

async function foundCluster(options: BootstrapOptions): Promise<Bootstrap> {
  const { advertisePeerUrls, log } = options;
  const { own, members } = await withNames(
    (resolve) => bootstrapMembers(options, resolve),
    () => [...advertisePeerUrls, ...ownUrls(options)],
    log,
  );
  const running = await probe(urlsOfOthers({ own, members }));
  const known = running?.members.find(({ id }) => id === own.id);
  if (known !== undefined && known.clientUrls.length > 0) {
    throw new Error(`member ${idToHex(own.id)} has already been bootstrapped`);
  }
  const clusterId = clusterIdOf(members.map(({ id }) => id));
  return { identity: { memberId: own.id, clusterId }, founders: members, members };
}

async function joinCluster(options: BootstrapOptions): Promise<Bootstrap> {
  const { log, learnersMax, requestTimeoutMs } = options;
  const named = valueIn(joiningMembers(options));
  const asked = await askForMembers(urlsOfOthers(named), log);
  if (!asked.ok) throw new Error(`cannot fetch cluster info from peer urls: ${asked.why}`);
  const running = asked.value;
  const own = await withNames(
    (resolve) => memberAmong(named, running, resolve),
    () => [...running.members, ...named.members].flatMap(({ peerUrls }) => peerUrls),
    log,
  );
  const others = running.members.filter(({ id }) => id !== own.id);
  if (!(await isCompatible(others, requestTimeoutMs, log)))
    throw new Error('incompatible with current running cluster');
  if (running.members.filter(({ isLearner }) => isLearner).length > learnersMax) {
    throw new Error(membershipTexts.tooManyLearners);
  }
  return { identity: { memberId: own.id, clusterId: running.id }, founders: [], members: running.members };
}

/** Without the names' addresses first: most clusters name their members alike everywhere. */
async function withNames<T>(
  read: (resolve: Resolve) => Parsed<T>,
  urls: () => readonly string[],
  log: Log,
): Promise<T> {
  const plain = read(unresolved);
  return plain.ok ? plain.value : valueIn(read(await resolverFor(urls(), { log })));
}

function valueIn<T>(read: Parsed<T>): T {
  if (!read.ok) throw new Error(read.why);
  return read.value;
}

function ownUrls(options: BootstrapOptions): readonly string[] {
  const named = joiningMembers(options);
  return named.ok ? named.value.own.peerUrls : [];
}

function urlsOfOthers({ own, members }: Named): readonly string[] {
  return members
    .filter((member) => member !== own)
    .flatMap(({ peerUrls }) => peerUrls)
    .sort();
}

/** All are asked at once: those that start together with this member listen, and answer nobody yet. */
async function probe(urls: readonly string[]): Promise<RunningCluster | undefined> {
  const answers = urls.map(async (url) => valueIn(await clusterAt(url, probeTimeoutMs)));
  return Promise.any(answers).catch(() => undefined);
}

/** The first that answers tells for all. */
async function askForMembers(urls: readonly string[], log: Log): Promise<Parsed<RunningCluster>> {
  for (const url of urls) {
    try {
      const answer = await clusterAt(url, membersTimeoutMs);
      if (!answer.ok) log.warn(answer.why, { address: `${url}/members` });
      else if (answer.value.members.length > 0) return answer;
      else return refused('failed to get raft cluster member(s) from the given URLs');
    } catch (cause) {
      log.warn('failed to get cluster response', { address: `${url}/members`, error: faultText(cause) });
    }
  }
  return refused('could not retrieve cluster information from the given URLs');
}

async function clusterAt(url: string, timeoutMs: number): Promise<Parsed<RunningCluster>> {
  const { headers, body } = await get(url, '/members', timeoutMs);
  const members = membersOfJson(parseJson(body));
  const id = idFromHex(String(headers['x-etcd-cluster-id'] ?? ''));
  if (members === undefined) return refused('failed to unmarshal cluster response');
  if (id === undefined) return refused('failed to parse cluster ID');
  return parsed({ id: id as RunningCluster['id'], members });
}

async function isCompatible(others: readonly Member[], timeoutMs: number, log: Log): Promise<boolean> {
  const seen = await Promise.all(
    others.map(async (member) => {
      const answer = parseJson((await askMember(member, '/version', timeoutMs, log)) ?? '');
      const isTable = typeof answer === 'object' && answer !== null && 'etcdcluster' in answer;
      const clusterVersion = isTable && typeof answer.etcdcluster === 'string' ? answer.etcdcluster : undefined;
      return { id: member.id, clusterVersion };
    }),
  );
  let downgrading: string | undefined;
  for (const member of others) downgrading ??= await askMember(member, '/downgrade/enabled', timeoutMs, log);
  const why = incompatibility(seen, downgrading?.trim() === 'true');
  if (why !== undefined) tellIncompatible(why, log);
  return why === undefined;
}

function tellIncompatible(why: Incompatibility, log: Log): void {
  if (why.bound === 'unknown') return;
  log.warn(`cluster version of remote member is not compatible; too ${why.bound}`, {
    'remote-member-id': idToHex(why.id),
    'remote-member-cluster-version': why.clusterVersion,
    'local-server-version': shortVersion(apiVersion),
  });
}

/** The body of the first of its URLs that answers well. */
async function askMember(
  { id, peerUrls }: { readonly id: MemberId; readonly peerUrls: readonly string[] },
  path: string,
  timeoutMs: number,
  log: Log,
): Promise<string | undefined> {
  for (const url of peerUrls) {
    try {
      const { status, body } = await get(url, path, timeoutMs);
      if (status === 200) return body;
    } catch (cause) {
      const fields = { address: url + path, 'remote-member-id': idToHex(id), error: faultText(cause) };
      log.warn('failed to reach the peer URL', fields);
    }
  }
  return undefined;
}
