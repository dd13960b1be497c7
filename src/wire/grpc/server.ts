/**
 * gRPC over HTTP/2, server half.
 *
 *     const server = createGrpcServer(services, { inflate });
 *     const connection = server.connect({ peer, pool, nowMs, wake });
 *     connection.receive(chunk, nowMs);            // calls methods, which reply into the output
 *     for (const bytes of connection.takeOutput()) socket.write(bytes);
 *
 * `io/listener.ts` does this for real sockets. `wake` is called when there is output after there was none.
 *
 * A call's life: headers (`#begin`: find the method, or refuse at once) -> messages, in place where they lie whole in a
 * chunk -> `reply`, or `send` and `end`, or `fail`. A unary reply is one piece of output: headers, message and trailers
 * from blocks encoded once for the connection.
 */
import { type Bytes, noBytes } from '../../base/bytes.js';
import { ClientCounters, type MethodCounters } from '../../base/counters.js';
import { Connection } from '../http2/connection.js';
import type { HeaderBlock } from '../http2/hpack-decoder.js';
import { type Header, RepeatedBlock } from '../http2/hpack-encoder.js';
import { type ConnectionLimits, connectionDefaults } from '../http2/limits.js';
import { type ChunkPool, chunkBytes } from '../http2/output.js';
import { errorCode, flag, frameHeaderBytes, frameType, writeFrameHeader } from '../http2/protocol.js';
import { copyBytes } from '../http2/sender.js';
import type { StreamEvents } from '../http2/stream-events.js';
import { decompress, type Inflate } from './decompression.js';
import { Intake, type IntakeLimits, type MessageSink } from './intake.js';
import { messagePrefixBytes, sendMessage, writePrefix } from './messages.js';
import { PlainExchange, type PlainHandler } from './plain.js';
import { grpcContentType, type Refusal, Registry } from './request-head.js';
import { ServerCall } from './server-call.js';
import { type GrpcCode, grpcCode, type Services } from './service.js';
import { type SlowCallOptions, SlowCalls } from './slow-calls.js';
import { encodeStatusText } from './status.js';

export interface GrpcLimits extends ConnectionLimits, IntakeLimits {
  /** Unfinished messages, or answers that wait, in one connection's memory before further calls are refused. */
  readonly heldBytesMax: number;
  /** The same in the memory of all connections together; those that hold no more than `heldShareBytes` are served still. */
  readonly heldTotalBytesMax: number;
  readonly heldShareBytes: number;
}

export const grpcDefaults: GrpcLimits = {
  ...connectionDefaults,
  /** etcd's `max-request-bytes` and 512 KiB. */
  messageBytesMax: 2_097_152,
  loanBytesMax: 67_108_864,
  heldBytesMax: 268_435_456,
  heldTotalBytesMax: 536_870_912,
  heldShareBytes: 1_048_576,
};

export interface GrpcServerOptions extends Partial<GrpcLimits> {
  /** Answers requests that are not gRPC; without it they are refused as grpc-go does, with status 415. */
  readonly plain?: PlainHandler;
  /** By the name in `grpc-encoding`; without an entry a compression is refused. */
  readonly inflate?: Readonly<Record<string, Inflate>>;
  /** By path: where calls and messages are counted. */
  readonly counters?: ReadonlyMap<string, MethodCounters>;
  /** Where bytes of messages and versions of clients are counted. */
  readonly traffic?: ClientCounters;
  /** With it, whole calls are timed. */
  readonly clock?: () => number;
  /** With it, unary calls that take long are told of. */
  readonly slow?: SlowCallOptions;
}

/** What a connection is told of the outside. */
export interface ConnectionHost {
  /** `127.0.0.1:51312`, or a socket's path. */
  readonly peer: string;
  /** Of the client's verified certificate. */
  readonly commonName?: string;
  readonly pool: ChunkPool;
  readonly nowMs: number;
  /** There is output, after there was none. */
  readonly wake: () => void;
}

export interface GrpcServer {
  readonly limits: GrpcLimits;
  connect(host: ConnectionHost): ServerConnection;
}

export function createGrpcServer(services: Services, options: GrpcServerOptions = {}): GrpcServer {
  const { inflate = {}, plain, clock, traffic = new ClientCounters(), ...others } = options;
  const { counters = new Map<string, MethodCounters>(), slow: slowOptions, ...given } = others;
  const slow = slowOptions === undefined ? undefined : new SlowCalls(slowOptions);
  const limits: GrpcLimits = { ...grpcDefaults, ...given };
  const registry = new Registry(services, (encoding) => Object.hasOwn(inflate, encoding), counters, traffic);
  const parts = { registry, inflate, plain, traffic, clock, slow, held: { bytes: 0 } };
  return { limits, connect: (host) => new ServerConnection(parts, limits, host) };
}

/** What all connections of a server share. */
interface ServerParts {
  readonly registry: Registry;
  readonly inflate: Readonly<Record<string, Inflate>>;
  readonly plain: PlainHandler | undefined;
  readonly traffic: ClientCounters;
  readonly clock: (() => number) | undefined;
  readonly slow: SlowCalls | undefined;
  /** Of all connections together, as each last reported its own. */
  readonly held: { bytes: number };
}

/** No gRPC library sends a message longer than this, whatever its prefix says. */
const sendableBytesMax = 0x7fff_ffff;
/** What such a prefix costs its sender, in calls given up. */
const lyingPrefixResets = 20;
/** A message that is only too long: an application's mistake, which must not cost the other calls of its connection. */
const overlongResets = 2;

const statusOk: Header = { name: ':status', value: '200' };

export class ServerConnection implements StreamEvents<ServerCall>, MessageSink<ServerCall> {
  readonly http2: Connection<ServerCall>;
  readonly peer: string;
  readonly commonName: string | undefined;
  readonly #registry: Registry;
  readonly #inflate: Readonly<Record<string, Inflate>>;
  readonly #plain: PlainHandler | undefined;
  readonly #traffic: ClientCounters;
  readonly #clock: (() => number) | undefined;
  readonly #slow: SlowCalls | undefined;
  readonly #held: { bytes: number };
  /** This connection's part of it. */
  #reportedBytes = 0;
  readonly #limits: GrpcLimits;
  readonly #intake: Intake<ServerCall>;
  readonly #okHeaders: RepeatedBlock;
  readonly #okTrailers: RepeatedBlock;
  /** No call's deadline is earlier. */
  #deadlineMs = Number.POSITIVE_INFINITY;

  constructor(parts: ServerParts, limits: GrpcLimits, host: ConnectionHost) {
    this.#registry = parts.registry;
    this.#inflate = parts.inflate;
    this.#plain = parts.plain;
    this.#held = parts.held;
    this.#traffic = parts.traffic;
    this.#clock = parts.clock;
    this.#slow = parts.slow;
    this.#limits = limits;
    this.peer = host.peer;
    this.commonName = host.commonName;
    this.http2 = new Connection('server', limits, this, host);
    this.#intake = new Intake(this.http2, limits, this);
    const { encoder } = this.http2.sender;
    this.#okHeaders = new RepeatedBlock(encoder, [statusOk, { name: 'content-type', value: grpcContentType }]);
    this.#okTrailers = new RepeatedBlock(encoder, [{ name: 'grpc-status', value: '0' }]);
  }

  receive(chunk: Bytes, nowMs: number): void {
    if (this.#slow !== undefined) this.#slow.seenMs = nowMs;
    this.http2.receive(chunk, nowMs);
  }

  takeOutput(): Bytes[] {
    return this.http2.sender.output.take();
  }

  /** To be called a few times a second; deadlines are as exact as that. */
  tick(nowMs: number): void {
    if (this.#slow !== undefined) this.#slow.seenMs = nowMs;
    this.http2.tick(nowMs);
    this.#reportHeld();
    if (nowMs >= this.#deadlineMs) this.#passDeadlines(nowMs);
  }

  /** Unfinished messages and untaken data in memory. */
  get heldBytes(): number {
    return this.#intake.heldBytes;
  }

  // Calls begin

  accept(id: number): ServerCall | undefined {
    return this.#overloaded() ? undefined : new ServerCall(id, this);
  }

  /** Too much waits in memory for, or because of, this client: further calls are refused, which gRPC clients repeat later. */
  #overloaded(): boolean {
    const { heldBytesMax, heldTotalBytesMax, heldShareBytes } = this.#limits;
    const bytes = this.#reportHeld();
    return bytes > heldBytesMax || (bytes > heldShareBytes && this.#held.bytes > heldTotalBytesMax);
  }

  /** Adds to the server's sum what has changed since the last time; answers what this connection holds. */
  #reportHeld(): number {
    const bytes = this.#intake.heldBytes + this.http2.sender.queuedBytes;
    this.#held.bytes += bytes - this.#reportedBytes;
    this.#reportedBytes = bytes;
    return bytes;
  }

  headers(call: ServerCall, block: HeaderBlock, ended: boolean): void {
    if (call.head === undefined) this.#begin(call, block);
    if (ended) this.#finishInput(call);
  }

  #begin(call: ServerCall, block: HeaderBlock) {
    const head = this.#registry.headOf(block);
    call.head = head;
    call.path = head.path;
    if (head.plain && this.#plain !== undefined) {
      call.plain = new PlainExchange(this, call);
      return this.#plain.request(call.plain);
    }
    if (head.refusal !== undefined) return this.#refuse(call, head.contentType, head.refusal);
    call.method = head.method;
    call.counters = head.counters;
    call.counters.started++;
    head.requests.count++;
    call.beganMs = this.http2.nowMs;
    if (head.timeoutMs !== Number.POSITIVE_INFINITY) {
      call.deadlineMs = this.http2.nowMs + head.timeoutMs;
      if (call.deadlineMs < this.#deadlineMs) this.#deadlineMs = call.deadlineMs;
    }
    if (head.method?.open !== undefined) head.method.open(call);
  }

  #refuse(call: ServerCall, contentType: string, refusal: Refusal): void {
    const headers: Header[] = [
      { name: ':status', value: String(refusal.httpStatus), index: 'passing' },
      { name: 'content-type', value: contentType },
      { name: 'grpc-status', value: String(refusal.code), index: 'passing' },
      { name: 'grpc-message', value: encodeStatusText(refusal.text), index: 'passing' },
    ];
    const accepted = Object.keys(this.#inflate).join(',');
    if (refusal.acceptEncoding && accepted !== '') {
      headers.push({ name: 'grpc-accept-encoding', value: accepted, index: 'passing' });
    }
    this.#ended(call, refusal.code);
    this.http2.sender.end(call, new RepeatedBlock(this.http2.sender.encoder, headers));
  }

  // Messages in

  data(call: ServerCall, bytes: Bytes, start: number, end: number, ended: boolean): void {
    if (call.ended) return;
    if (call.plain !== undefined) {
      this.http2.granted(call, end - start);
      this.#plain?.data(call.plain, bytes, start, end);
    } else this.#intake.data(call, bytes, start, end);
    if (ended) this.#finishInput(call);
  }

  tooLarge(call: ServerCall, length: number): void {
    const text = `grpc: received message larger than max (${length} vs. ${this.#limits.messageBytesMax})`;
    this.fail(call, grpcCode.resourceExhausted, text);
    this.http2.spend(length > sendableBytesMax ? lyingPrefixResets : overlongResets);
  }

  message(call: ServerCall, format: number, bytes: Bytes, start: number, end: number) {
    if (format === 0) return this.#deliver(call, bytes, start, end);
    if (format !== 1) {
      return this.fail(call, grpcCode.internal, `grpc: received unexpected payload format ${format}`);
    }
    const inflate = this.#inflate[call.head?.encoding ?? ''];
    const undone = decompress(inflate, bytes, start, end, this.#limits.messageBytesMax);
    if (undone.message === undefined) this.fail(call, undone.code, undone.text);
    if (undone.resets > 0) this.http2.spend(undone.resets);
    if (undone.message !== undefined) this.#deliver(call, undone.message, 0, undone.message.length);
  }

  #deliver(call: ServerCall, bytes: Bytes, start: number, end: number) {
    const { method } = call;
    if (method === undefined || call.ended) return;
    call.messages++;
    call.counters.received++;
    this.#traffic.receivedBytes += end - start;
    switch (method.kind) {
      case 'unary':
        // As grpc-go: the first message is the request, whatever follows it.
        if (call.messages === 1) {
          call.requestBytes = end - start;
          method.message(call, bytes, start, end);
        }
        return;
      case 'serverStream':
        if (call.messages > 1) return this.fail(call, grpcCode.internal, manyMessages);
        call.only = bytes.slice(start, end);
        this.#intake.heldBytes += call.only.length;
        return;
      case 'clientStream':
      case 'bidi':
        return method.message(call, bytes, start, end);
    }
  }

  /** The client has ended its side, and all of its messages have been handed on. */
  #finishInput(call: ServerCall) {
    const { method, plain } = call;
    if (call.paused || call.ended || call.inputFinished) return;
    call.inputFinished = true;
    if (plain !== undefined) return this.#plain?.requestEnded(plain);
    if (method === undefined) return;
    // As grpc-go: a prefix cut short is as good as none.
    if (call.inbox !== undefined && call.inbox.length >= messagePrefixBytes) {
      return this.fail(call, method.kind === 'unary' ? grpcCode.unknown : grpcCode.internal, 'unexpected EOF');
    }
    switch (method.kind) {
      case 'unary':
        if (call.messages === 0) this.fail(call, grpcCode.unknown, 'EOF');
        return;
      case 'serverStream': {
        if (call.messages === 0) return this.fail(call, grpcCode.internal, noMessage);
        const only = call.only;
        this.#intake.heldBytes -= only.length;
        call.only = noBytes;
        return method.message(call, only, 0, only.length);
      }
      case 'clientStream':
      case 'bidi':
        return method.halfClosed?.(call);
    }
  }

  resume(call: ServerCall): void {
    this.#intake.resume(call);
    if (call.remoteClosed) this.#finishInput(call);
  }

  // Answers out

  /** The whole of a unary answer; where the windows allow, in one piece. */
  reply(call: ServerCall, message: Bytes, start: number, end: number) {
    this.#slow?.ended(call, message, start, end);
    const { sender } = this.http2;
    const length = end - start + messagePrefixBytes;
    if (call.headersSent || !sender.canSend(call, length) || call.head?.contentType !== grpcContentType) {
      this.send(call, message, start, end, false);
      return this.end(call);
    }
    this.#ended(call, grpcCode.ok);
    call.counters.sent++;
    this.#traffic.sentBytes += end - start;
    const headers = this.#okHeaders.bytes();
    this.#append(headers, (frameType.headers << 8) | flag.endHeaders, call.id);
    const at = sender.output.reserve(frameHeaderBytes + length);
    const bytes = sender.output.bytes;
    const from = writePrefix(bytes, writeFrameHeader(bytes, at, length, frameType.data << 8, call.id), end - start);
    copyBytes(bytes, from, message, start, end);
    sender.output.length = from + end - start;
    sender.sent(call, length);
    this.#append(this.#okTrailers.bytes(), (frameType.headers << 8) | flag.endHeaders | flag.endStream, call.id);
    this.http2.endWritten(call);
  }

  #append(block: Bytes, kind: number, id: number): void {
    const { output } = this.http2.sender;
    const at = output.reserve(frameHeaderBytes + block.length);
    const payload = writeFrameHeader(output.bytes, at, block.length, kind, id);
    copyBytes(output.bytes, payload, block, 0, block.length);
    output.length = payload + block.length;
  }

  #sendHeaders(call: ServerCall): void {
    if (call.headersSent) return;
    call.headersSent = true;
    const contentType = call.head?.contentType ?? grpcContentType;
    const { sender } = this.http2;
    const block =
      contentType === grpcContentType
        ? this.#okHeaders.bytes()
        : sender.encoder.encode([statusOk, { name: 'content-type', value: contentType, index: 'passing' }]);
    sender.headers(call.id, block, false);
  }

  send(call: ServerCall, message: Bytes, start: number, end: number, owned: boolean): void {
    this.#sendHeaders(call);
    call.counters.sent++;
    this.#traffic.sentBytes += end - start;
    sendMessage(this.http2.sender, call, message, start, end, owned, false);
  }

  beginMessage(call: ServerCall, length: number): void {
    this.#sendHeaders(call);
    call.counters.sent++;
    this.#traffic.sentBytes += length;
    const prefix = new Uint8Array(messagePrefixBytes);
    writePrefix(prefix, 0, length);
    this.sendPart(call, prefix);
  }

  takePart(): Bytes {
    return this.http2.sender.output.pool.take();
  }

  sendPart(call: ServerCall, part: Bytes): void {
    const { sender } = this.http2;
    if (part.length === chunkBytes && part.buffer.byteLength === chunkBytes) sender.enqueueLent(call, part);
    else sender.enqueue(call, part);
    sender.pumpStream(call);
  }

  end(call: ServerCall): void {
    this.#sendHeaders(call);
    this.#ended(call, grpcCode.ok);
    this.http2.sender.end(call, this.#okTrailers);
  }

  fail(call: ServerCall, code: GrpcCode, text: string): void {
    const { sender } = this.http2;
    const headers: Header[] = [];
    if (!call.headersSent) {
      headers.push(statusOk, { name: 'content-type', value: call.head?.contentType ?? grpcContentType });
    }
    headers.push(
      { name: 'grpc-status', value: String(code), index: 'passing' },
      { name: 'grpc-message', value: encodeStatusText(text), index: 'passing' },
    );
    if (call.method?.kind === 'unary') this.#slow?.ended(call, noBytes, 0, 0);
    this.#ended(call, code);
    sender.end(call, new RepeatedBlock(sender.encoder, headers));
  }

  // Calls end

  /** From here on the method hears no more of the call; what it has queued still goes out. */
  #ended(call: ServerCall, code: GrpcCode): void {
    call.ended = true;
    const { handled } = call.counters;
    handled[code] = (handled[code] as number) + 1;
    if (this.#clock !== undefined && call.method !== undefined) {
      call.counters.handlingSeconds.observe((this.#clock() - call.beganMs) / 1000);
    }
    this.#intake.heldBytes -= call.only.length;
    call.only = noBytes;
    this.#intake.drop(call);
  }

  aborted(call: ServerCall): void {
    if (call.ended) return;
    this.#ended(call, grpcCode.canceled);
    if (call.plain !== undefined) this.#plain?.aborted(call.plain);
    else call.method?.canceled?.(call);
  }

  drained(call: ServerCall) {
    if (call.ended) return;
    if (call.plain !== undefined) this.#plain?.drained?.(call.plain);
    else call.method?.drained?.(call);
  }

  endPlain(call: ServerCall): void {
    this.#ended(call, grpcCode.ok);
    this.http2.sender.end(call, 'data');
  }

  #passDeadlines(nowMs: number): void {
    let next = Number.POSITIVE_INFINITY;
    const late: ServerCall[] = [];
    for (const call of this.http2.all()) {
      if (call.ended) continue;
      if (call.deadlineMs <= nowMs) late.push(call);
      else if (call.deadlineMs < next) next = call.deadlineMs;
    }
    this.#deadlineMs = next;
    for (const call of late) {
      if (call.ended) continue;
      this.fail(call, grpcCode.deadlineExceeded, 'context deadline exceeded');
      call.method?.canceled?.(call);
    }
  }

  goneAway(): void {}

  settled(): void {}

  /** The socket is gone. */
  lost(): void {
    this.http2.lost();
    this.#reportHeld();
  }

  /** Begins a graceful end: calls in flight are served, new ones are not; `http2.finished` says when all is done. */
  drain(): void {
    this.http2.drain('graceful_stop');
  }

  /** Ends at once, telling the client. */
  close(): void {
    this.http2.fail(errorCode.noError, 'server stopped');
  }
}

const noMessage = 'cardinality violation: received no request message from non-client-streaming RPC';
const manyMessages = 'cardinality violation: received multiple request messages for non-client-streaming RPC';
