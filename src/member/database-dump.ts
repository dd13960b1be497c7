/**
 * A member's whole state as one file in bbolt's format, as it was at one applied index, made piece by piece while writes go on.
 * It is what a follower too far behind is sent, and what `Maintenance.Snapshot` streams.
 */
import type { Bytes } from '../base/bytes.js';
import type { ConfState } from '../wire/raftpb/types.js';

export interface DatabaseDump {
  /** Where the state stood when the dump began. */
  readonly index: number;
  readonly term: number;
  readonly revision: number;
  readonly confState: ConfState;
  /** Plans the file in slices of about `bytes` of values; true once it is planned, and `sizeBytes` is known. */
  plan(bytes: number): boolean;
  /** The length of the file. */
  readonly sizeBytes: number;
  /** The next piece, about `bytes` long; undefined when all has been given. */
  next(bytes: number): Bytes | undefined;
  /** Ends it, at any time: what was kept for it may go. Called once by whoever began it. */
  close(): void;
}
