/**
 * Answers on a watch stream: header, flags, then events, which are spliced in as the bytes all watchers share.
 */
import type { Bytes } from '../../base/bytes.js';
import type { Int64 } from '../proto/int64.js';
import { bytesFieldSize, int64Size, type Writer } from '../proto/writer.js';
import type { ResponseHeader } from './response-header.js';

const eventsTag = 0x5a;

export type WatchFlags = {
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly compactRevision?: number;
  readonly cancelReason?: string;
};

/** An answer that carries no events: created, canceled, progress. */
export function writeWatchControl(to: Writer, header: ResponseHeader, watchId: Int64, flags: WatchFlags): void {
  header.write(to);
  to.int64Field(0x10, watchId);
  to.boolField(0x18, flags.created ?? false);
  to.boolField(0x20, flags.canceled ?? false);
  to.int64Field(0x28, flags.compactRevision ?? 0);
  to.stringField(0x32, flags.cancelReason ?? '');
}

/** Begins an answer with events; then one `writeWatchEvent` for each. `fragment`: more of the same revision follows. */
export function writeWatchHead(to: Writer, header: ResponseHeader, watchId: Int64, fragment: boolean): void {
  header.write(to);
  to.int64Field(0x10, watchId);
  to.boolField(0x38, fragment);
}

export function writeWatchEvent(to: Writer, event: Bytes): void {
  to.bytesField(eventsTag, event, 0, event.length);
}

/** Bytes that `writeWatchHead` writes. */
export function watchHeadSize(header: ResponseHeader, watchId: Int64, fragment: boolean): number {
  const id = watchId === 0 ? 0 : 1 + int64Size(watchId);
  return header.sizeBytes() + id + (fragment ? 2 : 0);
}

/** Bytes that an event of `length` bytes adds to an answer. */
export const watchEventSize = bytesFieldSize;
