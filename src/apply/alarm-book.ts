/**
 * Alarm book: which members have raised which alarm. Replicated: it changes only as entries are applied.
 *
 * While any member's NOSPACE stands, writes that need space are refused; while any CORRUPT stands, all writes are.
 * An alarm stays until it is disarmed. Records: bucket `alarm`, key an encoded `AlarmMember`, no value, as etcd has them.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { noBytes } from '../base/bytes.js';
import type { MemberId } from '../base/ids.js';
import { AlarmRequest_AlarmAction as AlarmAction, AlarmMemberSchema, AlarmType } from '../gen/etcdserverpb/rpc_pb.js';
import type { ValueStore } from '../mvcc/value-store.js';
import type { Alarm } from './outcome.js';

const bucket = 'alarm';

export class AlarmBook {
  readonly #values: ValueStore;
  #alarms: readonly Alarm[] = [];
  /** Kept beside the list because every write asks. */
  noSpace = false;
  corrupt = false;

  constructor(values: ValueStore) {
    this.#values = values;
    this.restore();
  }

  /** Fills the book from the value store's records. */
  restore(): void {
    const alarms: Alarm[] = [];
    this.#values.scanRecords(bucket, (key) => {
      const { memberID, alarm } = fromBinary(AlarmMemberSchema, key);
      alarms.push({ memberId: memberID as MemberId, alarm });
    });
    this.#alarms = alarms;
    this.#note();
  }

  /** Alarms of one type, or of all types for `AlarmType.NONE`. */
  list(type: number): readonly Alarm[] {
    return type === AlarmType.NONE ? this.#alarms : this.#alarms.filter(({ alarm }) => alarm === type);
  }

  /** One `AlarmRequest`; answers the alarms that it asked for, raised or ended. */
  act(action: AlarmAction, memberId: MemberId, type: number): readonly Alarm[] {
    switch (action) {
      case AlarmAction.GET:
        return this.list(type);
      case AlarmAction.ACTIVATE:
        return this.activate(memberId, type);
      case AlarmAction.DEACTIVATE:
        return this.deactivate(memberId, type);
    }
  }

  /** Raises an alarm; one that stands already is answered as it is. `NONE` raises nothing. */
  activate(memberId: MemberId, type: number): readonly Alarm[] {
    if (type === AlarmType.NONE) return [];
    const raised = { memberId, alarm: type };
    if (this.#at(memberId, type) < 0) {
      this.#alarms = [...this.#alarms, raised];
      this.#values.setRecord(bucket, recordKey(raised), noBytes);
      this.#note();
    }
    return [raised];
  }

  /** Ends an alarm and answers it, or nothing when it did not stand. */
  deactivate(memberId: MemberId, type: number): readonly Alarm[] {
    const at = this.#at(memberId, type);
    if (at < 0) return [];
    const ended = this.#alarms.filter((_, place) => place === at);
    this.#alarms = this.#alarms.filter((_, place) => place !== at);
    for (const alarm of ended) this.#values.deleteRecord(bucket, recordKey(alarm));
    this.#note();
    return ended;
  }

  #at(memberId: MemberId, type: number): number {
    return this.#alarms.findIndex((alarm) => alarm.memberId === memberId && alarm.alarm === type);
  }

  #note(): void {
    this.noSpace = this.#alarms.some(({ alarm }) => alarm === AlarmType.NOSPACE);
    this.corrupt = this.#alarms.some(({ alarm }) => alarm === AlarmType.CORRUPT);
  }
}

function recordKey({ memberId, alarm }: Alarm): Uint8Array {
  return toBinary(AlarmMemberSchema, create(AlarmMemberSchema, { memberID: memberId, alarm }));
}
