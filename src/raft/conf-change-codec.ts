/**
 * Membership changes as the bytes of an entry: the two protobuf messages that etcd writes there.
 *
 *   ConfChange    1 id, 2 type, 3 node_id, 4 context
 *   ConfChangeV2  1 transition, 2 changes { 1 type, 2 node_id }, 3 context
 */
import { noBytes } from '../base/bytes.js';
import type { MemberId } from '../base/ids.js';
import {
  type ConfChangeSingle,
  type ConfChangeTransition,
  type ConfChangeType,
  type Entry,
  type EntryType,
  entryType,
} from '../wire/raftpb/types.js';
import { type AnyConfChange, isV2 } from './conf-change.js';

/** No change at all encodes to no bytes, which read as the empty change: leave the joint configuration. */
export function encodeConfChange(change: AnyConfChange | undefined): { type: EntryType; data: Uint8Array } {
  if (change === undefined) return { type: entryType.confChangeV2, data: noBytes };
  const bytes: number[] = [];
  if (isV2(change)) {
    putVarint(bytes, 1, BigInt(change.transition));
    for (const { type, nodeId } of change.changes) {
      const single: number[] = [];
      putVarint(single, 1, BigInt(type));
      putVarint(single, 2, nodeId);
      putBytes(bytes, 2, single);
    }
    if (change.context !== undefined) putBytes(bytes, 3, change.context);
    return { type: entryType.confChangeV2, data: Uint8Array.from(bytes) };
  }
  if (change.id !== 0n) putVarint(bytes, 1, change.id);
  putVarint(bytes, 2, BigInt(change.type));
  putVarint(bytes, 3, change.nodeId);
  if (change.context !== undefined) putBytes(bytes, 4, change.context);
  return { type: entryType.confChange, data: Uint8Array.from(bytes) };
}

/** Undefined where the bytes are not a membership change. */
export function decodeConfChange(entry: Entry): AnyConfChange | undefined {
  const fields = readFields(entry.data);
  if (fields === undefined) return undefined;
  if (entry.type === entryType.confChange) {
    return {
      id: fields.number(1),
      type: Number(fields.number(2)) as ConfChangeType,
      nodeId: fields.number(3) as MemberId,
      context: fields.bytes(4),
    };
  }
  const changes: ConfChangeSingle[] = [];
  for (const bytes of fields.repeated(2)) {
    const single = readFields(bytes);
    if (single === undefined) return undefined;
    changes.push({ type: Number(single.number(1)) as ConfChangeType, nodeId: single.number(2) as MemberId });
  }
  return { transition: Number(fields.number(1)) as ConfChangeTransition, changes, context: fields.bytes(3) };
}

function putVarint(bytes: number[], field: number, value: bigint): void {
  bytes.push(field << 3);
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
}

function putBytes(bytes: number[], field: number, value: ArrayLike<number>): void {
  bytes.push((field << 3) | 2);
  let rest = value.length;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  for (let i = 0; i < value.length; i++) bytes.push(value[i] as number);
}

/** The fields of one message; the last one of a number wins, as protobuf wants it. */
class Fields {
  readonly #numbers = new Map<number, bigint>();
  readonly #bytes = new Map<number, Uint8Array[]>();

  add(field: number, value: bigint | Uint8Array): void {
    if (typeof value === 'bigint') this.#numbers.set(field, value);
    else this.#bytes.set(field, [...this.repeated(field), value]);
  }

  number(field: number): bigint {
    return this.#numbers.get(field) ?? 0n;
  }

  repeated(field: number): readonly Uint8Array[] {
    return this.#bytes.get(field) ?? [];
  }

  bytes(field: number): Uint8Array | undefined {
    return this.repeated(field).at(-1);
  }
}

function readFields(bytes: Uint8Array): Fields | undefined {
  const fields = new Fields();
  let at = 0;
  const varint = (): bigint | undefined => {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = bytes[at++];
      if (byte === undefined) return undefined;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    return undefined;
  };
  while (at < bytes.length) {
    const key = varint();
    if (key === undefined) return undefined;
    const field = Number(key >> 3n);
    const value = varint(); // A number, or the length of what follows.
    if (value === undefined) return undefined;
    const wire = key & 7n;
    if (wire === 0n) fields.add(field, value);
    else if (wire === 2n && value <= BigInt(bytes.length - at)) {
      fields.add(field, bytes.subarray(at, at + Number(value)));
      at += Number(value);
    } else return undefined;
  }
  return fields;
}
