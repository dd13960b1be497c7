/**
 * Applies committed entries in their order, and knows how far it has come.
 *
 * An entry at or below the applied index changes nothing: the applied index is committed with the values, so after a
 * restart raft is told of it and offers only what comes after.
 */
import type { Outcome } from '../apply/outcome.js';
import { requestField } from '../apply/request-field.js';
import type { StateMachine } from '../apply/state-machine.js';
import { type Bytes, uint64Bytes, utf8 } from '../base/bytes.js';
import { check } from '../base/check.js';
import { type MemberId, noMember } from '../base/ids.js';
import type { MembershipBook } from '../cluster/book.js';
import { snapshotImage } from '../cluster/snapshot-image.js';
import type { ValueStore } from '../mvcc/value-store.js';
import { isV2 } from '../raft/conf-change.js';
import { decodeConfChange } from '../raft/conf-change-codec.js';
import type { RawNode } from '../raft/raw-node.js';
import { errors } from '../wire/errors.js';
import { InternalRaftRequest } from '../wire/messages/raft-request.js';
import { decodeFailure } from '../wire/proto/failure.js';
import { type ConfState, type Entry, entryType } from '../wire/raftpb/types.js';
import type { Checkpointed } from './checkpoints.js';
import type { ClusterEvents } from './cluster-events.js';
import { encodeConfState } from './conf-state-record.js';

const meta = 'meta';
export const appliedKey = utf8('consistent_index');
export const termKey = utf8('term');
export const confStateKey = utf8('confState');

/** Where the state stands: read from the records at start. */
export interface AppliedPosition {
  readonly index: number;
  readonly term: number;
  readonly confState: ConfState;
}

export class Applier implements Checkpointed {
  readonly #machine: StateMachine;
  readonly #members: MembershipBook;
  readonly #values: ValueStore;
  readonly #events: ClusterEvents;
  /** The request applied last. */
  readonly request = new InternalRaftRequest();
  applied: number;
  appliedTerm: number;
  confState: ConfState;
  #recordedConfState: ConfState | undefined;
  /** Who waits for the entry applied last; both 0 when nobody does. */
  idHi = 0;
  idLo = 0;
  /** The kind of the request applied last; 0 for a change of members. */
  field = 0;

  constructor(
    parts: {
      readonly machine: StateMachine;
      readonly members: MembershipBook;
      readonly values: ValueStore;
      /** Told of what has happened to the membership book. */
      readonly events: ClusterEvents;
    },
    from: AppliedPosition,
  ) {
    this.#machine = parts.machine;
    this.#members = parts.members;
    this.#values = parts.values;
    this.#events = parts.events;
    this.applied = from.index;
    this.appliedTerm = from.term;
    this.confState = from.confState;
  }

  get position(): AppliedPosition {
    return { index: this.applied, term: this.appliedTerm, confState: this.confState };
  }

  get changes(): number {
    return this.applied + this.#machine.compactionSlices;
  }

  get revision(): number {
    return this.#machine.revision;
  }

  /** True when `id` alone decides what is committed. */
  isSoleVoter(id: MemberId): boolean {
    const { voters, votersOutgoing } = this.confState;
    return voters.length === 1 && voters[0] === id && votersOutgoing.length === 0;
  }

  /** The state was replaced by that of a snapshot. */
  restored({ index, term, confState }: AppliedPosition): void {
    this.applied = index;
    this.appliedTerm = term;
    this.confState = confState;
    this.#recordedConfState = undefined;
  }

  /** The entry with which a leader opens its term: nothing to do. */
  skip(entry: Entry): void {
    this.#advance(entry);
  }

  /** `awaited`: whether somebody here waits for the request with this id. */
  apply(entry: Entry, node: RawNode, awaited: (idHi: number, idLo: number) => boolean): Outcome {
    this.#advance(entry);
    this.field = 0;
    if (entry.type !== entryType.normal) return this.#applyConfChange(entry, node);
    const request = this.request;
    const failure = request.decode(entry.data, 0, entry.data.length);
    check(failure === decodeFailure.none, 'a committed entry holds a request that can be read');
    this.field = request.field;
    this.idHi = request.idHi;
    this.idLo = request.idLo;
    if (request.field === requestField.clusterVersionSet) return this.#setVersion(request);
    // A put's outcome costs nothing; others may take as long to put together as to apply.
    const wanted = request.field === requestField.put || awaited(this.idHi, this.idLo);
    return this.#machine.apply(request, wanted);
  }

  #setVersion(request: InternalRaftRequest): Outcome {
    const before = this.#members.version;
    const outcome = this.#machine.apply(request);
    this.#events.versionSet(before);
    return outcome;
  }

  #advance(entry: Entry): void {
    check(entry.index === this.applied + 1, 'entries are applied one after the other, none twice');
    this.applied = entry.index;
    this.appliedTerm = entry.term;
  }

  #applyConfChange(entry: Entry, node: RawNode): Outcome {
    const change = decodeConfChange(entry);
    check(change !== undefined && !isV2(change), 'etcd changes members one at a time');
    this.idHi = Number((change.id >> 32n) & 0xffffffffn);
    this.idLo = Number(change.id & 0xffffffffn);
    const { revision } = this;
    const error = this.#members.refusal(change);
    if (error !== undefined) {
      this.#events.refused(errors[error].text);
      // Raft has to see every change pass by; one without a node changes nothing.
      node.applyConfChange({ ...change, nodeId: noMember });
      return { kind: 'refused', error, revision };
    }
    this.confState = node.applyConfChange(change);
    const before = this.#members.member(change.nodeId);
    for (const { bucket, key, value } of this.#members.apply(change)) {
      if (value === undefined) this.#values.deleteRecord(bucket, utf8(key));
      else this.#values.setRecord(bucket, utf8(key), value);
    }
    this.#events.changed(change, before);
    return { kind: 'done', revision };
  }

  record(): void {
    this.#values.setRecord(meta, appliedKey, uint64Bytes(this.applied));
    this.#values.setRecord(meta, termKey, uint64Bytes(this.appliedTerm));
    if (this.confState === this.#recordedConfState) return;
    this.#recordedConfState = this.confState;
    this.#values.setRecord(meta, confStateKey, encodeConfState(this.confState));
  }

  image(): Bytes {
    return snapshotImage(this.#members);
  }
}

/** A recorded index or term; 0 when there is none. */
export function readRecordedNumber(values: ValueStore, key: Bytes): number {
  const bytes = values.getRecord(meta, key);
  if (bytes === undefined) return 0;
  return Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0));
}
