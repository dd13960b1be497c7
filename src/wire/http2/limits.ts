/** What a connection allows its peer, and how patient it is. */
import { type KeepaliveLimits, keepaliveDefaults } from './pings.js';
import { windowBytesDefault } from './protocol.js';

export interface ConnectionLimits {
  /** Calls a client may have open at once; `Infinity`: as many as it likes. */
  readonly concurrentStreamsMax: number;
  /** RFC 9113, 6.5.2: of one header list, uncompressed. A header block on the wire may be no longer either. */
  readonly headerListBytesMax: number;
  /** What each stream may send before it is granted more. */
  readonly streamWindowBytes: number;
  readonly connectionWindowBytes: number;
  /** From the first byte to the end of the preface, and from a header block's first byte to its last. */
  readonly handshakeTimeoutMs: number;
  /** A finished reply of which nothing could be sent for so long is given up, and so is a socket that took nothing. */
  readonly stalledReplyMs: number;
  readonly keepalive: KeepaliveLimits;
}

export const connectionDefaults: ConnectionLimits = {
  concurrentStreamsMax: Number.POSITIVE_INFINITY,
  headerListBytesMax: 65_536,
  streamWindowBytes: windowBytesDefault,
  connectionWindowBytes: 16_777_216,
  handshakeTimeoutMs: 10_000,
  stalledReplyMs: 60_000,
  keepalive: keepaliveDefaults,
};
