/** What a peer's refusal means, and what is said of it. */
import { quote } from '../../base/go-text.js';
import { idToHex, type MemberId } from '../../base/ids.js';
import type { ResponseHead } from '../../wire/peer/response-reader.js';
import type { PeerSetup } from './peer-setup.js';

export const removedText = 'the member has been permanently removed from the cluster';
const incompatible = 'incompatible version';
const otherCluster = 'cluster ID mismatch';

/** To a stream. The reason, as etcd has it. */
export function streamRefusal(
  setup: PeerSetup,
  peer: MemberId,
  { status, headers }: ResponseHead,
  body: string,
): string {
  const ids = { 'local-member-id': idToHex(setup.memberId), 'remote-peer-id': idToHex(peer) };
  if (status === 410) {
    setup.events.removedByPeer();
    return removedText;
  }
  if (status === 404) return `peer ${idToHex(peer)} failed to find local node ${idToHex(setup.memberId)}`;
  if (status !== 412) return `unhandled http status ${status}`;
  const text = body.replace(/\n$/, '');
  if (text === incompatible) {
    const error = incompatible;
    setup.log.warn('request sent was ignored by remote peer due to server version incompatibility', { ...ids, error });
  } else if (text === otherCluster) {
    setup.log.warn('request sent was ignored by remote peer due to cluster ID mismatch', {
      'remote-peer-id': idToHex(peer),
      'remote-peer-cluster-id': headers.get('x-etcd-cluster-id') ?? '',
      'local-member-id': idToHex(setup.memberId),
      'local-member-cluster-id': idToHex(setup.clusterId),
      error: otherCluster,
    });
  } else return `unhandled error ${quote(body)} when precondition failed`;
  return text;
}

export interface PostAnswer {
  readonly url: string;
  readonly status: number;
  readonly statusText: string;
  readonly clusterId: string;
  readonly body: string;
}

/** To a post; undefined when it was taken. */
export function postRefusal(setup: PeerSetup, peer: MemberId, answer: PostAnswer): string | undefined {
  const { status, body } = answer;
  if (status === 204) return undefined;
  if (status === 403) {
    setup.events.removedByPeer();
    return removedText;
  }
  if (status !== 412) return `unexpected http status ${answer.statusText} while posting to ${quote(answer.url)}`;
  const text = body.replace(/\n$/, '');
  if (text === incompatible) {
    setup.log.error('request sent was ignored by peer', { 'remote-peer-id': idToHex(peer) });
  } else if (text === otherCluster) {
    setup.log.error('request sent was ignored due to cluster ID mismatch', {
      'remote-peer-id': idToHex(peer),
      'remote-peer-cluster-id': answer.clusterId,
      'local-member-cluster-id': idToHex(setup.clusterId),
    });
  } else return `unhandled error ${quote(body)} when precondition failed`;
  return text;
}
