/** gzip for messages that clients compress, with a bound on what may come out. */
import { gunzipSync } from 'node:zlib';
import type { Inflate } from '../wire/grpc/decompression.js';

/** Header and trailer of a gzip member (RFC 1952), which ends with the length of what went into it: `ISIZE`, little-endian. */
const gzipBytesMin = 18;
const gzipMagic = 0x8b1f;
const isizeBytes = 4;
/** How every member begins: what there is of them in a message is found by it. */
const memberHead = Uint8Array.of(0x1f, 0x8b, 8);

const gunzip: Inflate = (bytes, start, end, limitBytes) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, end - start);
  if (end - start < gzipBytesMin || view.getUint16(0, true) !== gzipMagic) return 'malformed';
  const statedBytes = view.getUint32(end - start - isizeBytes, true);
  if (statedBytes > limitBytes) return 'tooLarge';
  const message = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  // A member that brings more than it states is a lie, told when that much has come; of several, only the last has stated it.
  const single = message.indexOf(memberHead, 1) < 0;
  try {
    return gunzipSync(message, { maxOutputLength: single ? Math.max(statedBytes, 1) : limitBytes });
  } catch (error) {
    return isTooLarge(error) ? 'bomb' : 'malformed';
  }
};

function isTooLarge(error: unknown): boolean {
  return error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
}

/** What `createGrpcServer` takes as `inflate`. */
export const inflaters = { gzip: gunzip } as const satisfies Readonly<Record<string, Inflate>>;
