/**
 * Sizes of entries, two kinds that must not be mixed up.
 *
 * *Encoded* bytes bound messages and apply batches: the length of the protobuf that etcd would write.
 * *Payload* bytes bound what a leader lets stay uncommitted: the data alone, so that an empty entry is free.
 */
import { entrySize } from '../wire/raftpb/codec.js';
import type { Entry } from '../wire/raftpb/types.js';

export const noLimit = Number.POSITIVE_INFINITY;

export function encodedSizeOf(entries: readonly Entry[]): number {
  let size = 0;
  for (const entry of entries) size += entrySize(entry);
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
    size += entrySize(entries[at] as Entry);
    if (size > maxBytes && at > from) return at - from;
  }
  return to - from;
}
