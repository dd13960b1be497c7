/**
 * What a member does without being asked: it publishes itself, and as leader sets the cluster's version, ends leases that
 * are due, compacts history and raises its own alarms. All of it through raft, like any client's request.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import type { AlarmBook } from '../apply/alarm-book.js';
import type { Outcome } from '../apply/outcome.js';
import { type RequestField, requestField } from '../apply/request-field.js';
import { idToHex, type MemberId, noMember } from '../base/ids.js';
import type { Log } from '../base/log.js';
import { clusterVersion } from '../base/version.js';
import type { MembershipBook } from '../cluster/book.js';
import {
  AlarmRequest_AlarmAction as AlarmAction,
  AlarmRequestSchema,
  AlarmType,
  CompactionRequestSchema,
} from '../gen/etcdserverpb/rpc_pb.js';
import {
  ClusterMemberAttrSetRequestSchema,
  ClusterVersionSetRequestSchema,
} from '../gen/membershippb/membership_pb.js';
import type { Deadlines } from '../lease/deadlines.js';
import type { AutoCompactor } from '../mvcc/auto-compaction.js';
import type { Store } from '../mvcc/store.js';
import type { ErrorName } from '../wire/errors.js';
import type { LeaseDuties } from './lease-duties.js';
import type { LeadershipListener, Member } from './member.js';
import type { MemberOptions } from './options.js';
import type { World } from './world.js';

export interface DutyParts {
  readonly member: Member;
  readonly world: World;
  readonly log: Log;
  readonly store: Store;
  readonly deadlines: Deadlines;
  readonly leases: LeaseDuties;
  readonly alarms: AlarmBook;
  readonly members: MembershipBook;
  readonly autoCompactor: AutoCompactor | undefined;
}

export class Duties implements LeadershipListener {
  readonly #options: MemberOptions;
  readonly #parts: DutyParts;
  readonly #compactor: AutoCompactor | undefined;
  #published: 'no' | 'asked' | 'yes' = 'no';
  #versionAsked = false;
  #alarmAsked = false;
  #onPublished: () => void = () => {};
  leaderChanges = 0;

  constructor(options: MemberOptions, parts: DutyParts) {
    this.#options = options;
    this.#parts = parts;
    this.#compactor = parts.autoCompactor;
  }

  get published(): boolean {
    return this.#published === 'yes';
  }

  /** Called once, when the member is known to the cluster and serves. */
  whenPublished(tell: () => void): void {
    this.#onPublished = tell;
  }

  leaderChanged(leader: MemberId, isLeader: boolean): void {
    if (!isLeader) this.#parts.deadlines.demote();
    if (leader === noMember) return;
    this.leaderChanges++;
    this.#publish();
  }

  /** All entries of earlier terms are applied: what this leader reckons from now on is right. */
  termOpened(): void {
    this.#parts.deadlines.promote(this.#options.electionMs);
    this.#setVersion();
  }

  tick(nowMs: number): void {
    const { member, store, leases } = this.#parts;
    leases.tick(nowMs);
    if (member.leader === noMember) return;
    if (this.#published === 'no') this.#publish();
    const revision = this.#compactor?.tick(nowMs, store.revision, member.isLeader);
    if (revision !== undefined) this.#compact(revision);
  }

  /** This member has no room for what it was asked. */
  outOfSpace(): void {
    const { member, log, alarms } = this.#parts;
    if (this.#alarmAsked || alarms.list(AlarmType.NOSPACE).some(({ memberId }) => memberId === member.memberId)) return;
    this.#alarmAsked = true;
    log.warn('message exceeded backend quota; raising alarm', { 'quota-size-bytes': this.#options.quotaBytes });
    const alarm = { action: AlarmAction.ACTIVATE, memberID: member.memberId, alarm: AlarmType.NOSPACE };
    this.#propose(requestField.alarm, toBinary(AlarmRequestSchema, create(AlarmRequestSchema, alarm)), () => {
      this.#alarmAsked = false;
    });
  }

  /** Requests that were on their way together may fill what each alone would have left free. An alarm that stands is enough. */
  appliedWithoutRoom(): void {
    if (!this.#parts.alarms.noSpace) this.outOfSpace();
  }

  #publish(): void {
    if (this.#published !== 'no') return;
    this.#published = 'asked';
    const { member, log } = this.#parts;
    const { name, clientUrls } = this.#options;
    const request = create(ClusterMemberAttrSetRequestSchema, {
      memberID: member.memberId,
      memberAttributes: { name, clientUrls: [...clientUrls] },
    });
    this.#propose(requestField.clusterMemberAttrSet, toBinary(ClusterMemberAttrSetRequestSchema, request), (error) => {
      if (error !== undefined) {
        this.#published = 'no';
        return log.warn('failed to publish local member to cluster through raft', { error });
      }
      this.#published = 'yes';
      log.info('published local member to cluster through raft', {
        'local-member-id': idToHex(member.memberId),
        'local-member-attributes': `{Name:${name} ClientURLs:[${clientUrls.join(' ')}]}`,
        'cluster-id': idToHex(member.clusterId),
        'publish-timeout': `${member.requestTimeoutMs / 1000}s`,
      });
      this.#onPublished();
    });
  }

  /** A cluster of one is of its own version. What several agree on comes with clusters of several. */
  #setVersion(): void {
    const { member, members, log } = this.#parts;
    if (this.#versionAsked || members.version === clusterVersion) return;
    this.#versionAsked = true;
    log.info('setting up initial cluster version using v3 API', { 'cluster-version': shortVersion });
    const request = create(ClusterVersionSetRequestSchema, { ver: clusterVersion });
    this.#propose(requestField.clusterVersionSet, toBinary(ClusterVersionSetRequestSchema, request), (error) => {
      this.#versionAsked = false;
      if (error !== undefined) return log.warn('failed to update cluster version', { error });
      const ids = { 'cluster-id': idToHex(member.clusterId), 'local-member-id': idToHex(member.memberId) };
      log.info('set initial cluster version', { ...ids, 'cluster-version': shortVersion });
      log.info('enabled capabilities for version', { 'cluster-version': shortVersion });
    });
  }

  #compact(revision: number): void {
    const { log } = this.#parts;
    const what = `auto ${this.#options.autoCompaction?.mode ?? ''} compaction`;
    log.info(`starting ${what}`, { revision });
    const request = create(CompactionRequestSchema, { revision: BigInt(revision) });
    this.#propose(requestField.compaction, toBinary(CompactionRequestSchema, request), (error) => {
      // Somebody else was faster: what was asked for is done.
      const done = error === undefined || error === 'compacted';
      this.#compactor?.ended(done);
      if (done) log.info(`completed ${what}`, { revision });
      else log.warn(`failed ${what}`, { revision, error });
    });
  }

  /** `ended` is told why the request was refused, or nothing. */
  #propose(field: RequestField, bytes: Uint8Array, ended: (error: ErrorName | undefined) => void): void {
    this.#parts.member.propose(field, bytes, 0, bytes.length, {
      applied: (outcome: Outcome) => ended(outcome.kind === 'refused' ? outcome.error : undefined),
      failed: ended,
    });
  }
}

const shortVersion = clusterVersion.replace(/\.0$/, '');
