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
  if (owned && end - start > 1024) {
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
