/** The first members, as `--initial-cluster` names them: `name=url,name=url,name2=url`. */
import { type Parsed, parsed, quote, refused } from '../base/go-text.js';
import { parseUrls } from '../base/urls.js';
import { memberIdOf } from './ids.js';
import type { Member } from './member.js';

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
    const urls = parseUrls(list.join(','));
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

/**
 * Checks that this member is one of the first, at the URLs it advertises, and that no URL stands for two.
 * Host names are compared as they are written, but for `localhost`; etcd resolves them.
 */
export function bootstrapMembers(local: Local): Parsed<{ readonly own: Member; readonly members: readonly Member[] }> {
  const read = initialMembers(local.initialCluster, local.token);
  if (!read.ok) return read;
  const members = read.value;
  const own = members.find((member) => member.name === local.name);
  if (own === undefined) {
    return refused(`couldn't find local name ${quote(local.name)} in the initial cluster configuration`);
  }
  const mismatch = urlMismatch(own, [...local.advertisePeerUrls].sort());
  if (mismatch !== undefined) return refused(mismatch);
  const urls = members.flatMap((member) => member.peerUrls);
  if (new Set(urls).size < urls.length) return refused(`initial cluster ${printMembers(members)} has duplicate url`);
  return parsed({ own, members });
}

function printMembers(members: readonly Member[]): string {
  const pairs = members.flatMap((member) => member.peerUrls.map((url) => `${member.name}=${url}`));
  return pairs.sort().join(',');
}

const sameHost = (a: string, b: string) =>
  a === b || a.replace('//localhost:', '//127.0.0.1:') === b.replace('//localhost:', '//127.0.0.1:');

function urlMismatch(own: Member, advertised: readonly string[]): string | undefined {
  const urls = own.peerUrls;
  const differing = urls.findIndex((url, i) => !sameHost(url, advertised[i] ?? ''));
  if (differing < 0 && urls.length === advertised.length) return undefined;
  const named = (list: readonly string[]) => list.map((url) => `${own.name}=${url}`).join(',');
  const extra = urls.filter((url) => !advertised.includes(url));
  if (extra.length === 0) {
    const missing = advertised.filter((url) => !urls.includes(url)).join(',');
    return `--initial-advertise-peer-urls has ${missing} but missing from --initial-cluster=${named(advertised)}`;
  }
  const why =
    urls.length === advertised.length
      ? `resolved urls: ${quote(advertised[differing] ?? '')} != ${quote(urls[differing] ?? '')}`
      : `len(${quoteAll(advertised)}) != len(${quoteAll(urls)})`;
  return `--initial-cluster has ${named(extra)} but missing from --initial-advertise-peer-urls=${advertised.join(',')} (${why})`;
}

const quoteAll = (urls: readonly string[]) => `[${urls.map(quote).join(' ')}]`;
