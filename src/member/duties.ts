/**
 * What a member does without being asked: it publishes itself, and as leader sets the cluster's version, ends leases that
 * are due, compacts history and raises its own alarms. All of it through raft, like any client's request.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import type { AlarmBook } from '../apply/alarm-book.js';
import { type RequestField, requestField } from '../apply/request-field.js';
import { type MemberId, noMember } from '../base/ids.js';
import type { Log } from '../base/log.js';
import type { MembershipBook } from '../cluster/book.js';
import {
  AlarmRequest_AlarmAction as AlarmAction,
  AlarmRequestSchema,
  AlarmType,
  CompactionRequestSchema,
} from '../gen/etcdserverpb/rpc_pb.js';
import type { Deadlines } from '../lease/deadlines.js';
import type { AutoCompactor } from '../mvcc/auto-compaction.js';
import type { Store } from '../mvcc/store.js';
import { ClusterVersionMonitor } from './cluster-version.js';
import type { Departure } from './departure.js';
import { ElectionAdvance } from './election-advance.js';
import type { LeaderTransfer } from './leader-transfer.js';
import type { LeaseDuties } from './lease-duties.js';
import { LostLeader } from './lost-leader.js';
import type { LeadershipListener, Member } from './member.js';
import type { MemberOptions } from './options.js';
import { type Ended, proposeOwn } from './own-requests.js';
import { Publication } from './publication.js';
import type { Reconfiguration } from './reconfiguration.js';
import type { Restoring } from './restoring.js';
import type { World } from './world.js';

export interface DutyParts {
  readonly member: Member;
  readonly world: World;
  readonly log: Log;
  readonly store: Store;
  readonly restoring: Restoring;
  readonly deadlines: Deadlines;
  readonly leases: LeaseDuties;
  readonly alarms: AlarmBook;
  readonly members: MembershipBook;
  readonly reconfiguration: Reconfiguration;
  readonly transfer: LeaderTransfer;
  readonly departure: Departure;
  readonly autoCompactor: AutoCompactor | undefined;
}

export class Duties implements LeadershipListener {
  readonly #options: MemberOptions;
  readonly #parts: DutyParts;
  readonly #compactor: AutoCompactor | undefined;
  readonly publication: Publication;
  readonly #versions: ClusterVersionMonitor;
  readonly #advance: ElectionAdvance;
  readonly #lostLeader: LostLeader;
  #alarmAsked = false;
  leaderChanges = 0;

  constructor(options: MemberOptions, parts: DutyParts) {
    this.#options = options;
    this.#parts = parts;
    this.#compactor = parts.autoCompactor;
    this.publication = new Publication(options, parts.member, parts.log);
    parts.restoring.follow(this.publication);
    this.#versions = new ClusterVersionMonitor(parts, options.downgradeCheckMs);
    this.#advance = new ElectionAdvance(options, { ...parts, peers: parts.world.peers });
    this.#lostLeader = new LostLeader(options, { ...parts, peers: parts.world.peers });
  }

  leaderChanged(leader: MemberId, isLeader: boolean): void {
    if (!isLeader) this.#parts.deadlines.demote();
    this.#parts.transfer.tick(this.#parts.world.nowMs());
    if (leader === noMember) return;
    this.leaderChanges++;
    this.publication.tick();
  }

  /** All entries of earlier terms are applied: what this leader reckons from now on is right. */
  termOpened(): void {
    this.#parts.deadlines.promote(this.#options.electionMs);
    this.#versions.termOpened();
  }

  tick(nowMs: number): void {
    const { member, store, reconfiguration, transfer, departure, leases } = this.#parts;
    this.#advance.tick(nowMs);
    this.#lostLeader.tick();
    reconfiguration.tick(nowMs);
    transfer.tick(nowMs);
    departure.tick(nowMs);
    leases.tick(nowMs);
    if (member.leader === noMember) return;
    this.publication.tick();
    this.#versions.tick(nowMs);
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

  #propose(field: RequestField, bytes: Uint8Array, ended: Ended): void {
    proposeOwn(this.#parts.member, field, bytes, ended);
  }
}
