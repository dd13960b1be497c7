/**
 * Leases of a member that does not lead: the leader is asked over its peer port, again and again, until it answers or the
 * request's time is over. Renewals do not go through raft, so this is the one way.
 *
 * What the leader's answers mean is etcd's `leasehttp`: 200 is an answer, 404 says that there is no such lease, and after
 * anything else (it leads no more, it has not applied enough, no connection) the question is asked anew, of whoever leads then.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import type { Bytes } from '../base/bytes.js';
import type { Chore, Chores } from '../base/chores.js';
import { type LeaseId, noMember } from '../base/ids.js';
import {
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
  LeaseTimeToLiveRequestSchema,
} from '../gen/etcdserverpb/rpc_pb.js';
import { LeaseInternalRequestSchema, LeaseInternalResponseSchema } from '../gen/leasepb/lease_pb.js';
import { type LeaderDesk, noSuchLease, type RenewWaiter, type TimeToLiveWaiter } from '../lease/desk.js';
import type { ErrorName } from '../wire/errors.js';
import { decodeGenerated } from '../wire/messages/generated.js';
import type { MemberFront } from './front.js';
import type { Peers } from './peers.js';

/** On the peer port, and what their answers are. */
export const leasesPath = '/leases';
export const leasesInternalPath = '/leases/internal';
export const leaseBodyType = 'application/protobuf';

const pauseMs = 50;
/** No question stays longer with one leader: it may have been cut off, and another elected. */
const askMsMax = 2000;
/** Each question is a request of its own, so many have one under way; the others wait for their turn. */
const askingMax = 256;
const ok = 200;
const notFound = 404;

export interface LeaderDeskParts {
  readonly front: Pick<MemberFront, 'leader' | 'memberId' | 'nowMs'>;
  readonly peers: Pick<Peers, 'ask'>;
  readonly chores: Chores;
  readonly requestTimeoutMs: number;
  /** Whether this member leads, and reckons when leases are due. */
  leadsHere(): boolean;
}

/** One thing that is wanted of the leader. */
abstract class Question {
  abstract readonly path: string;
  abstract readonly body: Bytes;
  askAtMs = 0;

  constructor(
    readonly id: LeaseId,
    readonly untilMs: number,
  ) {}

  abstract askHere(desk: LeaderDesk): void;
  /** False when the body is no answer to this question. */
  abstract take(body: Bytes): boolean;
  abstract noSuchLease(): void;
  abstract failed(error: ErrorName): void;
}

class Renewal extends Question {
  readonly path = leasesPath;
  readonly body: Bytes;

  constructor(
    id: LeaseId,
    untilMs: number,
    readonly waiter: RenewWaiter,
  ) {
    super(id, untilMs);
    this.body = toBinary(LeaseKeepAliveRequestSchema, create(LeaseKeepAliveRequestSchema, { ID: id }));
  }

  askHere(desk: LeaderDesk): void {
    desk.renew(this.id, this.waiter);
  }

  take(body: Bytes): boolean {
    const decoded = decodeGenerated(LeaseKeepAliveResponseSchema, body, 0, body.length);
    if (!decoded.ok || decoded.message.ID !== this.id) return false;
    this.waiter.renewed(Number(decoded.message.TTL));
    return true;
  }

  noSuchLease(): void {
    this.waiter.renewed(0);
  }

  failed(error: ErrorName): void {
    this.waiter.failed(error);
  }
}

class TimeQuestion extends Question {
  readonly path = leasesInternalPath;
  readonly body: Bytes;

  constructor(
    id: LeaseId,
    untilMs: number,
    readonly withKeys: boolean,
    readonly waiter: TimeToLiveWaiter,
  ) {
    super(id, untilMs);
    const LeaseTimeToLiveRequest = create(LeaseTimeToLiveRequestSchema, { ID: id, keys: withKeys });
    this.body = toBinary(LeaseInternalRequestSchema, create(LeaseInternalRequestSchema, { LeaseTimeToLiveRequest }));
  }

  askHere(desk: LeaderDesk): void {
    desk.timeToLive(this.id, this.withKeys, this.waiter);
  }

  take(body: Bytes): boolean {
    const decoded = decodeGenerated(LeaseInternalResponseSchema, body, 0, body.length);
    const answer = decoded.ok ? decoded.message.LeaseTimeToLiveResponse : undefined;
    if (answer === undefined || answer.ID !== this.id) return false;
    const { TTL, grantedTTL, keys } = answer;
    this.waiter.answered({ ttlSeconds: Number(TTL), grantedSeconds: Number(grantedTTL), keys });
    return true;
  }

  noSuchLease(): void {
    this.waiter.answered(noSuchLease);
  }

  failed(error: ErrorName): void {
    this.waiter.failed(error);
  }
}

export class PeerLeaderDesk implements LeaderDesk, Chore {
  readonly #parts: LeaderDeskParts;
  #own: LeaderDesk | undefined;
  /** Those that were asked already, and will be again. */
  #waiting: Question[] = [];
  /** Those that are with the leader. */
  #asking = 0;
  /** Those that have their turn when one of them has been answered, the oldest first. */
  #queued: Question[] = [];

  constructor(parts: LeaderDeskParts) {
    this.#parts = parts;
  }

  /** Where to ask when this member has come to lead while a question was waiting. */
  answerHere(desk: LeaderDesk): void {
    this.#own = desk;
  }

  renew(id: LeaseId, waiter: RenewWaiter): void {
    this.#ask(new Renewal(id, this.#untilMs(), waiter));
  }

  timeToLive(id: LeaseId, withKeys: boolean, waiter: TimeToLiveWaiter): void {
    this.#ask(new TimeQuestion(id, this.#untilMs(), withKeys, waiter));
  }

  /** Asks again what is due to be asked again. */
  step(nowMs: number): number {
    const due = this.#waiting.filter(({ askAtMs }) => askAtMs <= nowMs);
    this.#waiting = this.#waiting.filter(({ askAtMs }) => askAtMs > nowMs);
    for (const question of due) this.#ask(question);
    this.#expireQueued(nowMs);
    let restMs = Number.POSITIVE_INFINITY;
    for (const { askAtMs } of this.#waiting) restMs = Math.min(restMs, askAtMs - nowMs);
    const [oldest] = this.#queued;
    if (oldest !== undefined) restMs = Math.min(restMs, oldest.untilMs - nowMs);
    return restMs;
  }

  #untilMs(): number {
    return this.#parts.front.nowMs() + this.#parts.requestTimeoutMs;
  }

  #ask(question: Question): void {
    const { front, peers, leadsHere } = this.#parts;
    const { leader, memberId } = front;
    const leftMs = question.untilMs - front.nowMs();
    if (leftMs <= 0) return question.failed(leader === noMember ? 'noLeader' : 'timeout');
    if (leader === memberId && this.#own !== undefined && leadsHere()) return question.askHere(this.#own);
    if (leader === noMember || leader === memberId) return this.#askLater(question);
    if (this.#asking === askingMax) return this.#queue(question);
    const { path, body } = question;
    const request = {
      method: 'POST',
      path,
      headers: { 'Content-Type': leaseBodyType },
      body,
      timeoutMs: Math.min(leftMs, askMsMax),
    } as const;
    this.#asking++;
    peers.ask(leader, request, (answer) => {
      this.#asking--;
      this.#askQueued();
      if (answer?.status === notFound) question.noSuchLease();
      else if (answer?.status !== ok || !question.take(answer.body)) this.#askLater(question);
    });
  }

  #queue(question: Question): void {
    this.#queued.push(question);
    if (this.#queued.length === 1) this.#parts.chores.wake(this);
  }

  #askQueued(): void {
    while (this.#asking < askingMax) {
      const question = this.#queued.shift();
      if (question === undefined) return;
      this.#ask(question);
    }
  }

  /** The oldest waited longest, but for those that were asked before: they are found when their turn comes. */
  #expireQueued(nowMs: number): void {
    while (this.#queued[0] !== undefined && this.#queued[0].untilMs <= nowMs) {
      const question = this.#queued.shift();
      if (question !== undefined) this.#ask(question);
    }
  }

  #askLater(question: Question): void {
    const { front, chores } = this.#parts;
    question.askAtMs = Math.min(front.nowMs() + pauseMs, question.untilMs);
    this.#waiting.push(question);
    chores.wake(this);
  }
}
