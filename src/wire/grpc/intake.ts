/**
 * Messages in, either half of gRPC: a stream's data cut into messages, gathered where they come in pieces, held while
 * their reader is paused, and the window opened again as they are taken.
 *
 * A message over the stream's window needs a loan of window to come whole. A connection lends no more than
 * `loanBytesMax` at a time; streams that must wait for theirs do so in order.
 *
 * Invariant: `heldBytes` is the sum over all inboxes; the loaned bytes are the sum over all streams that are `lent`.
 */
import type { Bytes } from '../../base/bytes.js';
import type { Connection } from '../http2/connection.js';
import { readUint32 } from '../http2/protocol.js';
import { Stream } from '../http2/stream.js';
import { Inbox } from './inbox.js';
import { messagePrefixBytes } from './messages.js';

/** A stream that carries messages. */
export class MessageStream extends Stream {
  /** Its user has heard the last of it. */
  ended = false;
  /** Data that is no whole message yet, or that a paused reader has not taken; undefined when there is none. */
  inbox: Inbox | undefined = undefined;
  paused = false;
  /** Messages are being handed on: a `resume` from within must not begin a second round. */
  reading = false;
  /** Window granted beyond the usual, so that a large message can come whole. */
  loanBytes = 0;
  /** It has been granted; until then the stream waits in line. */
  lent = false;
  /** Its user takes large messages as they come: see `MessageSink.part`. */
  inParts = false;
  /** What is still to come of a message that is handed on in parts. */
  partBytesLeft = 0;
}

/** A message of which more than this is still to come is handed on in parts, where its user wants that. */
const heldBytesMax = 65_536;

export interface IntakeLimits {
  readonly messageBytesMax: number;
  readonly loanBytesMax: number;
}

/** Who takes the messages. */
export interface MessageSink<S extends MessageStream> {
  message(stream: S, format: number, bytes: Bytes, start: number, end: number): void;
  /** What has come of a large message, which is not held; `stream.partBytesLeft` follow. Only for streams `inParts`. */
  part?(stream: S, bytes: Bytes, start: number, end: number): void;
  /** A prefix promised more than may be; to be answered by the stream's end. */
  tooLarge(stream: S, length: number): void;
}

export class Intake<S extends MessageStream> {
  heldBytes = 0;
  #loanedBytes = 0;
  #borrowers: S[] = [];

  constructor(
    readonly http2: Connection<S>,
    readonly limits: IntakeLimits,
    readonly sink: MessageSink<S>,
  ) {}

  data(stream: S, bytes: Bytes, start: number, end: number): void {
    if (stream.paused || stream.inbox !== undefined) {
      this.#hold(stream, bytes, start, end);
      if (!stream.paused) this.#readInbox(stream);
      return;
    }
    const used = this.#read(stream, bytes, start, end);
    if (used === end) return;
    this.#hold(stream, bytes, used, end);
    if (!stream.paused) this.#borrow(stream);
  }

  /** The stream's reader takes messages again. */
  resume(stream: S): void {
    if (!stream.reading) this.#readInbox(stream);
  }

  /** The stream has ended: nothing of it is kept. */
  drop(stream: S): void {
    if (stream.inbox !== undefined) this.heldBytes -= stream.inbox.length;
    stream.inbox = undefined;
    this.#repay(stream);
  }

  /** Hands on all whole messages; answers where the first unfinished one begins. */
  #read(stream: S, bytes: Bytes, start: number, end: number): number {
    let at = start;
    stream.reading = true;
    while (!stream.ended && !stream.paused && at < end) {
      if (stream.partBytesLeft > 0) {
        at = this.#readPart(stream, bytes, at, end);
        continue;
      }
      if (end - at < messagePrefixBytes) break;
      const length = readUint32(bytes, at + 1);
      if (length > this.limits.messageBytesMax) {
        this.sink.tooLarge(stream, length);
        break;
      }
      const from = at + messagePrefixBytes;
      const format = bytes[at] as number;
      if (length > end - from) {
        if (!stream.inParts || format !== 0 || length - (end - from) <= heldBytesMax) break;
        stream.partBytesLeft = length;
        this.#granted(stream, messagePrefixBytes);
        at = from;
        continue;
      }
      at = from + length;
      this.#granted(stream, messagePrefixBytes + length);
      this.sink.message(stream, format, bytes, from, at);
    }
    stream.reading = false;
    return stream.ended ? end : at;
  }

  #readPart(stream: S, bytes: Bytes, at: number, end: number): number {
    const until = Math.min(end, at + stream.partBytesLeft);
    stream.partBytesLeft -= until - at;
    this.#granted(stream, until - at);
    this.sink.part?.(stream, bytes, at, until);
    return until;
  }

  #readInbox(stream: S): void {
    const { inbox } = stream;
    if (inbox === undefined) return;
    const used = this.#read(stream, inbox.bytes, 0, inbox.length);
    if (stream.inbox === undefined) return; // The stream has ended, and what it held is gone.
    this.heldBytes -= used;
    inbox.drop(used);
    if (inbox.length === 0) stream.inbox = undefined;
    else if (!stream.paused) this.#borrow(stream);
  }

  #hold(stream: S, bytes: Bytes, start: number, end: number): void {
    if (start === end) return;
    stream.inbox ??= new Inbox();
    stream.inbox.add(bytes, start, end);
    this.heldBytes += end - start;
  }

  /** Gives window back for bytes taken, but for what was only lent. */
  #granted(stream: S, length: number): void {
    if (stream.remoteClosed) return;
    const lent = Math.min(stream.loanBytes, length);
    this.#repay(stream);
    this.http2.granted(stream, length - lent);
  }

  #borrow(stream: S): void {
    const { inbox } = stream;
    if (inbox === undefined || stream.loanBytes > 0 || stream.remoteClosed) return;
    const missing = inbox.wholeLength() - inbox.length - stream.receiveWindow;
    if (missing <= 0) return;
    stream.loanBytes = missing;
    this.#borrowers.push(stream);
    this.#lend();
  }

  #lend(): void {
    while (this.#borrowers.length > 0) {
      const stream = this.#borrowers[0] as S;
      const fits = this.#loanedBytes === 0 || this.#loanedBytes + stream.loanBytes <= this.limits.loanBytesMax;
      if (!fits) return;
      this.#borrowers.shift();
      stream.lent = true;
      this.#loanedBytes += stream.loanBytes;
      this.http2.grantOwed(stream, stream.loanBytes);
    }
  }

  #repay(stream: S): void {
    if (stream.loanBytes === 0) return;
    if (stream.lent) this.#loanedBytes -= stream.loanBytes;
    else this.#borrowers.splice(this.#borrowers.indexOf(stream), 1);
    stream.lent = false;
    stream.loanBytes = 0;
    this.#lend();
  }
}
