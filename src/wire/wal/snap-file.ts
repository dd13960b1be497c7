/**
 * A `.snap` file: `{ crc = 1, data = 2 }` around an encoded raft snapshot, whose own data is the membership as JSON.
 * The name tells term and index, so that names sort as snapshots do.
 */
import type { Bytes } from '../../base/bytes.js';
import { decodeFailure } from '../proto/failure.js';
import { Reader } from '../proto/reader.js';
import { bytesFieldSize, Writer } from '../proto/writer.js';
import { decodeSnapshot, snapshotSize, writeSnapshot } from '../raftpb/codec-snapshot.js';
import type { Snapshot } from '../raftpb/types.js';
import { type Checksum, hex16 } from './format.js';

export type SnapFile =
  | { readonly ok: true; readonly snapshot: Snapshot }
  | { readonly ok: false; readonly text: string };

export function snapName(term: number, index: number): string {
  return `${hex16(term)}-${hex16(index)}.snap`;
}

/** Name of the database that came with a leader's snapshot. */
export function snapDbName(index: number): string {
  return `${hex16(index)}.snap.db`;
}

/** `undefined` when it is no such name. */
export function parseSnapDbName(name: string): number | undefined {
  const parsed = /^([0-9a-f]{16})\.snap\.db$/.exec(name);
  return parsed === null ? undefined : Number.parseInt(parsed[1] as string, 16);
}

export function encodeSnapFile(snapshot: Snapshot, checksum: Checksum): Bytes {
  const data = new Writer(snapshotSize(snapshot));
  writeSnapshot(data, snapshot);
  const file = new Writer(bytesFieldSize(data.at) + 6);
  file.byte(0x08);
  file.varint(checksum(data.bytes, 0, data.at, 0));
  file.bytesField(0x12, data.bytes, 0, data.at);
  return file.copy();
}

export function decodeSnapFile(bytes: Bytes, length: number, checksum: Checksum): SnapFile {
  const reader = new Reader();
  reader.open(bytes, 0, length);
  let sum = 0;
  let start = 0;
  let end = 0;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag())
    if (tag === 0x08) sum = reader.varint() ? reader.lo : 0;
    else if (tag === 0x12) {
      end = reader.bytesField();
      start = reader.fieldStart;
    } else reader.skip(tag);
  if (reader.failure !== decodeFailure.none) return { ok: false, text: 'proto: cannot parse invalid wire-format data' };
  if (start === end || sum === 0) return { ok: false, text: 'snap: empty snapshot' };
  if (checksum(bytes, start, end, 0) !== sum) return { ok: false, text: 'snap: crc mismatch' };
  const snapshot = decodeSnapshot(bytes, start, end);
  if (typeof snapshot === 'number') return { ok: false, text: 'proto: cannot parse invalid wire-format data' };
  return { ok: true, snapshot: { data: snapshot.data.slice(), metadata: snapshot.metadata } };
}
