/**
 * Whether two lists of URLs lead to the same places. `localhost` is 127.0.0.1; other names are compared as they are
 * written first, and by their addresses only where that does not do, so that a cluster starts without a name server.
 */
import { type Parsed, quote } from '../base/go-text.js';

/** The URLs with addresses instead of names, or why a name has none. */
export type Resolve = (urls: readonly string[]) => Parsed<readonly string[]>;

/** For URLs that hold addresses alone. */
export const unresolved: Resolve = (urls) => ({ ok: true, value: urls });

/** Undefined when both are the same; else why not, in etcd's words. */
export function differenceOf(a: readonly string[], b: readonly string[], resolve: Resolve): string | undefined {
  if (a.length !== b.length) return `len(${quoteAll(a)}) != len(${quoteAll(b)})`;
  if (firstDifference(a, b) === undefined) return undefined;
  const [left, right] = [resolve(a), resolve(b)];
  if (!left.ok) return left.why;
  if (!right.ok) return right.why;
  const differing = firstDifference(left.value, right.value);
  return differing === undefined ? undefined : `resolved urls: ${differing.map(quote).join(' != ')}`;
}

function firstDifference(a: readonly string[], b: readonly string[]): readonly [string, string] | undefined {
  const others = [...b].sort();
  for (const [i, url] of [...a].sort().entries()) {
    const other = others[i] ?? '';
    if (normal(url) !== normal(other)) return [url, other];
  }
  return undefined;
}

const normal = (url: string) => url.replace('//localhost:', '//127.0.0.1:');
const quoteAll = (urls: readonly string[]) => `[${urls.map(quote).join(' ')}]`;
