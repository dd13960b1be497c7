/**
 * The replicated state machine: one committed request in, its outcome out. The same on every member, for it looks at nothing
 * but the request and the state (the quota excepted, which decides the answer alone: see `quota.ts`).
 *
 * Order of checks, etcd's: corruption and space alarms, quota, then the request's own.
 */
import { fromBinary } from '@bufbuild/protobuf';
import { compareBytes, utf8 } from '../base/bytes.js';
import type { LeaseId, MemberId } from '../base/ids.js';
import type { MembershipBook, MembershipRecord } from '../cluster/book.js';
import { compareVersions, parseVersion } from '../cluster/version.js';
import {
  AlarmRequestSchema,
  LeaseCheckpointRequestSchema,
  LeaseGrantRequestSchema,
  LeaseRevokeRequestSchema,
} from '../gen/etcdserverpb/rpc_pb.js';
import {
  ClusterMemberAttrSetRequestSchema,
  ClusterVersionSetRequestSchema,
  DowngradeInfoSetRequestSchema,
} from '../gen/membershippb/membership_pb.js';
import type { LeaseBook } from '../lease/book.js';
import type { Store } from '../mvcc/store.js';
import type { ErrorName } from '../wire/errors.js';
import { CompactionRequest, DeleteRangeRequest, PutRequest } from '../wire/messages/kv-requests.js';
import type { InternalRaftRequest } from '../wire/messages/raft-request.js';
import { TxnRequest } from '../wire/messages/txn-request.js';
import type { AlarmBook } from './alarm-book.js';
import { refusalUnderAlarms } from './alarm-rules.js';
import type { KvApplier } from './kv-applier.js';
import type { Outcome } from './outcome.js';
import { leaseGrantCost, txnCost } from './quota.js';
import { requestField } from './request-field.js';

export interface MachineParts {
  readonly store: Store;
  readonly kv: KvApplier;
  readonly leases: LeaseBook;
  readonly alarms: AlarmBook;
  readonly members: MembershipBook;
  /** What is left of leases is kept on disk whatever the cluster's version. */
  readonly persistCheckpoints?: boolean;
}

export class StateMachine {
  readonly #store: Store;
  readonly #parts: MachineParts;
  readonly #alarms: AlarmBook;
  readonly #kv: KvApplier;
  readonly #put = new PutRequest();
  readonly #delete = new DeleteRangeRequest();
  readonly #compaction = new CompactionRequest();

  constructor(parts: MachineParts) {
    this.#parts = parts;
    this.#store = parts.store;
    this.#alarms = parts.alarms;
    this.#kv = parts.kv;
  }

  /** Rises while history is being compacted, which changes the store between entries. */
  get compactionSlices(): number {
    return this.#store.compactor.slices;
  }

  get revision(): number {
    return this.#store.revision;
  }

  /** `wanted` is false where nobody here waits for the outcome: then answers that cost something are not put together. */
  apply(request: InternalRaftRequest, wanted = true): Outcome {
    const { bytes, start, end } = request;
    switch (request.field) {
      case requestField.put:
        this.#put.decode(bytes, start, end);
        return this.#refusal('put', 0) ?? this.#kv.put(this.#put);
      case requestField.txn: {
        const txn = new TxnRequest();
        txn.decode(bytes, start, end);
        return this.#refusal('txn', this.#alarms.noSpace ? txnCost(txn) : 0) ?? this.#kv.txn(txn, wanted);
      }
      case requestField.deleteRange:
        this.#delete.decode(bytes, start, end);
        return this.#refusal('deleteRange', 0) ?? this.#kv.deleteRange(this.#delete, wanted);
      case requestField.compaction:
        this.#compaction.decode(bytes, start, end);
        return this.#refusal('compaction', 0) ?? this.#kv.compaction(this.#compaction, 0);
      case requestField.leaseGrant:
        return this.#refusal('leaseGrant', leaseGrantCost) ?? this.#grant(bytes.subarray(start, end));
      case requestField.leaseRevoke:
        return this.#refusal('leaseRevoke', 0) ?? this.#revoke(bytes.subarray(start, end));
      case requestField.leaseCheckpoint:
        return this.#checkpointLeases(bytes.subarray(start, end));
      case requestField.alarm:
        return this.#alarm(bytes.subarray(start, end));
      case requestField.clusterVersionSet:
        return this.#record(
          this.#parts.members.setVersion(fromBinary(ClusterVersionSetRequestSchema, bytes.subarray(start, end)).ver),
        );
      case requestField.clusterMemberAttrSet:
        return this.#setAttributes(bytes.subarray(start, end));
      case requestField.downgradeInfoSet:
        return this.#setDowngrade(bytes.subarray(start, end));
      default:
        // What a newer or older etcd put into the log and this version has no use for changes nothing.
        return { kind: 'done', revision: this.revision };
    }
  }

  #refusal(kind: string, cost: number): Outcome | undefined {
    const alarms = this.#alarms;
    if (!alarms.noSpace && !alarms.corrupt) return undefined;
    const error = refusalUnderAlarms(alarms, kind, cost);
    return error === undefined ? undefined : this.#refused(error);
  }

  #refused(error: ErrorName): Outcome {
    return { kind: 'refused', error, revision: this.revision };
  }

  #grant(bytes: Uint8Array): Outcome {
    const { ID, TTL } = fromBinary(LeaseGrantRequestSchema, bytes);
    const room = this.#kv.hasRoom(leaseGrantCost);
    const granted = this.#parts.leases.grant(ID as LeaseId, Number(TTL));
    if (!granted.ok) return this.#refused(granted.error);
    if (!room) return this.#refused('noSpace');
    return { kind: 'leaseGrant', revision: this.revision, id: ID as LeaseId, ttlSeconds: granted.ttlSeconds };
  }

  /** All keys of the lease go in one transaction, in byte order. */
  #revoke(bytes: Uint8Array): Outcome {
    const id = fromBinary(LeaseRevokeRequestSchema, bytes).ID as LeaseId;
    const { leases } = this.#parts;
    const slot = leases.slotOf(id);
    if (slot < 0) return this.#refused('leaseNotFound');
    const txn = this.#store.begin();
    for (const key of leases.keysOf(slot).sort(compareBytes)) txn.deleteKey(key);
    const revision = txn.end();
    leases.revoke(id);
    return { kind: 'leaseRevoke', revision };
  }

  /** Notes what was left of leases. Before cluster version 3.6 etcd does not write it to disk unless it was told to. */
  #checkpointLeases(bytes: Uint8Array): Outcome {
    const { leases, members, persistCheckpoints = false } = this.#parts;
    const persist = persistCheckpoints || keepsCheckpoints(members.version);
    for (const { ID, remainingTTL } of fromBinary(LeaseCheckpointRequestSchema, bytes).checkpoints) {
      leases.checkpoint(ID as LeaseId, Number(remainingTTL), persist);
    }
    return { kind: 'done', revision: this.revision };
  }

  #alarm(bytes: Uint8Array): Outcome {
    const { action, memberID, alarm } = fromBinary(AlarmRequestSchema, bytes);
    return { kind: 'alarm', revision: this.revision, alarms: this.#alarms.act(action, memberID as MemberId, alarm) };
  }

  #setAttributes(bytes: Uint8Array): Outcome {
    const { memberID, memberAttributes } = fromBinary(ClusterMemberAttrSetRequestSchema, bytes);
    const { name = '', clientUrls = [] } = memberAttributes ?? {};
    return this.#record(this.#parts.members.setAttributes(memberID as MemberId, name, clientUrls));
  }

  #setDowngrade(bytes: Uint8Array): Outcome {
    const { enabled, ver } = fromBinary(DowngradeInfoSetRequestSchema, bytes);
    return this.#record(this.#parts.members.setDowngrade({ enabled, targetVersion: enabled ? ver : '' }));
  }

  #record(records: readonly MembershipRecord[]): Outcome {
    const { values } = this.#store;
    for (const { bucket, key, value } of records) {
      if (value === undefined) values.deleteRecord(bucket, utf8(key));
      else values.setRecord(bucket, utf8(key), value);
    }
    return { kind: 'done', revision: this.revision };
  }
}

/** From 3.6 on. */
function keepsCheckpoints(clusterVersion: string | undefined): boolean {
  const version = parseVersion(clusterVersion ?? '');
  return version !== undefined && compareVersions(version, { major: 3, minor: 6, patch: 0 }) >= 0;
}
