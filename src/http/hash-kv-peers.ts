/** `/members/hashkv` of the peer port: what this member's history hashes to, for another that compares. Source: etcd `hashKVHandler`. */
import { type ClusterId, idToHex } from '../base/ids.js';
import type { Log } from '../base/log.js';
import type { KvHashing } from '../member/kv-hashing.js';
import { hashKvRefusals } from '../member/peer-hashes.js';
import { decodeHashKvRequest, encodeHashKvResponse } from '../wire/messages/hash-kv-json.js';
import { errorResponse, type Handler } from './message.js';
import { onlyGet } from './router.js';

export interface HashKvPeerParts {
  readonly clusterId: ClusterId;
  readonly hashing: KvHashing;
  readonly log: Log;
}

export function hashKvHandler({ clusterId, hashing, log }: HashKvPeerParts): Handler {
  const cluster = idToHex(clusterId);
  return onlyGet(({ headers, body }, respond) => {
    const theirs = headers['x-etcd-cluster-id'] ?? '';
    if (theirs !== '' && theirs !== cluster) return respond(errorResponse(412, hashKvRefusals.clusterIdMismatch));
    const revision = decodeHashKvRequest(body);
    if (revision === undefined) {
      log.warn('failed to unmarshal request');
      return respond(errorResponse(400, 'error unmarshalling request'));
    }
    hashing.hashKv(revision, (answer) => {
      if (!answer.ok) {
        const error = hashKvRefusals[answer.error];
        log.warn('failed to get hashKV', { 'requested-revision': revision, error });
        return respond(errorResponse(400, error));
      }
      // A negative revision hashes nothing, and is answered as it was asked.
      const shown = { ...answer, revision: revision < 0 ? revision : answer.revision };
      const answered = { 'X-Etcd-Cluster-ID': cluster, 'Content-Type': 'application/json' };
      respond({ status: 200, headers: answered, body: encodeHashKvResponse(shown) });
    });
  });
}
