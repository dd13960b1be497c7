/**
 * Who looks after a simulated cluster while all goes wrong: adds members and learners, promotes, removes, replaces one whose disk is
 * lost, moves leadership. All by the RPCs that a real operator has, and as carefully as a real one should be:
 *
 *     a member is started once it is in the book; a disk is thrown away only while all others have theirs; it is the next to be removed
 */
import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { MemberId } from '../base/ids.js';
import type { Random } from '../base/random.js';
import type { Member as ClusterMember } from '../cluster/member.js';
import {
  MemberAddRequestSchema,
  MemberPromoteRequestSchema,
  MemberRemoveRequestSchema,
  MemberUpdateRequestSchema,
  MoveLeaderRequestSchema,
} from '../gen/etcdserverpb/rpc_pb.js';
import type { RecordingCall } from '../rpc/recording-call.js';
import type { SimCluster } from './cluster.js';
import type { SimHost } from './host.js';
import type { Machine } from './machine.js';

const membersMax = 7;
const patienceMs = 10_000;
/** By then a removal has been done, or has been forgotten. */
const removalOverMs = 15_000;
/** In some runs the members stay who they are. */
const never = 0;

interface Asked {
  readonly host: SimHost;
  readonly call: RecordingCall;
  readonly done: () => void;
  /** A change of members takes as long as whoever asks for it wants to wait. */
  readonly untilMs: number;
}

export class Operator {
  readonly counts = { added: 0, promoted: 0, removed: 0, lost: 0, moved: 0 };
  readonly #cluster: SimCluster;
  readonly #random: Random;
  readonly #everyMs: number;
  #calls: Asked[] = [];
  #names: number;
  /** When a removal was last asked for. */
  #removalMs = Number.NEGATIVE_INFINITY;

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
    this.#random = cluster.random.fork();
    this.#names = cluster.machines.length;
    this.#everyMs = this.#random.pick([never, 1000, 1500, 4000]);
    if (this.#everyMs !== never) this.#later();
  }

  /** Nothing fails any more: what has begun is brought to an end. True when every member of the book has its machine. */
  tidy(): boolean {
    this.#settle();
    this.startAdded();
    const lost = this.#lost();
    if (lost !== undefined && this.#calls.length === 0) this.#remove(lost.id);
    return lost === undefined;
  }

  #later(): void {
    this.#cluster.schedule.after(this.#random.below(2 * this.#everyMs), () => {
      if (this.#cluster.healing) return;
      this.#settle();
      this.startAdded();
      this.#act();
      this.#later();
    });
  }

  #settle(): void {
    for (const { call, done } of this.#calls) if (call.status?.code === 0) done();
    const { nowMs } = this.#cluster;
    for (const { call, untilMs } of this.#calls) if (!call.ended && nowMs >= untilMs) call.cancel();
    this.#calls = this.#calls.filter(({ call, host }) => !call.ended && this.#cluster.serving.includes(host));
  }

  /** Members that are in the book, and have no machine yet. */
  startAdded(): void {
    const cluster = this.#cluster;
    for (const member of cluster.book?.list() ?? []) {
      if (cluster.machine(member.id) !== undefined) continue;
      const name = `m${++this.#names}`;
      cluster.add({ ...member, name }, [], cluster.book?.list() ?? []).start();
    }
  }

  #act(): void {
    const random = this.#random;
    const { book, leader } = this.#cluster;
    if (book === undefined || this.#calls.length > 5) return;
    const members = book.list();
    if (members.length === 0) return;
    const voters = members.filter(({ isLearner }) => !isLearner);
    const learners = members.filter(({ isLearner }) => isLearner);
    const lost = this.#lost();
    const dice = random.below(12);
    if (lost !== undefined && dice < 6) this.#remove(lost.id);
    else if (dice < 3 && members.length < membersMax) this.#add(random.oneIn(2));
    else if (dice < 5 && learners.length > 0) this.#promote(random.pick(learners).id);
    else if (dice < 6 && lost === undefined && voters.length >= 3) this.#loseOneOf(voters);
    else if (dice < 9 && lost === undefined && voters.length >= 3) {
      const victim = leader !== undefined && random.oneIn(2) ? leader.id : random.pick(members).id;
      this.#remove(victim);
    } else if (dice < 11 && leader !== undefined) this.#move(random.pick(voters).id);
    else this.#update(random.pick(members));
  }

  /** A disk is gone, and its machine with it. */
  #loseOneOf(voters: readonly ClusterMember[]): void {
    // A removal that is still on its way would take another one from the quorum.
    if (this.#cluster.nowMs - this.#removalMs < removalOverMs) return;
    const machine = this.#cluster.machine(this.#random.pick(voters).id);
    if (machine === undefined) return;
    this.counts.lost++;
    machine.lose();
  }

  /** One that is in the book, and will never start again. */
  #lost(): Machine | undefined {
    const { book, machines } = this.#cluster;
    return machines.find(({ id, retired }) => retired && book?.member(id) !== undefined);
  }

  #add(isLearner: boolean): void {
    const peerURLs = [`http://added${this.#names}-${this.#random.below(1 << 20)}:2380`];
    this.#ask('Cluster/MemberAdd', MemberAddRequestSchema, { peerURLs, isLearner }, () => this.counts.added++);
  }

  #promote(ID: MemberId): void {
    this.#ask('Cluster/MemberPromote', MemberPromoteRequestSchema, { ID }, () => this.counts.promoted++);
  }

  #remove(ID: MemberId): void {
    this.#removalMs = this.#cluster.nowMs;
    this.#ask('Cluster/MemberRemove', MemberRemoveRequestSchema, { ID }, () => this.counts.removed++);
  }

  #update({ id, peerUrls }: ClusterMember): void {
    const peerURLs = [`${peerUrls[0]?.split('?')[0]}`];
    this.#ask('Cluster/MemberUpdate', MemberUpdateRequestSchema, { ID: id, peerURLs }, () => {});
  }

  #move(targetID: MemberId): void {
    const host = this.#cluster.leader?.host;
    if (host !== undefined)
      this.#ask('Maintenance/MoveLeader', MoveLeaderRequestSchema, { targetID }, () => this.counts.moved++, host);
  }

  #ask<Q extends DescMessage>(
    name: string,
    schema: Q,
    request: MessageInitShape<Q>,
    done: () => void,
    asked = this.#someHost(),
  ): void {
    if (asked === undefined) return;
    const bytes = toBinary(schema, create(schema, request));
    this.#cluster.reach(asked, () => {
      const call = asked.call(`/etcdserverpb.${name}`);
      this.#calls.push({ host: asked, call, done, untilMs: this.#cluster.nowMs + patienceMs });
      call.write(bytes);
    });
  }

  #someHost() {
    const { serving } = this.#cluster;
    return serving.length > 0 ? this.#random.pick(serving) : undefined;
  }
}
