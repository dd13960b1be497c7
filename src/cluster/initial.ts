/** The first members, as `--initial-cluster` names them: `name=url,name=url,name2=url`. */
import { type Parsed, parsed, quote, refused } from '../base/go-text.js';
import { parseMemberUrls } from '../base/urls.js';
import { memberIdOf } from './ids.js';
import type { Member } from './member.js';
import { differenceOf, type Resolve } from './same-urls.js';

/** By id. A name that stands twice has two URLs. */
export function initialMembers(initialCluster: string, token: string): Parsed<readonly Member[]> {
  const urlsByName = new Map<string, string[]>();
  for (const item of initialCluster.split(',')) {
    if (item === '') continue;
    const equals = item.indexOf('=');
    const name = equals < 0 ? item : item.slice(0, equals);
    const urls = urlsByName.get(name) ?? [];
    urls.push(equals < 0 ? '' : item.slice(equals + 1));
    urlsByName.set(name, urls);
  }
  const members: Member[] = [];
  for (const [name, list] of urlsByName) {
    const urls = parseMemberUrls(list);
    if (!urls.ok) return refused(`error setting up initial cluster: ${urls.why}`);
    const id = memberIdOf(urls.value, token, undefined);
    members.push({ id, peerUrls: urls.value, isLearner: false, name, clientUrls: [] });
  }
  return parsed(members.sort((a, b) => (a.id < b.id ? -1 : 1)));
}

export type Local = {
  readonly name: string;
  readonly initialCluster: string;
  readonly token: string;
  readonly advertisePeerUrls: readonly string[];
};

export type Named = { readonly own: Member; readonly members: readonly Member[] };

/** Checks that this member is one of the first, at the URLs it advertises, and that no URL stands for two. */
export function bootstrapMembers(local: Local, resolve: Resolve): Parsed<Named> {
  const named = namedMembers(local);
  if (!named.ok) return named;
  const mismatch = urlMismatch(named.value.own, [...local.advertisePeerUrls].sort(), resolve);
  return mismatch === undefined ? withoutDuplicates(named.value) : refused(mismatch);
}

/**
 * The members of a cluster that runs, as the flags name them, this one among them. What it advertises is not looked at: the
 * cluster was told its URLs when it was added.
 */
export function joiningMembers(local: Omit<Local, 'advertisePeerUrls'>): Parsed<Named> {
  const named = namedMembers(local);
  return named.ok ? withoutDuplicates(named.value) : named;
}

function namedMembers({ name, initialCluster, token }: Omit<Local, 'advertisePeerUrls'>): Parsed<Named> {
  const read = initialMembers(initialCluster, token);
  if (!read.ok) return read;
  const members = read.value;
  const own = members.find((member) => member.name === name);
  if (own !== undefined) return parsed({ own, members });
  return refused(`couldn't find local name ${quote(name)} in the initial cluster configuration`);
}

function withoutDuplicates(named: Named): Parsed<Named> {
  const urls = named.members.flatMap((member) => member.peerUrls);
  if (new Set(urls).size === urls.length) return parsed(named);
  return refused(`initial cluster ${printMembers(named.members)} has duplicate url`);
}

function printMembers(members: readonly Member[]): string {
  const pairs = members.flatMap((member) => member.peerUrls.map((url) => `${member.name}=${url}`));
  return pairs.sort().join(',');
}

function urlMismatch(own: Member, advertised: readonly string[], resolve: Resolve): string | undefined {
  const urls = own.peerUrls;
  const why = differenceOf(advertised, urls, resolve);
  if (why === undefined) return undefined;
  const named = (list: readonly string[]) => list.map((url) => `${own.name}=${url}`).join(',');
  const shown = advertised.join(',');
  const extra = urls.filter((url) => !advertised.includes(url));
  if (extra.length > 0) {
    return `--initial-cluster has ${named(extra)} but missing from --initial-advertise-peer-urls=${shown} (${why})`;
  }
  const missing = advertised.filter((url) => !urls.includes(url)).join(',');
  if (missing !== '') {
    return `--initial-advertise-peer-urls has ${missing} but missing from --initial-cluster=${named(advertised)}`;
  }
  return `failed to resolve ${shown} to match --initial-cluster=${named(advertised)} (${why})`;
}
