/**
 * gRPC messages over a stream's data:
 *
 *     +------------+-----------------+=========+
 *     | compressed | length, 32 bits | message |
 *     +------------+-----------------+=========+
 */
import type { Bytes } from '../../base/bytes.js';
import { flag, frameHeaderBytes, frameType, writeFrameHeader, writeUint32 } from '../http2/protocol.js';
import { copyBytes, type Sender } from '../http2/sender.js';
import type { Stream } from '../http2/stream.js';

export const messagePrefixBytes = 5;

/** Writes a prefix for an uncompressed message; answers where the message begins. */
export function writePrefix(bytes: Bytes, at: number, length: number): number {
  bytes[at] = 0;
  writeUint32(bytes, at + 1, length);
  return at + messagePrefixBytes;
}

/** Sends `message[start, end)`: at once if the windows allow, else queued. An owned message is queued without a copy. */
export function sendMessage<S extends Stream>(
  sender: Sender<S>,
  stream: S,
  message: Bytes,
  start: number,
  end: number,
  owned: boolean,
  last: boolean,
): void {
  const length = end - start + messagePrefixBytes;
  if (sender.canSend(stream, length)) {
    const kind = (frameType.data << 8) | (last ? flag.endStream : 0);
    const at = sender.output.reserve(frameHeaderBytes + length);
    const bytes = sender.output.bytes;
    const from = writePrefix(bytes, writeFrameHeader(bytes, at, length, kind, stream.id), end - start);
    copyBytes(bytes, from, message, start, end);
    sender.output.length = from + end - start;
    sender.sent(stream, length);
    return;
  }
  const left = length - sendFrames(sender, stream, message, start, end);
  if (left === 0 && last) sender.end(stream, 'data');
  if (left === 0) return;
  if (left < length) {
    sender.enqueue(stream, owned ? message.subarray(end - left, end) : message.slice(end - left, end));
  } else if (owned && end - start > 1024) {
    const prefix = new Uint8Array(messagePrefixBytes);
    writePrefix(prefix, 0, end - start);
    sender.enqueue(stream, prefix);
    sender.enqueue(stream, message.subarray(start, end));
  } else {
    const copy = new Uint8Array(length);
    copyBytes(copy, writePrefix(copy, 0, end - start), message, start, end);
    sender.enqueue(stream, copy);
  }
  if (last) stream.ending = 'data';
  sender.pumpStream(stream);
}

/**
 * Sends as much of a message as may leave now, frame by frame straight from the caller's bytes, and answers how many bytes that were, the
 * prefix counted: a big answer then costs one copy, into memory that is used again. Never a part of the prefix alone.
 */
function sendFrames<S extends Stream>(
  sender: Sender<S>,
  stream: S,
  message: Bytes,
  start: number,
  end: number,
): number {
  const { output } = sender;
  const length = end - start + messagePrefixBytes;
  let sent = 0;
  for (;;) {
    const frame = Math.min(sender.frameRoom(stream), length - sent);
    if (frame <= messagePrefixBytes && (sent === 0 || frame === 0)) return sent;
    const at = output.reserve(frameHeaderBytes + frame);
    let to = writeFrameHeader(output.bytes, at, frame, frameType.data << 8, stream.id);
    const until = to + frame;
    if (sent === 0) to = writePrefix(output.bytes, to, end - start);
    const from = sent === 0 ? start : start + sent - messagePrefixBytes;
    copyBytes(output.bytes, to, message, from, from + until - to);
    output.length = until;
    sender.sent(stream, frame);
    sent += frame;
  }
}
