/**
 * A member that is alone and has no log: what tests of services stand on. It has the real store, hub and lease book; what is
 * proposed is applied, and reads are confirmed, when the test says `settle`, as in a later turn.
 */
import { AlarmBook } from '../apply/alarm-book.js';
import { KvApplier } from '../apply/kv-applier.js';
import type { Outcome } from '../apply/outcome.js';
import type { RequestField } from '../apply/request-field.js';
import { StateMachine } from '../apply/state-machine.js';
import type { Bytes } from '../base/bytes.js';
import type { ClusterId, LeaseId, MemberId } from '../base/ids.js';
import { MembershipBook } from '../cluster/book.js';
import { LeaseBook } from '../lease/book.js';
import { Deadlines } from '../lease/deadlines.js';
import type { MemberFront, ProposalWaiter, ReadWaiter } from '../member/front.js';
import { MemoryValues } from '../mvcc/memory-values.js';
import { PlainIndex } from '../mvcc/plain-index.js';
import { Store } from '../mvcc/store.js';
import { WatchHub } from '../mvcc/watch/hub.js';
import type { ErrorName } from '../wire/errors.js';
import { InternalRaftRequest, RequestHeader, writeRaftRequest } from '../wire/messages/raft-request.js';
import { Writer } from '../wire/proto/writer.js';
import { Answers } from './answers.js';

export class SoloMember implements MemberFront {
  readonly memberId = 0xa2n as MemberId;
  readonly clusterId = 0xc1n as ClusterId;
  readonly term = 7;
  leader = this.memberId;
  isLeader = true;
  readonly readsNow = false;
  clockMs = 1000;

  readonly values = new MemoryValues();
  readonly book = new LeaseBook(this.values, 2);
  readonly deadlines = new Deadlines(this.book, () => this.clockMs);
  readonly store = new Store({ index: new PlainIndex(), values: this.values, leases: this.book });
  readonly hub = new WatchHub(this.store);
  readonly answers = new Answers(this);
  readonly #machine = new StateMachine({
    store: this.store,
    kv: new KvApplier(this.store, Number.POSITIVE_INFINITY),
    leases: this.book,
    alarms: new AlarmBook(this.values),
    members: new MembershipBook(1),
  });
  #later: (() => void)[] = [];
  #nextLeaseId = 0x7000_0000_0000_0000n;
  /** When set, all that is asked of the member fails so. */
  failure: ErrorName | undefined = undefined;

  constructor() {
    this.store.listener = this.hub;
    this.deadlines.promote(0);
  }

  get revision(): number {
    return this.store.revision;
  }

  nowMs(): number {
    return this.clockMs;
  }

  nextLeaseId(): LeaseId {
    return ++this.#nextLeaseId as LeaseId;
  }

  propose(field: RequestField, bytes: Bytes, start: number, end: number, waiter: ProposalWaiter): void {
    const request = bytes.slice(start, end);
    this.#later.push(() => {
      if (this.failure === undefined) waiter.applied(this.#apply(field, request));
      else waiter.failed(this.failure);
    });
  }

  readIndex(waiter: ReadWaiter): void {
    this.#later.push(() => (this.failure === undefined ? waiter.confirmed() : waiter.failed(this.failure)));
  }

  whenApplied(waiter: ReadWaiter): void {
    this.readIndex(waiter);
  }

  /** One turn: what was asked until now is answered. */
  turn(): void {
    const now = this.#later;
    this.#later = [];
    for (const answer of now) answer();
    while (this.hub.catchUp());
  }

  /** As many turns as there is something to answer in. */
  settle(): void {
    do this.turn();
    while (this.#later.length > 0);
  }

  put(key: Bytes, value: Bytes, lease = 0n): void {
    const txn = this.store.begin();
    txn.put(key, value, lease as LeaseId);
    txn.end();
  }

  #apply(field: RequestField, bytes: Bytes): Outcome {
    const writer = new Writer();
    writeRaftRequest(writer, field, { bytes, start: 0, end: bytes.length }, new RequestHeader());
    const request = new InternalRaftRequest();
    request.decode(writer.bytes, 0, writer.at);
    return this.#machine.apply(request);
  }
}
