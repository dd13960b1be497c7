/**
 * Membership book: who belongs to the cluster, who was removed, and which version the cluster has.
 *
 * Replicated state: it changes only as entries are applied. What has to be written for a change is handed back as
 * records of the buckets `members`, `members_removed` and `cluster`, to be committed with the entry's index.
 *
 * Invariant: an id that was removed never comes back.
 */
import { type Bytes, text, utf8 } from '../base/bytes.js';
import { check } from '../base/check.js';
import { idToHex, type MemberId } from '../base/ids.js';
import { jsonText, parseJson } from '../base/json.js';
import type { ErrorName } from '../wire/errors.js';
import { type ConfChange, confChangeType } from '../wire/raftpb/types.js';
import { type ChangeContext, decodeContext, decodeMember, encodeMember, type Member } from './member.js';

export type MembershipBucket = 'members' | 'members_removed' | 'cluster';
/** A record to be written; without a value, to be deleted. */
export type MembershipRecord = {
  readonly bucket: MembershipBucket;
  readonly key: string;
  readonly value: Bytes | undefined;
};
export type Downgrade = { readonly enabled: boolean; readonly targetVersion: string };

const noDowngrade: Downgrade = { enabled: false, targetVersion: '' };
const removedMark = utf8('removed');

export class MembershipBook {
  readonly #members = new Map<MemberId, Member>();
  readonly #removed = new Set<MemberId>();
  readonly #learnersMax: number;
  #version: string | undefined;
  #downgrade = noDowngrade;
  #sorted: readonly Member[] | undefined;

  constructor(learnersMax: number) {
    this.#learnersMax = learnersMax;
  }

  /** `3.7.0`; undefined until the first leader has decided. */
  get version(): string | undefined {
    return this.#version;
  }

  get downgrade(): Downgrade {
    return this.#downgrade;
  }

  get removed(): readonly MemberId[] {
    return [...this.#removed].sort(ascending);
  }

  member(id: MemberId): Member | undefined {
    return this.#members.get(id);
  }

  isRemoved(id: MemberId): boolean {
    return this.#removed.has(id);
  }

  /** By id. */
  list(): readonly Member[] {
    this.#sorted ??= [...this.#members.values()].sort((a, b) => ascending(a.id, b.id));
    return this.#sorted;
  }

  /** Whether the change may be made to the book as it is now; judged again when it is applied. */
  refusal(change: ConfChange): ErrorName | undefined {
    const id = change.nodeId;
    if (this.#removed.has(id)) return 'memberNotFound';
    const known = this.#members.get(id);
    switch (change.type) {
      case confChangeType.addNode:
      case confChangeType.addLearnerNode:
        return this.#refusalToAdd(contextOf(change), known);
      case confChangeType.removeNode:
        return known === undefined ? 'memberNotFound' : undefined;
      case confChangeType.updateNode:
        if (known === undefined) return 'memberNotFound';
        return this.#usesUrlOfOthers(contextOf(change).member.peerUrls, id) ? 'peerUrlExists' : undefined;
    }
  }

  /** Makes a change that `refusal` let pass. */
  apply(change: ConfChange): readonly MembershipRecord[] {
    const id = change.nodeId;
    if (change.type === confChangeType.removeNode) return this.#remove(id);
    const { member, isPromote } = contextOf(change);
    check(member.id === id, 'the context of a change describes the member that is changed');
    const known = this.#members.get(id);
    if (change.type === confChangeType.updateNode) {
      return known === undefined ? [] : this.#put({ ...known, peerUrls: member.peerUrls });
    }
    if (isPromote) return known === undefined ? [] : this.#put({ ...known, isLearner: false });
    return this.#put(member);
  }

  /** A member told its name and client URLs. Of a removed member it changes nothing. */
  setAttributes(id: MemberId, name: string, clientUrls: readonly string[]): readonly MembershipRecord[] {
    const known = this.#members.get(id);
    check(known !== undefined || this.#removed.has(id), 'only a member that was once added tells its attributes');
    return known === undefined ? [] : this.#put({ ...known, name, clientUrls });
  }

  setVersion(version: string): readonly MembershipRecord[] {
    this.#version = version;
    return [{ bucket: 'cluster', key: 'clusterVersion', value: utf8(version) }];
  }

  setDowngrade(downgrade: Downgrade): readonly MembershipRecord[] {
    this.#downgrade = downgrade;
    const value = jsonText({ 'target-version': downgrade.targetVersion, enabled: downgrade.enabled });
    return [{ bucket: 'cluster', key: 'downgrade', value: utf8(value) }];
  }

  /** Forgets everything, to be filled anew. */
  clear(): void {
    this.#members.clear();
    this.#removed.clear();
    this.#version = undefined;
    this.#downgrade = noDowngrade;
    this.#sorted = undefined;
  }

  /** Takes in one record, read at start or after a snapshot has replaced them. */
  load(bucket: MembershipBucket, key: string, value: Bytes): void {
    this.#sorted = undefined;
    if (bucket === 'members') {
      const member = decodeMember(value);
      check(idToHex(member.id) === key, `a member's record stands under its id: ${key}`);
      this.#members.set(member.id, member);
    } else if (bucket === 'members_removed') {
      this.#removed.add(BigInt(`0x${key}`) as MemberId);
    } else if (key === 'clusterVersion') {
      this.#version = text(value);
    } else if (key === 'downgrade') {
      this.#downgrade = decodeDowngrade(value);
    }
  }

  #refusalToAdd({ member, isPromote }: ChangeContext, known: Member | undefined): ErrorName | undefined {
    if (isPromote) {
      if (known === undefined) return 'memberNotFound';
      return known.isLearner ? undefined : 'memberNotLearner';
    }
    if (known !== undefined) return 'memberExists';
    if (this.#usesUrlOfOthers(member.peerUrls, member.id)) return 'peerUrlExists';
    const learners = this.list().filter((each) => each.isLearner).length;
    return member.isLearner && learners >= this.#learnersMax ? 'tooManyLearners' : undefined;
  }

  #usesUrlOfOthers(urls: readonly string[], id: MemberId): boolean {
    return this.list().some((other) => other.id !== id && other.peerUrls.some((url) => urls.includes(url)));
  }

  #put(member: Member): readonly MembershipRecord[] {
    this.#members.set(member.id, member);
    this.#sorted = undefined;
    return [{ bucket: 'members', key: idToHex(member.id), value: encodeMember(member) }];
  }

  #remove(id: MemberId): readonly MembershipRecord[] {
    this.#members.delete(id);
    this.#removed.add(id);
    this.#sorted = undefined;
    const key = idToHex(id);
    return [
      { bucket: 'members', key, value: undefined },
      { bucket: 'members_removed', key, value: removedMark },
    ];
  }
}

function contextOf(change: ConfChange): ChangeContext {
  check(change.context !== undefined, 'a change that adds or updates a member says how it shall be');
  return decodeContext(change.context);
}

function decodeDowngrade(bytes: Bytes): Downgrade {
  const value = parseJson(text(bytes)) as Partial<Record<string, unknown>> | undefined;
  const target = value?.['target-version'];
  return { enabled: value?.enabled === true, targetVersion: typeof target === 'string' ? target : '' };
}

const ascending = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0);
