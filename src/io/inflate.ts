/** gzip for messages that clients compress, with a bound on what may come out. */
import { gunzipSync } from 'node:zlib';
import type { Inflate } from '../wire/grpc/server.js';

const gunzip: Inflate = (bytes, start, end, limitBytes) => {
  try {
    return gunzipSync(bytes.subarray(start, end), { maxOutputLength: limitBytes });
  } catch (error) {
    return isTooLarge(error) ? 'tooLarge' : 'malformed';
  }
};

function isTooLarge(error: unknown): boolean {
  return error instanceof RangeError && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
}

/** What `createGrpcServer` takes as `inflate`. */
export const inflaters = { gzip: gunzip } as const satisfies Readonly<Record<string, Inflate>>;
