/**
 * Whether a database that came from elsewhere can be taken in: read as if it were, and kept nowhere.
 *
 * A member that rested its log on a snapshot whose database it cannot read would never start again.
 */
import { fromBinary } from '@bufbuild/protobuf';
import { type Bytes, equalBytes, text } from '../base/bytes.js';
import { check } from '../base/check.js';
import { idToHex } from '../base/ids.js';
import { decodeMember } from '../cluster/member.js';
import { AlarmMemberSchema } from '../gen/etcdserverpb/rpc_pb.js';
import { decodeLease, leaseBucket } from '../lease/record.js';
import { decodeRevision } from '../mvcc/revision-bytes.js';
import { KeyValue } from '../wire/messages/key-value.js';
import { decodeFailure } from '../wire/proto/failure.js';
import { appliedKey } from './applier.js';
import { decodeConfState } from './conf-state-record.js';
import type { DatabaseSink } from './database-import.js';

export class DatabaseJudge implements DatabaseSink {
  /** The first thing that is wrong with it. */
  fault: string | undefined;
  readonly #index: number;
  readonly #kv = new KeyValue();

  /** `index`: of the snapshot that it came with. */
  constructor(index: number) {
    this.#index = index;
  }

  append(main: number, _sub: number, tombstone: boolean, value: Bytes): void {
    const kv = this.#kv;
    if (kv.decode(value, 0, value.length) !== decodeFailure.none) this.fault ??= `revision ${main} is no KeyValue`;
    // Where a restoring went beyond the newest revision, etcd and we leave an entry without a value.
    else if (!tombstone && value.length > 0 && kv.modRevision !== main)
      this.fault ??= `revision ${main} says that it is ${kv.modRevision}`;
  }

  setRecord(bucket: string, key: Bytes, value: Bytes): void {
    if (bucket === 'meta' && equalBytes(key, appliedKey)) this.#judgePosition(value);
    try {
      readRecord(bucket, key, value);
    } catch (cause) {
      this.fault ??= `a record of ${bucket} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`;
    }
  }

  #judgePosition(value: Bytes): void {
    const applied = value.length === 8 ? new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0) : -1n;
    if (applied < 0n || applied > BigInt(this.#index)) {
      this.fault ??= `its applied index is ${applied}, and that of its snapshot ${this.#index}`;
    }
  }
}

/** Reads a record as whoever holds such records will; it throws where they would. */
function readRecord(bucket: string, keyBytes: Bytes, value: Bytes): void {
  const key = text(keyBytes);
  if (bucket === leaseBucket) decodeLease(value);
  else if (bucket === 'alarm') fromBinary(AlarmMemberSchema, keyBytes);
  else if (bucket === 'members') check(idToHex(decodeMember(value).id) === key, 'it stands under its id');
  else if (bucket === 'members_removed') check(/^[0-9a-f]{1,16}$/.test(key), 'its key is an id');
  else if (bucket === 'meta' && key === 'confState') decodeConfState(value);
  else if (bucket === 'meta' && key.endsWith('CompactRev')) decodeRevision(value);
}
