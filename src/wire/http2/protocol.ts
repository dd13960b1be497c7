/**
 * The numbers of HTTP/2. Source: RFC 9113, sections 6, 7 and 11.
 *
 * A frame on the wire:
 *
 *     +-----------------+--------+---------+---------------+===========+
 *     | length: 24 bits | type 8 | flags 8 | stream id: 31 | payload   |
 *     +-----------------+--------+---------+---------------+===========+
 */
import type { Bytes } from '../../base/bytes.js';

export const frameType = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const;

export const flag = {
  endStream: 0x1,
  ack: 0x1,
  endHeaders: 0x4,
  padded: 0x8,
  priority: 0x20,
} as const;

export const errorCode = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  connectError: 10,
  enhanceYourCalm: 11,
  inadequateSecurity: 12,
  http11Required: 13,
} as const;

export const settingId = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

export const frameHeaderBytes = 9;
/** What every endpoint must accept, and all that this one sends or accepts. */
export const frameBytesMax = 16_384;
export const windowBytesDefault = 65_535;
export const windowBytesMax = 0x7fff_ffff;
export const streamIdMax = 0x7fff_ffff;
export const headerTableBytesDefault = 4096;

/** What a client sends first of all: `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`. */
export const preface: Bytes = Uint8Array.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', (letter) => letter.charCodeAt(0));

export function readUint31(bytes: Bytes, at: number): number {
  return readUint32(bytes, at) & 0x7fff_ffff;
}

export function readUint32(bytes: Bytes, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}

export function writeUint32(bytes: Bytes, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Writes the nine bytes that begin a frame, and answers where its payload begins. `typeAndFlags` is `type << 8 | flags`. */
export function writeFrameHeader(bytes: Bytes, at: number, length: number, typeAndFlags: number, id: number): number {
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = typeAndFlags >>> 8;
  bytes[at + 4] = typeAndFlags;
  bytes[at + 5] = id >>> 24;
  bytes[at + 6] = id >>> 16;
  bytes[at + 7] = id >>> 8;
  bytes[at + 8] = id;
  return at + 9;
}
