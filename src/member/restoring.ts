/**
 * Taking in a snapshot that the leader sent: its database comes in the place of ours, and what is kept in memory is made anew from it.
 *
 *     begin -> checkpoints at rest -> World.restore -> store loaded, slice by slice -> books, position, watchers, peers -> `installed`
 *
 * From the beginning to the end nobody looks at the store: nothing is applied, no read is answered, no work runs in slices. Whoever
 * has such work follows the restoring. Afterwards all is as if this member had applied every entry up to the snapshot's.
 */
import type { AlarmBook } from '../apply/alarm-book.js';
import { check } from '../base/check.js';
import type { ServerCounters } from '../base/counters.js';
import { idToHex } from '../base/ids.js';
import type { Log } from '../base/log.js';
import type { MembershipBook } from '../cluster/book.js';
import type { LeaseBook } from '../lease/book.js';
import type { KeyIndex } from '../mvcc/key-index.js';
import { StoreLoader } from '../mvcc/loader.js';
import type { Store } from '../mvcc/store.js';
import type { WatchHub } from '../mvcc/watch/hub.js';
import type { Snapshot } from '../wire/raftpb/types.js';
import { type Applier, appliedKey, readRecordedNumber } from './applier.js';
import type { Checkpoints } from './checkpoints.js';
import type { ClusterEvents } from './cluster-events.js';
import { loadMembers } from './recorded-members.js';
import type { World } from './world.js';

/** Loading them takes a few milliseconds. */
const sliceRevisions = 4000;

/** Who must leave the store alone meanwhile. */
export interface RestoringFollower {
  began(): void;
  /** The store is whole again, at another revision. */
  ended(): void;
}

export interface RestoringParts {
  readonly world: Pick<World, 'restore'>;
  readonly log: Log;
  readonly checkpoints: Checkpoints;
  readonly applier: Applier;
  readonly store: Store;
  readonly newIndex: () => KeyIndex;
  readonly leases: LeaseBook;
  readonly alarms: AlarmBook;
  readonly members: MembershipBook;
  readonly hub: WatchHub;
  readonly events: ClusterEvents;
  readonly counters: ServerCounters;
}

export class Restoring {
  readonly #parts: RestoringParts;
  readonly #followers: RestoringFollower[] = [];
  #snapshot: Snapshot | undefined;
  #installed: () => void = () => {};
  #loader: StoreLoader | undefined;
  #waiting: (() => void)[] = [];

  constructor(parts: RestoringParts) {
    this.#parts = parts;
  }

  /** The store is to be left alone. */
  get active(): boolean {
    return this.#snapshot !== undefined;
  }

  /** `step` has something to do now. */
  get wantsStep(): boolean {
    return this.#loader !== undefined;
  }

  follow(follower: RestoringFollower): void {
    this.#followers.push(follower);
  }

  /** Runs `then` when the store can be looked at: now, or when it is whole again, in the order of asking. */
  whenWhole(then: () => void): void {
    if (this.active) this.#waiting.push(then);
    else then();
  }

  /** The log rests on `snapshot` for good; the database that came with it is on the disk. */
  begin(snapshot: Snapshot, installed: () => void): void {
    const { checkpoints, world, log, counters } = this.#parts;
    check(this.#snapshot === undefined, 'one snapshot is taken in at a time');
    this.#snapshot = snapshot;
    this.#installed = installed;
    counters.snapshotApplyInProgress++;
    log.info('applying snapshot', this.#fields(snapshot));
    for (const follower of this.#followers) follower.began();
    checkpoints.pause(() => world.restore(snapshot.metadata.index, () => this.#load(snapshot)));
  }

  /** One slice of loading. */
  step(): void {
    const { store } = this.#parts;
    if (this.#loader === undefined || this.#snapshot === undefined || !this.#loader.step(sliceRevisions)) return;
    this.#loader = undefined;
    this.#parts.log.info('restored mvcc store', { 'current-rev': store.revision });
    this.#finish(this.#snapshot);
  }

  #load({ metadata }: Snapshot): void {
    const { store, leases, newIndex } = this.#parts;
    const recorded = readRecordedNumber(store.values, appliedKey);
    check(recorded <= metadata.index, 'the database of a snapshot holds nothing that comes after it');
    store.reset(newIndex());
    // The leases first: keys are attached to them as the store is loaded.
    leases.restore();
    this.#loader = new StoreLoader(store);
  }

  #finish(snapshot: Snapshot): void {
    const { store, alarms, members, events, applier, checkpoints, hub, log, counters } = this.#parts;
    alarms.restore();
    members.clear();
    loadMembers(store.values, members);
    applier.restored(snapshot.metadata);
    checkpoints.resume(snapshot.metadata.index);
    hub.restored();
    events.loaded();
    this.#snapshot = undefined;
    counters.snapshotApplyInProgress--;
    log.info('applied snapshot', this.#fields(snapshot));
    this.#installed();
    for (const follower of this.#followers) follower.ended();
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const then of waiting) then();
  }

  #fields({ metadata }: Snapshot) {
    const { applier, checkpoints } = this.#parts;
    return {
      'current-snapshot-index': checkpoints.snapshotIndex,
      'current-applied-index': applier.applied,
      'incoming-leader-snapshot-index': metadata.index,
      'incoming-leader-snapshot-term': metadata.term,
      'incoming-leader-snapshot-voters': metadata.confState.voters.map(idToHex),
    };
  }
}
