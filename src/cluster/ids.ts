/** Identities made from what founds them: a member's from its peer URLs and the cluster's token, a cluster's from its members'. */
import { type Bytes, utf8 } from '../base/bytes.js';
import type { ClusterId, MemberId } from '../base/ids.js';
import { sha1 } from '../base/sha1.js';

const idBytes = 8;

/**
 * `addedAtSeconds`: Unix time, given for a member that joins later, so that a URL may be used again after a removal;
 * undefined for the founding members, who must reckon the same id everywhere.
 */
export function memberIdOf(peerUrls: readonly string[], token: string, addedAtSeconds: number | undefined): MemberId {
  const time = addedAtSeconds === undefined ? '' : String(addedAtSeconds);
  return firstBytes(sha1(utf8([...peerUrls].sort().join('') + token + time))) as MemberId;
}

export function clusterIdOf(members: readonly MemberId[]): ClusterId {
  const sorted = [...members].sort((a, b) => (a < b ? -1 : 1));
  const bytes = new Uint8Array(sorted.length * idBytes);
  const view = new DataView(bytes.buffer);
  for (const [i, id] of sorted.entries()) view.setBigUint64(i * idBytes, id);
  return firstBytes(sha1(bytes)) as ClusterId;
}

function firstBytes(digest: Bytes): bigint {
  return new DataView(digest.buffer, digest.byteOffset).getBigUint64(0);
}
