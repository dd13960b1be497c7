/** Compressed messages: undone within the limit, at a price where the work came to nothing, or was out of all proportion to what came. */
import type { Bytes } from '../../base/bytes.js';
import { type GrpcCode, grpcCode } from './service.js';

/**
 * Undoes a compression: the message, or why not. No more than `limitBytes` may come out: `tooLarge` when the message itself
 * says that more would, a `bomb` when it says otherwise, and that was found out by the work.
 */
export type Inflate = (
  bytes: Bytes,
  start: number,
  end: number,
  limitBytes: number,
) => Bytes | 'tooLarge' | 'bomb' | 'malformed';

/** What compresses better than this was made to. Text comes to 20 at most, and messages are mostly less. */
const honestRatio = 32;
/** Bytes beyond it that cost as much as a call given up. */
const bytesAReset = 8_192;
/** And what a message costs that would not end at the limit; and one that lied about it, or is no compressed message. */
const tooLargeResets = 200;
const bombResets = 1_000;

/** The message, or how its call ends; `resets` is what either costs its sender, in calls given up. */
export type Decompressed =
  | { readonly message: Bytes; readonly resets: number }
  | { readonly message: undefined; readonly resets: number; readonly code: GrpcCode; readonly text: string };

/** Without `inflate` the call has named no compression. */
export function decompress(
  inflate: Inflate | undefined,
  bytes: Bytes,
  start: number,
  end: number,
  limitBytes: number,
): Decompressed {
  if (inflate === undefined) {
    return refusal(grpcCode.internal, 'grpc: compressed flag set with identity or empty encoding', 0);
  }
  const message = inflate(bytes, start, end, limitBytes);
  if (message === 'malformed') {
    // How far it went well before is not known: it may have been as much work as a bomb.
    return refusal(grpcCode.internal, 'grpc: failed to decompress the message: gzip: invalid header', tooLargeResets);
  }
  if (message === 'tooLarge' || message === 'bomb') {
    const text = `grpc: received message after decompression larger than max ${limitBytes}`;
    return refusal(grpcCode.resourceExhausted, text, message === 'bomb' ? bombResets : tooLargeResets);
  }
  return { message, resets: inflationResets(end - start, message.length) };
}

function refusal(code: GrpcCode, text: string, resets: number): Decompressed {
  return { message: undefined, resets, code, text };
}

/** A few bytes that become megabytes cost us a millisecond: who sends one such message after the other is sent away. */
function inflationResets(fromBytes: number, toBytes: number): number {
  return Math.max(0, Math.floor((toBytes - fromBytes * honestRatio) / bytesAReset));
}
