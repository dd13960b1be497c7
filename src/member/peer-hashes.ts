/** What the other members say that their history hashes to, asked over `/members/hashkv` of their peer ports. */
import { text } from '../base/bytes.js';
import { type ClusterId, idToHex, type MemberId } from '../base/ids.js';
import type { Log } from '../base/log.js';
import type { MembershipBook } from '../cluster/book.js';
import { decodeHashKvResponse, encodeHashKvRequest, type PeerHash } from '../wire/messages/hash-kv-json.js';
import type { PeerAnswer, Peers } from './peers.js';

export const hashKvPath = '/members/hashkv';
/** How a member refuses to hash; the words are etcd's, and members look for them. */
export const hashKvRefusals = {
  compacted: 'mvcc: required revision has been compacted',
  futureRevision: 'mvcc: required revision is a future revision',
  clusterIdMismatch: 'cluster ID mismatch',
} as const;
export type HashKvRefusal = keyof typeof hashKvRefusals;

export type PeerSays = {
  readonly id: MemberId;
  readonly peerUrls: readonly string[];
} & (
  | { readonly kind: 'hash'; readonly hash: PeerHash }
  | { readonly kind: HashKvRefusal }
  /** It did not answer, or in words that nobody knows. */
  | { readonly kind: 'silent' }
);

export interface PeerHashParts {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
  readonly members: Pick<MembershipBook, 'list'>;
  readonly peers: Pick<Peers, 'ask'>;
  readonly log: Log;
  readonly requestTimeoutMs: number;
}

/** Asks all of them at once; `done` is called when each has answered or had its time. */
export function askPeerHashes(parts: PeerHashParts, revision: number, done: (says: readonly PeerSays[]) => void): void {
  const { memberId, clusterId, members, peers, requestTimeoutMs } = parts;
  const others = members.list().filter(({ id, peerUrls }) => id !== memberId && peerUrls.length > 0);
  const body = encodeHashKvRequest(revision);
  const headers = {
    'Content-Type': 'application/json',
    'Content-Length': String(body.length),
    'X-Etcd-Cluster-ID': idToHex(clusterId),
  };
  const says: PeerSays[] = [];
  if (others.length === 0) return done(says);
  for (const { id, peerUrls } of others) {
    const request = { method: 'GET', path: hashKvPath, headers, body, timeoutMs: requestTimeoutMs } as const;
    peers.ask(id, request, (answer) => {
      const said = sayingOf(answer);
      if (said.kind !== 'hash') tellFailed(parts, revision, peerUrls, answer);
      says.push({ id, peerUrls, ...said });
      if (says.length === others.length) done(says);
    });
  }
}

type Saying = { readonly kind: 'hash'; readonly hash: PeerHash } | { readonly kind: HashKvRefusal | 'silent' };

function sayingOf(answer: PeerAnswer | undefined): Saying {
  if (answer === undefined) return { kind: 'silent' };
  if (answer.status === 200) {
    const hash = decodeHashKvResponse(answer.body);
    return hash === undefined ? { kind: 'silent' } : { kind: 'hash', hash };
  }
  const says = text(answer.body);
  if (answer.status === 400 && says.includes(hashKvRefusals.compacted)) return { kind: 'compacted' };
  if (answer.status === 400 && says.includes(hashKvRefusals.futureRevision)) return { kind: 'futureRevision' };
  if (answer.status === 412 && says.includes(hashKvRefusals.clusterIdMismatch)) return { kind: 'clusterIdMismatch' };
  return { kind: 'silent' };
}

function tellFailed(
  { log, memberId }: PeerHashParts,
  revision: number,
  peerUrls: readonly string[],
  answer: PeerAnswer | undefined,
): void {
  log.warn('failed hash kv request', {
    'local-member-id': idToHex(memberId),
    'requested-revision': revision,
    'remote-peer-endpoint': peerUrls.join(','),
    error: answer === undefined ? 'no answer' : `${answer.status}: ${text(answer.body).trim().slice(0, 200)}`,
  });
}
