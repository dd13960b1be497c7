/**
 * One HTTP/2 connection, either half, as a state machine: bytes and time in, bytes and events out.
 *
 *     socket chunk -> receive() -> frames -> StreamEvents (headers, data, remoteEnded, aborted, ...)
 *     sender.headers/enqueue/end ... -> sender.output -> take() once per turn -> socket
 *
 * What the peer gets wrong is answered as RFC 9113, section 5.4 says: a stream error resets the stream, a connection
 * error sends GOAWAY and ends everything. Nothing the peer sends may throw.
 */
import { type Bytes, noBytes, utf8 } from '../../base/bytes.js';
import { Budget } from './budget.js';
import { Forgiven } from './forgiven.js';
import { FrameReader, type FrameSink } from './frame-reader.js';
import { HeaderAssembly } from './header-assembly.js';
import { contentLength, isRequest, isResponse, isTrailers } from './header-rules.js';
import { type HeaderBlock, HpackDecoder } from './hpack-decoder.js';
import type { ConnectionLimits } from './limits.js';
import type { ChunkPool } from './output.js';
import { Pings } from './pings.js';
import {
  errorCode,
  flag,
  frameBytesMax,
  frameHeaderBytes,
  frameType,
  preface,
  readUint31,
  readUint32,
  settingId,
  streamIdMax,
  windowBytesDefault,
  windowBytesMax,
} from './protocol.js';
import { Sender } from './sender.js';
import type { Stream } from './stream.js';
import type { StreamEvents } from './stream-events.js';

/** Frames that bring nothing forward, and young calls given up, that a peer may send. See `Budget`. */
const idleFramesMax = 10_000;
const idleFramesPerSecond = 1_000;
const resetsMax = 2_000;
const resetsPerSecond = 200;
/** A new connection has less to give away, or else whoever is sent away comes back for more. */
const resetsFirst = 500;
/** What a stream that breaks a rule costs of them: no honest client's does. */
const provokedResets = 4;
/** What a header list over the cap costs of them: its fields are read for the sake of the table. */
const longListResets = 200;
/** A call given up later than this has cost its client a wait, and is no flood. */
const youngCallMs = 1_000;
/** grpc-go's ping that asks whether the first GOAWAY has arrived. */
const drainPing = Uint8Array.of(1, 6, 1, 8, 0, 3, 3, 9);
const livenessPing = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0);
const drainPatienceMs = 5_000;

export class Connection<S extends Stream> implements FrameSink {
  readonly sender: Sender<S>;
  nowMs: number;
  /** The peer's SETTINGS_MAX_CONCURRENT_STREAMS (client half). */
  peerStreamsMax = Number.POSITIVE_INFINITY;
  /** Why the connection was given up, for the log. */
  failure = '';

  readonly #streams = new Map<number, S>();
  readonly #decoder: HpackDecoder;
  readonly #pings: Pings;
  readonly #idleFrames: Budget;
  readonly #resets: Budget;
  readonly #server: boolean;

  #state: 'open' | 'draining' | 'failed' = 'open';
  #settingsSeen = false;
  #bornMs: number;

  readonly #reader: FrameReader;
  readonly #assembly: HeaderAssembly;

  #receiveWindow: number;
  /** The highest id the peer has opened, and the highest we have (client half). */
  #remoteIdMax = 0;
  #localIdMax = -1;
  readonly #forgiven = new Forgiven();
  #drainSentMs = -1;
  #lastIdAllowed = streamIdMax;

  constructor(
    role: 'server' | 'client',
    readonly limits: ConnectionLimits,
    readonly events: StreamEvents<S>,
    host: { readonly pool: ChunkPool; readonly nowMs: number; readonly wake: () => void },
  ) {
    this.#server = role === 'server';
    this.nowMs = host.nowMs;
    this.#bornMs = host.nowMs;
    this.#idleFrames = new Budget(idleFramesMax, idleFramesPerSecond, host.nowMs);
    this.#resets = new Budget(resetsMax, resetsPerSecond, host.nowMs, resetsFirst);
    this.#decoder = new HpackDecoder(limits.headerListBytesMax);
    this.#pings = new Pings(limits.keepalive, host.nowMs);
    this.#receiveWindow = limits.connectionWindowBytes;
    this.sender = new Sender(host.pool, host.wake, {
      sentEnd: (stream: S) => this.#sentEnd(stream),
      drained: (stream: S) => events.drained(stream),
    });
    this.#reader = new FrameReader(this, this.#server);
    this.#assembly = new HeaderAssembly(limits.headerListBytesMax);
    this.#begin();
  }

  #begin(): void {
    const { limits, sender } = this;
    const pairs: [number, number][] = [[settingId.maxHeaderListSize, limits.headerListBytesMax]];
    if (!this.#server) {
      sender.output.append(preface);
      pairs.push([settingId.enablePush, 0]);
    } else if (limits.concurrentStreamsMax < 0xffff_ffff) {
      pairs.push([settingId.maxConcurrentStreams, limits.concurrentStreamsMax]);
    }
    if (limits.streamWindowBytes !== windowBytesDefault) {
      pairs.push([settingId.initialWindowSize, limits.streamWindowBytes]);
    }
    sender.settings(pairs);
    if (limits.connectionWindowBytes > windowBytesDefault) {
      sender.windowUpdate(0, limits.connectionWindowBytes - windowBytesDefault);
    }
  }

  /** Streams that live on either side. */
  get streams(): number {
    return this.#streams.size;
  }

  /** For what must look at every stream, as deadlines do. */
  all(): Iterable<S> {
    return this.#streams.values();
  }

  /** Nothing more will be read or begun: once the output is sent, the socket can be closed. */
  get finished(): boolean {
    return this.#state === 'failed' || (this.#state === 'draining' && this.#streams.size === 0);
  }

  get open(): boolean {
    return this.#state === 'open';
  }

  // Bytes in

  receive(chunk: Bytes, nowMs: number): void {
    this.#setNow(nowMs);
    this.#pings.heard(nowMs);
    this.#reader.read(chunk, nowMs);
  }

  #setNow(nowMs: number): void {
    this.nowMs = nowMs;
    this.sender.nowMs = nowMs;
  }

  unreadable(what: 'preface' | 'size'): void {
    if (what === 'size') this.fail(errorCode.frameSizeError, 'frame too large');
    else this.fail(errorCode.protocolError, 'bogus greeting');
  }

  frame(bytes: Bytes, start: number, end: number): boolean {
    this.#frame(bytes, start, end);
    return this.#state !== 'failed';
  }

  #frame(bytes: Bytes, start: number, end: number) {
    const type = bytes[start + 3] as number;
    const flags = bytes[start + 4] as number;
    const id = readUint31(bytes, start + 5);
    const at = start + frameHeaderBytes;
    const continued = this.#assembly.id;
    if (continued !== 0 && (type !== frameType.continuation || id !== continued)) {
      return this.fail(errorCode.protocolError, 'a header block was cut off');
    }
    if (!this.#settingsSeen && (type !== frameType.settings || (flags & flag.ack) !== 0)) {
      return this.fail(errorCode.protocolError, 'the first frame must be SETTINGS');
    }
    switch (type) {
      case frameType.data:
        return this.#data(bytes, at, end, flags, id);
      case frameType.headers:
        return this.#headers(bytes, at, end, flags, id);
      case frameType.priority:
        return this.#priority(bytes, at, end, id);
      case frameType.rstStream:
        return this.#rstStream(bytes, at, end, id);
      case frameType.settings:
        return this.#settings(bytes, at, end, flags, id);
      case frameType.pushPromise:
        return this.fail(errorCode.protocolError, 'push is off');
      case frameType.ping:
        return this.#ping(bytes, at, end, flags, id);
      case frameType.goAway:
        return this.#goAway(bytes, at, end, id);
      case frameType.windowUpdate:
        return this.#windowUpdate(bytes, at, end, id);
      case frameType.continuation:
        return this.#continuation(bytes, at, end, flags, id);
      default:
        // RFC 9113, 4.1: unknown frames are ignored.
        return this.#spendIdle(1);
    }
  }

  /** Pays for a frame that brings nothing forward. A client has chosen its server, and does not count. */
  #spendIdle(tokens: number): void {
    if (!this.#server) return;
    const { sender } = this;
    if (sender.dataFrames > 0) {
      this.#idleFrames.earn(sender.dataFrames * 3);
      sender.dataFrames = 0;
    }
    if (!this.#idleFrames.spend(this.nowMs, tokens)) this.fail(errorCode.enhanceYourCalm, 'too_many_frames');
  }

  // Frames of streams

  #data(bytes: Bytes, from: number, frameEnd: number, flags: number, id: number) {
    let at = from;
    let end = frameEnd;
    if (id === 0) return this.fail(errorCode.protocolError, 'DATA on stream 0');
    if ((flags & flag.padded) !== 0) {
      const padding = at < end ? (bytes[at] as number) : 0;
      if (padding + 1 > end - at) return this.fail(errorCode.protocolError, 'padding longer than its frame');
      at++;
      end -= padding;
    }
    const cost = frameEnd - from;
    if (!this.#takeConnectionWindow(cost)) return;
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.remoteClosed) return this.#lateData(stream, id);
    stream.receiveWindow -= cost;
    if (stream.receiveWindow < 0) return this.#streamError(id, errorCode.flowControlError);
    const ended = (flags & flag.endStream) !== 0;
    if (at === end && !ended) this.#spendIdle(1);
    if (stream.contentLength >= 0) {
      stream.contentLength -= end - at;
      if (stream.contentLength < 0 || (ended && stream.contentLength !== 0)) {
        return this.#streamError(id, errorCode.protocolError);
      }
    }
    if (cost > end - at) this.granted(stream, cost - (end - at));
    if (ended) stream.remoteClosed = true;
    this.events.data(stream, bytes, at, end, ended);
    if (ended) this.#settle(stream);
  }

  /** Takes data against the connection's window, and opens it again when half is used: it never waits for a stream. */
  #takeConnectionWindow(cost: number): boolean {
    this.#receiveWindow -= cost;
    if (this.#receiveWindow < 0) {
      this.fail(errorCode.flowControlError, 'connection window exceeded');
      return false;
    }
    const owed = this.limits.connectionWindowBytes - this.#receiveWindow;
    if (owed * 2 >= this.limits.connectionWindowBytes) {
      this.sender.windowUpdate(0, owed);
      this.#receiveWindow += owed;
    }
    return true;
  }

  #lateData(stream: S | undefined, id: number) {
    if (stream === undefined) {
      if (this.#isIdle(id)) return this.fail(errorCode.protocolError, 'DATA on an idle stream');
      if (this.#forgiven.has(id)) return this.#spendIdle(1);
    }
    this.#streamError(id, errorCode.streamClosed);
  }

  #headers(bytes: Bytes, from: number, frameEnd: number, flags: number, id: number) {
    let at = from;
    let end = frameEnd;
    if (id === 0 || (this.#server && (id & 1) === 0)) return this.fail(errorCode.protocolError, 'illegal stream id');
    if ((flags & flag.padded) !== 0) {
      const padding = at < end ? (bytes[at] as number) : 0;
      if (padding + 1 > end - at) return this.fail(errorCode.protocolError, 'padding longer than its frame');
      at++;
      end -= padding;
    }
    let selfDependent = false;
    if ((flags & flag.priority) !== 0) {
      if (end - at < 5) return this.fail(errorCode.frameSizeError, 'HEADERS too short');
      selfDependent = readUint31(bytes, at) === id;
      at += 5;
    }
    const ends = (flags & flag.endStream) !== 0;
    if ((flags & flag.endHeaders) === 0) {
      this.#assembly.begin(id, ends, this.nowMs);
      return this.#collect(bytes, at, end);
    }
    this.#wholeBlock(bytes, at, end, id, ends);
    if (selfDependent) this.#streamError(id, errorCode.protocolError);
  }

  #continuation(bytes: Bytes, at: number, end: number, flags: number, id: number) {
    if (this.#assembly.id === 0) return this.fail(errorCode.protocolError, 'CONTINUATION of nothing');
    this.#collect(bytes, at, end);
    if ((flags & flag.endHeaders) === 0 || this.#state === 'failed') return;
    const { length, ends } = this.#assembly;
    this.#wholeBlock(this.#assembly.finish(), 0, length, id, ends);
  }

  #collect(bytes: Bytes, at: number, end: number): void {
    const outcome = this.#assembly.add(bytes, at, end);
    if (outcome === 'tooMany') this.fail(errorCode.enhanceYourCalm, 'too_many_continuations');
    else if (outcome === 'tooLarge') this.fail(errorCode.enhanceYourCalm, 'header block too large');
  }

  #wholeBlock(bytes: Bytes, at: number, end: number, id: number, ends: boolean) {
    const block = this.#decoder.decode(bytes, at, end);
    if (block === undefined) return this.fail(errorCode.compressionError, 'header block not well formed');
    if (block.boundless) return this.fail(errorCode.enhanceYourCalm, 'header list too large');
    const stream = this.#streams.get(id);
    if (stream !== undefined) return this.#moreHeaders(stream, block, ends);
    if (!this.#server || id <= this.#remoteIdMax) return this.#lateHeaders(id);
    this.#remoteIdMax = id;
    this.#open(id, block, ends);
  }

  #open(id: number, block: HeaderBlock, ends: boolean) {
    if (block.tooLarge) {
      this.#streamError(id, errorCode.frameSizeError);
      return this.spend(longListResets);
    }
    if (!isKnownRequest(block)) return this.#streamError(id, errorCode.protocolError);
    if (id > this.#lastIdAllowed || this.#streams.size >= this.limits.concurrentStreamsMax) {
      return this.#streamError(id, errorCode.refusedStream);
    }
    const stream = this.events.accept(id);
    if (stream === undefined) return this.#streamError(id, errorCode.refusedStream);
    if (ends && block.contentLength > 0) return this.#streamError(id, errorCode.protocolError);
    stream.contentLength = block.contentLength;
    stream.openedMs = this.nowMs;
    stream.sendWindow = this.sender.initialWindow;
    stream.receiveWindow = this.limits.streamWindowBytes;
    stream.remoteClosed = ends;
    this.#streams.set(id, stream);
    this.events.headers(stream, block, ends);
    if (ends) this.#settle(stream);
  }

  /** Response headers, or trailers. */
  #moreHeaders(stream: S, block: HeaderBlock, ends: boolean) {
    if (stream.remoteClosed) return this.#streamError(stream.id, errorCode.streamClosed);
    const wellFormed = this.#server ? ends && isTrailers(block) : isResponse(block) || (ends && isTrailers(block));
    if (!wellFormed || block.tooLarge) return this.#streamError(stream.id, errorCode.protocolError);
    if (ends && stream.contentLength > 0 && this.#server) return this.#streamError(stream.id, errorCode.protocolError);
    if (ends) stream.remoteClosed = true;
    this.events.headers(stream, block, ends);
    if (ends) this.#settle(stream);
  }

  #lateHeaders(id: number) {
    if (this.#forgiven.has(id)) return this.#spendIdle(1);
    if (this.#isIdle(id)) return this.fail(errorCode.protocolError, 'HEADERS on an idle stream');
    this.fail(errorCode.streamClosed, 'HEADERS on a closed stream');
  }

  #priority(bytes: Bytes, at: number, end: number, id: number) {
    if (id === 0) return this.fail(errorCode.protocolError, 'PRIORITY on stream 0');
    this.#spendIdle(1);
    if (end - at !== 5) return this.#streamError(id, errorCode.frameSizeError);
    if (readUint31(bytes, at) === id) this.#streamError(id, errorCode.protocolError);
  }

  #rstStream(bytes: Bytes, at: number, end: number, id: number) {
    if (id === 0) return this.fail(errorCode.protocolError, 'RST_STREAM on stream 0');
    if (end - at !== 4) return this.fail(errorCode.frameSizeError, 'RST_STREAM of a wrong size');
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      if (this.#isIdle(id)) return this.fail(errorCode.protocolError, 'RST_STREAM on an idle stream');
      return this.#spendIdle(1);
    }
    this.#abort(stream, readUint32(bytes, at));
    this.#spendReset(stream, 1);
  }

  /** A call given up while young, by the peer or by its provocation: CVE-2023-44487 and CVE-2025-8671. */
  #spendReset(stream: S | undefined, tokens: number): void {
    if (stream !== undefined && this.nowMs - stream.openedMs >= youngCallMs) return;
    this.spend(tokens);
  }

  /** Charges the peer for work that it made us do, and that came to nothing. */
  spend(tokens: number): void {
    if (!this.#server || this.#state === 'failed') return;
    if (!this.#resets.spend(this.nowMs, tokens)) this.fail(errorCode.enhanceYourCalm, 'too_many_resets');
  }

  #windowUpdate(bytes: Bytes, at: number, end: number, id: number) {
    if (end - at !== 4) return this.fail(errorCode.frameSizeError, 'WINDOW_UPDATE of a wrong size');
    this.#spendIdle(1);
    const increment = readUint31(bytes, at);
    if (id === 0) {
      if (increment === 0) return this.fail(errorCode.protocolError, 'WINDOW_UPDATE of 0');
      if (!this.sender.grantConnection(increment)) this.fail(errorCode.flowControlError, 'window too large');
      return;
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      if (this.#isIdle(id)) this.fail(errorCode.protocolError, 'WINDOW_UPDATE on an idle stream');
      return;
    }
    if (increment === 0) return this.#streamError(id, errorCode.protocolError);
    if (!this.sender.grantStream(stream, increment)) this.#streamError(id, errorCode.flowControlError);
  }

  // Frames of the connection

  #settings(bytes: Bytes, from: number, end: number, flags: number, id: number) {
    if (id !== 0) return this.fail(errorCode.protocolError, 'SETTINGS on a stream');
    if ((flags & flag.ack) !== 0) {
      if (end !== from) this.fail(errorCode.frameSizeError, 'SETTINGS acknowledged with a payload');
      else this.#spendIdle(1);
      return;
    }
    if ((end - from) % 6 !== 0) return this.fail(errorCode.frameSizeError, 'SETTINGS of a wrong size');
    this.#settingsSeen = true;
    this.#spendIdle(4 + (end - from) / 6);
    for (let at = from; at < end && this.#state !== 'failed'; at += 6) {
      this.#setting(((bytes[at] as number) << 8) | (bytes[at + 1] as number), readUint32(bytes, at + 2));
    }
    if (this.#state === 'failed') return;
    this.sender.settingsAck();
    this.sender.pump();
    this.events.settled();
  }

  #setting(id: number, value: number) {
    switch (id) {
      case settingId.headerTableSize:
        return this.sender.encoder.limitTable(value);
      case settingId.enablePush:
        if (value > 1) this.fail(errorCode.protocolError, 'ENABLE_PUSH must be 0 or 1');
        return;
      case settingId.maxConcurrentStreams:
        this.peerStreamsMax = value;
        return;
      case settingId.initialWindowSize:
        if (value > windowBytesMax) return this.fail(errorCode.flowControlError, 'initial window too large');
        return this.#moveWindows(value);
      case settingId.maxFrameSize:
        // Frames of ours are never larger than the least that a peer may ask for.
        if (value < frameBytesMax || value > 0xff_ffff)
          this.fail(errorCode.protocolError, 'MAX_FRAME_SIZE out of range');
        return;
      default:
    }
  }

  /** RFC 9113, 6.9.2: a new initial window moves all streams' windows by the difference, even below zero. */
  #moveWindows(value: number) {
    const by = value - this.sender.initialWindow;
    this.sender.initialWindow = value;
    for (const stream of this.#streams.values()) {
      stream.sendWindow += by;
      if (stream.sendWindow > windowBytesMax) return this.fail(errorCode.flowControlError, 'window too large');
    }
  }

  #ping(bytes: Bytes, at: number, end: number, flags: number, id: number) {
    if (id !== 0) return this.fail(errorCode.protocolError, 'PING on a stream');
    if (end - at !== 8) return this.fail(errorCode.frameSizeError, 'PING of a wrong size');
    this.#spendIdle(1);
    if ((flags & flag.ack) !== 0) {
      if (this.#drainSentMs >= 0 && drainPing.every((byte, i) => byte === bytes[at + i])) this.#drainConfirmed();
      return;
    }
    if (this.#state === 'failed') return;
    this.sender.ping(bytes, at, true);
    if (!this.#server) return;
    const calm = this.#pings.received(this.nowMs, this.sender.sentSincePing, this.#streams.size);
    this.sender.sentSincePing = false;
    if (!calm) this.fail(errorCode.enhanceYourCalm, 'too_many_pings');
  }

  #goAway(bytes: Bytes, at: number, end: number, id: number) {
    if (id !== 0) return this.fail(errorCode.protocolError, 'GOAWAY on a stream');
    if (end - at < 8) return this.fail(errorCode.frameSizeError, 'GOAWAY too short');
    this.#spendIdle(1);
    if (this.#server) return;
    const lastId = readUint31(bytes, at);
    this.#state = 'draining';
    this.events.goneAway(lastId, readUint32(bytes, at + 4), bytes.slice(at + 8, end));
    for (const stream of this.#streams.values()) if (stream.id > lastId) this.#abort(stream, errorCode.refusedStream);
  }

  // Streams' ends

  /** An id that nobody has opened yet. */
  #isIdle(id: number): boolean {
    if (this.#server) return (id & 1) === 0 || id > this.#remoteIdMax;
    return (id & 1) === 0 || id > this.#localIdMax;
  }

  /** The peer has broken a rule on one stream. */
  #streamError(id: number, code: number): void {
    if (this.#state === 'failed') return;
    const stream = this.#streams.get(id);
    this.sender.reset(id, code);
    this.#forgiven.add(id);
    if (stream !== undefined) this.#abort(stream, code);
    this.#spendReset(stream, code === errorCode.refusedStream ? 1 : provokedResets);
  }

  #abort(stream: S, code: number): void {
    stream.remoteClosed = true;
    stream.localClosed = true;
    this.#settle(stream);
    this.events.aborted(stream, code);
  }

  /** Ends a stream from our side, whatever state it is in; its user hears no more of it. */
  reset(stream: S, code: number): void {
    if (stream.gone) return;
    this.sender.reset(stream.id, code);
    this.#forgiven.add(stream.id);
    stream.remoteClosed = true;
    stream.localClosed = true;
    this.#settle(stream);
  }

  #sentEnd(stream: S) {
    // RFC 9113, 8.1: a server that has answered in full tells a client that is still sending to stop.
    if (this.#server && !stream.remoteClosed) return this.reset(stream, errorCode.noError);
    this.#settle(stream);
    this.#resets.earn(1);
  }

  /** Marks our side as ended by a frame that the caller wrote itself. */
  endWritten(stream: S): void {
    stream.localClosed = true;
    this.#sentEnd(stream);
  }

  #settle(stream: S): void {
    if (!stream.localClosed || !stream.remoteClosed || stream.gone) return;
    stream.gone = true;
    this.sender.drop(stream);
    this.#streams.delete(stream.id);
  }

  /** The user has taken in `length` bytes of a stream: the peer may send as many again, told in parcels of half a window. */
  granted(stream: S, length: number): void {
    stream.owedBytes += length;
    if (stream.owedBytes * 2 >= this.limits.streamWindowBytes) this.grantOwed(stream, 0);
  }

  /** Grants what is owed, and `extra` beyond the usual window. */
  grantOwed(stream: S, extra: number): void {
    const increment = stream.owedBytes + extra;
    if (increment <= 0 || stream.remoteClosed || this.#state === 'failed') return;
    stream.owedBytes = 0;
    stream.receiveWindow += increment;
    this.sender.windowUpdate(stream.id, increment);
  }

  // The client half's streams

  /** The id of the next stream to open, or 0 when this connection may open none. */
  nextId(): number {
    if (this.#state !== 'open' || this.#localIdMax + 2 > streamIdMax) return 0;
    this.#localIdMax += 2;
    return this.#localIdMax;
  }

  /** Makes a stream of ours known; its headers have been or will at once be written. */
  opened(stream: S): void {
    stream.sendWindow = this.sender.initialWindow;
    stream.receiveWindow = this.limits.streamWindowBytes;
    stream.openedMs = this.nowMs;
    this.#streams.set(stream.id, stream);
  }

  // The connection's end

  /** A connection error: tells the peer, and ends every stream. */
  fail(code: number, reason: string): void {
    if (this.#state === 'failed') return;
    this.#state = 'failed';
    this.failure = reason;
    this.sender.goAway(this.#remoteIdMax, code, utf8(reason));
    this.#abortAll(code);
  }

  /** The socket is gone: nothing can be said any more. */
  lost(): void {
    this.#state = 'failed';
    if (this.failure === '') this.failure = 'connection lost';
    this.#abortAll(errorCode.cancel);
    this.sender.output.clear();
  }

  #abortAll(code: number): void {
    for (const stream of this.#streams.values()) this.#abort(stream, code);
    this.#reader.end();
    this.#assembly.finish();
  }

  /**
   * Begins a graceful end, as grpc-go does: a GOAWAY that still allows every id, and a ping; when that is answered the
   * client has surely seen it, and a second GOAWAY names the last stream that will be served.
   */
  drain(reason: string): void {
    if (this.#state !== 'open' || this.#drainSentMs >= 0) return;
    this.#drainSentMs = this.nowMs;
    if (!this.#server) {
      this.#state = 'draining';
      return;
    }
    this.sender.goAway(streamIdMax, errorCode.noError, utf8(reason));
    this.sender.ping(drainPing, 0, false);
  }

  #drainConfirmed(): void {
    if (this.#state !== 'open') return;
    this.#state = 'draining';
    this.#lastIdAllowed = this.#remoteIdMax;
    this.sender.goAway(this.#remoteIdMax, errorCode.noError, noBytes);
  }

  /** Time has passed. To be called a few times a second. */
  tick(nowMs: number) {
    this.#setNow(nowMs);
    if (this.#state === 'failed') return;
    const { limits } = this;
    if (!this.#settingsSeen && nowMs - this.#bornMs >= limits.handshakeTimeoutMs) {
      return this.fail(errorCode.settingsTimeout, 'no preface in time');
    }
    const unfinishedMs = this.#assembly.id === 0 ? 0 : nowMs - this.#assembly.sinceMs;
    if (Math.max(unfinishedMs, this.#reader.incompleteMs(nowMs)) >= limits.handshakeTimeoutMs) {
      return this.fail(errorCode.enhanceYourCalm, 'headers too slow');
    }
    if (this.#drainSentMs >= 0 && nowMs - this.#drainSentMs >= drainPatienceMs) this.#drainConfirmed();
    const due = this.#pings.due(nowMs);
    if (due === 'ask') this.sender.ping(livenessPing, 0, false);
    else if (due === 'dead') this.fail(errorCode.noError, 'keepalive ping not acked in time');
    this.#resetStalled();
  }

  /** A finished reply that the peer's window has held up for too long is memory that nobody wants. */
  #resetStalled(): void {
    if (this.sender.queuedBytes === 0) return;
    for (const stream of this.sender.waiting()) {
      if (stream.ending === undefined || this.nowMs - stream.waitingSinceMs < this.limits.stalledReplyMs) continue;
      this.reset(stream, errorCode.cancel);
    }
  }
}

/** Whether the block opens a request; found out once, for a block that comes again is the same object. */
function isKnownRequest(block: HeaderBlock): boolean {
  if (block.checked) return true;
  if (!isRequest(block)) return false;
  const length = contentLength(block);
  if (length === undefined) return false;
  block.contentLength = length;
  block.checked = true;
  return true;
}
