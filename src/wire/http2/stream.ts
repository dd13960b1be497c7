/** One stream of a connection: its windows, which sides have ended it, and the bytes that wait for the peer's window. */
import type { Bytes } from '../../base/bytes.js';
import type { RepeatedBlock } from './hpack-encoder.js';

export class Stream {
  /** What we may still send. Negative after the peer has shrunk its initial window. */
  sendWindow = 0;
  /** What the peer may still send. */
  receiveWindow = 0;
  /** Bytes taken in that the peer has not been granted again. */
  owedBytes = 0;
  /** We have sent END_STREAM or RST_STREAM. */
  localClosed = false;
  /** The peer has. */
  remoteClosed = false;
  /** Neither side has anything to say any more; the connection no longer knows the stream. */
  gone = false;

  /** Whole chunks that wait; the first is sent up to `queueOffset`. */
  queue: Bytes[] = noChunks;
  queueOffset = 0;
  queuedBytes = 0;
  /** What ends the stream once the queue is empty: trailers, or a flag on the last data. */
  ending: RepeatedBlock | 'data' | undefined = undefined;
  /** Its user was told that it is not writable, and waits to hear that it is. */
  drainWanted = false;
  /** When it last sent something, while bytes wait. */
  waitingSinceMs = 0;

  /** RFC 9113, 8.1.1: what `content-length` promised, or -1. */
  contentLength = -1;
  openedMs = 0;

  /** 0 until a client that must wait for its turn may open it. */
  id: number;

  constructor(id: number) {
    this.id = id;
  }
}

/** Shared by every stream with nothing queued; never written to. */
const noChunks: Bytes[] = [];

/** Forgets what waits. */
export function dropQueue(stream: Stream): void {
  stream.queue = noChunks;
  stream.queueOffset = 0;
  stream.queuedBytes = 0;
  stream.ending = undefined;
}

/** A queue of the stream's own, to push to. */
export function ownQueue(stream: Stream): Bytes[] {
  if (stream.queue === noChunks) stream.queue = [];
  return stream.queue;
}
