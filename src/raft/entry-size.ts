/**
 * Sizes of entries, two kinds that must not be mixed up.
 *
 * *Encoded* bytes bound messages and apply batches: the length of the protobuf that etcd would write.
 * *Payload* bytes bound what a leader lets stay uncommitted: the data alone, so that an empty entry is free.
 */
import type { Entry } from '../wire/raftpb/types.js';

export const noLimit = Number.POSITIVE_INFINITY;

function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  let size = 5;
  for (let rest = value / 0x8_0000_0000; rest >= 1; rest /= 0x80) size++;
  return size;
}

/** One entry's encoded bytes; fields that hold their default are not written. */
export function encodedSize(entry: Entry): number {
  const length = entry.data.length;
  return (
    2 +
    varintSize(entry.term) +
    varintSize(entry.index) +
    (entry.type === 0 ? 0 : 2) +
    (length === 0 ? 0 : 1 + varintSize(length) + length)
  );
}

export function encodedSizeOf(entries: readonly Entry[]): number {
  let size = 0;
  for (const entry of entries) size += encodedSize(entry);
  return size;
}

export function payloadSizeOf(entries: readonly Entry[]): number {
  let size = 0;
  for (const entry of entries) size += entry.data.length;
  return size;
}

/** How many entries from `from` (and before `to`) fit into `maxBytes`: at least one, if there is any. */
export function countWithin(entries: readonly Entry[], from: number, to: number, maxBytes: number): number {
  if (maxBytes === noLimit || to - from <= 1) return to - from;
  let size = 0;
  for (let at = from; at < to; at++) {
    size += encodedSize(entries[at] as Entry);
    if (size > maxBytes && at > from) return at - from;
  }
  return to - from;
}
