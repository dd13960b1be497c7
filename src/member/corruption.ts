/**
 * Whether the members hold the same: their hashes are compared, and who differs is named by the CORRUPT alarm.
 *
 * Three comparisons, each etcd's (`corrupt.go`): of a restarted member with the others before it serves; of the leader's newest
 * history with all others', now and then; and of the hashes that finished compactions left behind, which stand still while
 * they are compared.
 *
 * Where no key is alive, a hash says how far compactions have come, and nothing of what is held: etcd accuses then, we do not.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { idToHex, type MemberId, noMember } from '../base/ids.js';
import type { Fields } from '../base/log.js';
import { AlarmRequest_AlarmAction as AlarmAction, AlarmRequestSchema, AlarmType } from '../gen/etcdserverpb/rpc_pb.js';
import type { KvHash } from '../mvcc/hash-book.js';
import { errors } from '../wire/errors.js';
import type { PeerHash } from '../wire/messages/hash-kv-json.js';
import { type MemberFront, requestField } from './front.js';
import type { HashKvAnswer, KvHashing } from './kv-hashing.js';
import { askPeerHashes, type PeerHashParts, type PeerSays } from './peer-hashes.js';

export interface CorruptionParts extends PeerHashParts {
  readonly front: Pick<MemberFront, 'readIndex' | 'propose'>;
  readonly hashing: KvHashing;
  /** The hashes that finished compactions left behind. */
  compactionHashes(): readonly KvHash[];
}

type Hashed = Extract<HashKvAnswer, { ok: true }>;

export class CorruptionChecker {
  readonly #parts: CorruptionParts;
  /** The newest compaction whose hashes were found equal on all members. */
  #checkedRevision = 0;

  constructor(parts: CorruptionParts) {
    this.#parts = parts;
  }

  /** Of a member that is not serving yet; `done` is told what keeps it from serving, if anything. */
  checkAtStart(done: (fault: string | undefined) => void): void {
    const { log, hashing, requestTimeoutMs } = this.#parts;
    const own = this.#own();
    log.info('starting initial corruption check', { ...own, timeout: `${requestTimeoutMs / 1000}s` });
    hashing.hashKv(0, (local) => {
      if (!local.ok) return done(`${own['local-member-id']} failed to fetch hash (${errors[local.error].text})`);
      askPeerHashes(this.#parts, local.revision, (peers) => {
        let differs = 0;
        for (const peer of peers) if (this.#differsAtStart(local, peer)) differs++;
        if (differs > 0) return done(`${own['local-member-id']} found data inconsistency with peers`);
        log.info('initial corruption checking passed; no corruption', own);
        done(undefined);
      });
    });
  }

  /** Only hashes of one revision since one compaction can be compared. */
  #differsAtStart(local: Hashed, peer: PeerSays): boolean {
    const { log } = this.#parts;
    const fields: Fields = {
      ...this.#own(),
      'local-member-revision': local.revision,
      'local-member-compact-revision': local.compactRevision,
      'local-member-hash': local.hash,
      'remote-peer-id': idToHex(peer.id),
      'remote-peer-endpoints': peer.peerUrls,
    };
    switch (peer.kind) {
      case 'silent':
        return false;
      case 'futureRevision':
        log.warn('cannot fetch hash from slow remote peer', fields);
        return false;
      case 'compacted':
        log.warn('cannot fetch hash from remote peer; local member is behind', fields);
        return false;
      case 'clusterIdMismatch':
        log.warn('cluster ID mismatch', fields);
        return false;
      case 'hash': {
        const { hash, compactRevision, current } = peer.hash;
        if (hash === local.hash || local.ofNothing === true) return false;
        const remote = {
          'remote-peer-revision': current,
          'remote-peer-compact-revision': compactRevision,
          'remote-peer-hash': hash,
        };
        const differs = compactRevision === local.compactRevision;
        const what = differs ? 'hash' : 'compact revision';
        log.warn(`found different ${what} values from remote peer`, { ...fields, ...remote });
        return differs;
      }
    }
  }

  /** The leader's newest history against all others'. `done` is called when it is over, with what kept it from being done. */
  checkNow(done: (fault: string | undefined) => void): void {
    const { hashing, front } = this.#parts;
    hashing.hashKv(0, (first) => {
      if (!first.ok) return done(errors[first.error].text);
      askPeerHashes(this.#parts, first.revision, (peers) => {
        front.readIndex({
          confirmed: () =>
            hashing.hashKv(0, (second) => {
              if (!second.ok) return done(errors[second.error].text);
              this.#compareNow(first, second, peers);
              done(undefined);
            }),
          failed: (error) => done(errors[error].text),
        });
      });
    });
  }

  /** At most one alarm a check: what is found after it may follow from it. */
  #compareNow(first: Hashed, second: Hashed, peers: readonly PeerSays[]): void {
    const { log, memberId } = this.#parts;
    let suspect = this.#isSteady(first, second) ? undefined : memberId;
    let checked = 0;
    for (const peer of peers) {
      if (peer.kind !== 'hash') continue;
      checked++;
      if (!this.#agrees(first, second, peer)) suspect ??= peer.id;
    }
    if (suspect !== undefined) this.#raise(suspect);
    log.info('finished peer corruption check', { 'number-of-peers-checked': checked });
  }

  /** Nothing was written meanwhile, so nothing may have changed. */
  #isSteady(first: Hashed, second: Hashed): boolean {
    const isSame = first.revision === second.revision && first.compactRevision === second.compactRevision;
    if (!isSame || first.ofNothing === true || first.hash === second.hash) return true;
    this.#parts.log.warn('found hash mismatch', {
      'revision-1': first.revision,
      'compact-revision-1': first.compactRevision,
      'hash-1': first.hash,
      'revision-2': second.revision,
      'compact-revision-2': second.compactRevision,
      'hash-2': second.hash,
    });
    return false;
  }

  #agrees(first: Hashed, second: Hashed, { id, hash }: { readonly id: MemberId; readonly hash: PeerHash }): boolean {
    const { log } = this.#parts;
    const follower = { 'follower-peer-id': idToHex(id) };
    let agrees = true;
    if (hash.current > second.current) {
      log.warn("revision from follower must be less than or equal to leader's", {
        'leader-revision': second.current,
        'follower-revision': hash.current,
        ...follower,
      });
      agrees = false;
    }
    const compacted = {
      'leader-compact-revision': second.compactRevision,
      'follower-compact-revision': hash.compactRevision,
    };
    if (hash.compactRevision > second.compactRevision) {
      log.warn("compact revision from follower must be less than or equal to leader's", { ...compacted, ...follower });
      agrees = false;
    }
    const isComparable = hash.compactRevision === first.compactRevision && first.ofNothing !== true;
    if (isComparable && hash.hash !== first.hash) {
      const hashes = { 'leader-hash': first.hash, 'follower-hash': hash.hash };
      log.warn('same compact revision then hashes must match', { ...compacted, ...hashes, ...follower });
      agrees = false;
    }
    return agrees;
  }

  /** The newest compaction that all members remember, and have not been found equal at before. */
  checkCompactions(done: () => void): void {
    const { log, requestTimeoutMs } = this.#parts;
    log.info('starting compact hash check', { ...this.#own(), timeout: `${requestTimeoutMs / 1000}s` });
    const hashes = this.#parts
      .compactionHashes()
      .filter(({ revision, ofNothing }) => revision > this.#checkedRevision && ofNothing !== true);
    this.#checkCompaction(
      [...hashes].sort((a, b) => b.revision - a.revision),
      0,
      done,
    );
  }

  #checkCompaction(hashes: readonly KvHash[], at: number, done: () => void): void {
    const { log } = this.#parts;
    const local = hashes[at];
    const finish = (count: number) => {
      log.info('finished compaction hash check', { 'number-of-hashes-checked': count });
      done();
    };
    if (local === undefined) return finish(hashes.length);
    askPeerHashes(this.#parts, local.revision, (peers) => {
      if (peers.length > 0 && this.#compareCompaction(local, peers)) finish(at + 1);
      else this.#checkCompaction(hashes, at + 1, done);
    });
  }

  /** False when some member had no say: then an older compaction may tell more. */
  #compareCompaction(local: KvHash, peers: readonly PeerSays[]): boolean {
    const byHash = new Map([[local.hash, [this.#parts.memberId]]]);
    let checked = 0;
    for (const peer of peers) {
      const skipped = skipReason(local, peer);
      if (skipped !== undefined || peer.kind !== 'hash') {
        this.#tellSkipped(peers.length, peer.id, skipped ?? '');
        continue;
      }
      checked++;
      byHash.set(peer.hash.hash, [...(byHash.get(peer.hash.hash) ?? []), peer.id]);
    }
    if (byHash.size === 1) return this.#foundEqual(local, checked, peers.length);
    this.#accuse(local, byHash, peers.length + 1);
    return true;
  }

  #tellSkipped(count: number, id: MemberId, reason: string): void {
    const leader = idToHex(this.#parts.memberId);
    this.#parts.log.warn("Skipped peer's hash", {
      'number-of-peers': count,
      'leader-id': leader,
      'peer-id': idToHex(id),
      reason,
    });
  }

  #foundEqual({ revision, compactRevision }: KvHash, checked: number, count: number): boolean {
    const { log } = this.#parts;
    const fields = { revision, compactRevision };
    if (checked === count) {
      log.info('successfully checked hash on whole cluster', { 'number-of-peers-checked': checked, ...fields });
      this.#checkedRevision = Math.max(this.#checkedRevision, revision);
      return true;
    }
    log.warn('skipped revision in compaction hash check; was not able to check all peers', {
      'number-of-peers-checked': checked,
      'number-of-peers': count,
      ...fields,
    });
    return false;
  }

  /** Whoever differs from what more than half agree on. Where no half agrees, nobody can be named, and member 0 stands for all. */
  #accuse(local: KvHash, byHash: ReadonlyMap<number, readonly MemberId[]>, memberCount: number): void {
    const { log } = this.#parts;
    const fields = {
      'leader-id': idToHex(this.#parts.memberId),
      'leader-revision': local.revision,
      'leader-compact-revision': local.compactRevision,
      'leader-hash': local.hash,
    };
    const quorum = Math.floor(memberCount / 2) + 1;
    const majority = [...byHash].find(([, ids]) => ids.length >= quorum)?.[0];
    if (majority === undefined) {
      const what = 'Detected compaction hash mismatch but cannot identify the corrupted members';
      log.error(`${what}, so intentionally set the memberID as 0`, fields);
      this.#raise(noMember);
    }
    for (const [hash, ids] of byHash) {
      if (hash === majority) continue;
      if (majority !== undefined) for (const id of ids) this.#raise(id);
      log.error('Detected compaction hash mismatch', {
        ...fields,
        'peer-hash': hash,
        'peer-ids': ids.map(idToHex).join(' '),
        'quorum-exist': majority !== undefined,
      });
    }
  }

  #raise(memberID: MemberId): void {
    const request = { memberID, action: AlarmAction.ACTIVATE, alarm: AlarmType.CORRUPT };
    const bytes = toBinary(AlarmRequestSchema, create(AlarmRequestSchema, request));
    this.#parts.front.propose(requestField.alarm, bytes, 0, bytes.length, {
      applied() {},
      failed: (error) => this.#parts.log.warn('failed to raise the CORRUPT alarm', { error: errors[error].text }),
    });
  }

  #own() {
    return { 'local-member-id': idToHex(this.#parts.memberId) };
  }
}

function skipReason(local: KvHash, peer: PeerSays): string | undefined {
  if (peer.kind !== 'hash') return 'no response';
  const { compactRevision } = peer.hash;
  if (compactRevision === local.compactRevision) return undefined;
  return `the peer's CompactRevision ${compactRevision} doesn't match leader's CompactRevision ${local.compactRevision}`;
}
