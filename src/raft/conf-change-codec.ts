/** Membership changes as entries of the log. */
import { noBytes } from '../base/bytes.js';
import {
  decodeConfChange as decodeV1,
  decodeConfChangeV2 as decodeV2,
  encodeConfChange as encodeV1,
  encodeConfChangeV2 as encodeV2,
} from '../wire/raftpb/codec-conf-change.js';
import { type Entry, type EntryType, entryType } from '../wire/raftpb/types.js';
import { type AnyConfChange, isV2 } from './conf-change.js';

/** No change at all becomes no bytes, which read as the empty change: leave the joint configuration. No size limit refuses it. */
export function encodeConfChange(change: AnyConfChange | undefined): { type: EntryType; data: Uint8Array } {
  if (change === undefined) return { type: entryType.confChangeV2, data: noBytes };
  if (isV2(change)) return { type: entryType.confChangeV2, data: encodeV2(change) };
  return { type: entryType.confChange, data: encodeV1(change) };
}

/** Undefined where the bytes are not a membership change. */
export function decodeConfChange({ type, data }: Entry): AnyConfChange | undefined {
  const decoded = type === entryType.confChange ? decodeV1(data, 0, data.length) : decodeV2(data, 0, data.length);
  return typeof decoded === 'object' ? decoded : undefined;
}
