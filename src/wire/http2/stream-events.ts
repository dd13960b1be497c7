/** What a connection tells the layer above: the life of each stream, and little of its own. */
import type { Bytes } from '../../base/bytes.js';
import type { HeaderBlock } from './hpack-decoder.js';
import type { Stream } from './stream.js';

export interface StreamEvents<S extends Stream> {
  /** A peer opens a stream (server half): its object, before any other event of it. Undefined refuses it. */
  accept(id: number): S | undefined;
  /** Headers, or trailers when `stream` has had headers before. `remoteEnded` follows where they end the stream. */
  headers(stream: S, block: HeaderBlock, ended: boolean): void;
  /** Answered with `granted` for what the user has taken in. */
  data(stream: S, bytes: Bytes, start: number, end: number, ended: boolean): void;
  /** Reset by the peer or by a rule, or the connection is lost. Never after `sentEnd` and the peer's end. */
  aborted(stream: S, code: number): void;
  drained(stream: S): void;
  /** The peer will answer no stream above `lastId` (client half). */
  goneAway(lastId: number, code: number, debug: Bytes): void;
  /** The peer's settings have changed (client half: more streams may be open). */
  settled(): void;
}
