/**
 * What follows here from a change of the membership book: lines in the log, connections to the others, and the ends of
 * members that cannot stay. The book itself is changed by the applied entry; nothing here is replicated.
 */
import { check } from '../base/check.js';
import { idToHex } from '../base/ids.js';
import type { Log } from '../base/log.js';
import { apiVersion } from '../base/version.js';
import type { MembershipBook } from '../cluster/book.js';
import type { Member } from '../cluster/member.js';
import { compareVersions, minorOf, parseVersion, shortVersion, type Version } from '../cluster/version.js';
import { type ConfChange, confChangeType } from '../wire/raftpb/types.js';
import type { Departure } from './departure.js';
import type { MemberOptions } from './options.js';
import type { Roster } from './roster.js';
import type { StorageVersion } from './storage-version.js';

export class ClusterEvents {
  readonly #own: MemberOptions;
  readonly #members: MembershipBook;
  readonly #roster: Roster;
  readonly #departure: Departure;
  readonly #storageVersion: StorageVersion;
  readonly #log: Log;
  #onRole: (isLearner: boolean) => void = () => {};

  constructor(
    own: MemberOptions,
    parts: {
      readonly members: MembershipBook;
      readonly roster: Roster;
      readonly departure: Departure;
      readonly storageVersion: StorageVersion;
      readonly log: Log;
    },
  ) {
    this.#own = own;
    this.#members = parts.members;
    this.#roster = parts.roster;
    this.#departure = parts.departure;
    this.#storageVersion = parts.storageVersion;
    this.#log = parts.log;
  }

  /** Whether this member has the log and no vote. */
  get isLearner(): boolean {
    return this.#members.member(this.#own.memberId)?.isLearner === true;
  }

  /** Told now, and whenever it changes, whether this member is a learner. */
  whenRole(tell: (isLearner: boolean) => void): void {
    this.#onRole = tell;
    tell(this.isLearner);
  }

  /** The book has been loaded, from this member's records or from a snapshot's. */
  loaded(): void {
    const { version, downgrade } = this.#members;
    if (downgrade.enabled) {
      const versions = { 'target-cluster-version': downgrade.targetVersion, 'current-server-version': apiVersion };
      this.#log.info('cluster is downgrading to target version', versions);
    }
    if (version !== undefined) this.#refuseLowerServer(version);
    for (const member of this.#members.list()) {
      this.#tell('recovered/added member from store', 'recovered-remote-peer', member);
    }
    if (version !== undefined) {
      this.#log.info('set cluster version from store', { 'cluster-version': shortVersion(version) });
    }
    if (this.#members.isRemoved(this.#own.memberId)) this.#departure.removedSelf();
    this.#roster.follow();
    this.#storageVersion.follow();
    this.#onRole(this.isLearner);
  }

  /** A change was made; `before` is what the book had of the member. */
  changed({ type, nodeId }: ConfChange, before: Member | undefined): void {
    this.#roster.follow();
    if (nodeId === this.#own.memberId) this.#onRole(this.isLearner);
    const now = this.#members.member(nodeId);
    if (type === confChangeType.removeNode) {
      this.#tell('removed member', 'removed-remote-peer', before);
      if (nodeId === this.#own.memberId) this.#departure.removedSelf();
    } else if (before === undefined) this.#tell('added member', 'added-peer', now);
    else if (type === confChangeType.updateNode) this.#tell('updated member', 'updated-remote-peer', now);
    else this.#log.info('promote member', { ...this.#ids(), 'promoted-member-id': idToHex(nodeId) });
  }

  refused(error: string): void {
    this.#log.error('Validation on configuration change failed', { shouldApplyV3: true, error });
  }

  versionSet(before: string | undefined): void {
    const { version } = this.#members;
    if (version === undefined) return;
    const shown = { 'cluster-version': shortVersion(version) };
    if (before === undefined) this.#log.info('set initial cluster version', { ...this.#ids(), ...shown });
    else {
      const change = { from: shortVersion(before), to: shortVersion(version) };
      this.#log.info('updated cluster version', { ...this.#ids(), ...change });
    }
    this.#refuseLowerServer(version);
    this.#log.info('enabled capabilities for version', shown);
    this.#storageVersion.follow();
  }

  /** Entries of a newer version may mean what this one does not know: going on would be a guess. */
  #refuseLowerServer(version: string): void {
    const [own, cluster] = [parseVersion(apiVersion), parseVersion(version)];
    check(own !== undefined && cluster !== undefined, 'cluster versions are checked before they are proposed');
    if (compareVersions(minorOf(own as Version), cluster as Version) >= 0) return;
    const msg = 'invalid downgrade; server version is lower than determined cluster version';
    this.#log.error(msg, {
      'current-server-version': shortVersion(apiVersion),
      'determined-cluster-version': shortVersion(version),
    });
    throw new Error(msg);
  }

  #tell(msg: string, prefix: string, member: Member | undefined): void {
    if (member === undefined) return;
    const peerUrls = prefix === 'added-peer' ? 'added-peer-peer-urls' : `${prefix}-urls`;
    this.#log.info(msg, {
      ...this.#ids(),
      [`${prefix}-id`]: idToHex(member.id),
      [peerUrls]: member.peerUrls,
      [`${prefix}-is-learner`]: member.isLearner,
    });
  }

  #ids() {
    const { clusterId, memberId } = this.#own;
    return { 'cluster-id': idToHex(clusterId), 'local-member-id': idToHex(memberId) };
  }
}
