/**
 * gRPC over HTTP/2, client half: callbacks, and no promise per call.
 *
 *     const connection = new ClientConnection({ pool, nowMs, wake });
 *     const put = new CallHead('/etcdserverpb.KV/Put', '127.0.0.1:2379');
 *     connection.call(put, request, events);                 // unary: one message, and the client's end
 *     const watch = connection.open(watchHead, events);      // streaming: watch.send(...), watch.halfClose()
 *
 * `events.message` comes for each answer, then `events.ended` exactly once. One events object can serve many calls;
 * what differs between them is kept in `call.state`. `io` moves the bytes: see `client/connection.ts`.
 */
import { type Bytes, concatBytes, text } from '../../base/bytes.js';
import { Connection } from '../http2/connection.js';
import type { HeaderBlock } from '../http2/hpack-decoder.js';
import { type Header, RepeatedBlock } from '../http2/hpack-encoder.js';
import { type ConnectionLimits, connectionDefaults } from '../http2/limits.js';
import type { ChunkPool } from '../http2/output.js';
import { errorCode } from '../http2/protocol.js';
import type { StreamEvents } from '../http2/stream-events.js';
import { CallHead, ClientCall, type ClientEvents } from './client-call.js';
import { Intake, type IntakeLimits, type MessageSink } from './intake.js';
import { sendMessage } from './messages.js';
import { ResponseHead, statusOfReset } from './response-head.js';
import { type GrpcCode, grpcCode } from './service.js';
import { encodeTimeout } from './status.js';

export interface ClientLimits extends ConnectionLimits, IntakeLimits {}

export const clientDefaults: ClientLimits = {
  ...connectionDefaults,
  messageBytesMax: 0x7fff_ffff,
  loanBytesMax: Number.POSITIVE_INFINITY,
  streamWindowBytes: 1_048_576,
  keepalive: { ...connectionDefaults.keepalive, intervalMs: Number.POSITIVE_INFINITY },
};

export interface ClientHost {
  readonly pool: ChunkPool;
  readonly nowMs: number;
  /** There is output, after there was none. */
  readonly wake: () => void;
  /** The server takes no more calls: another connection is wanted. */
  readonly goneAway?: (reason: string) => void;
}

export class ClientConnection implements StreamEvents<ClientCall>, MessageSink<ClientCall> {
  readonly http2: Connection<ClientCall>;
  readonly #host: ClientHost;
  readonly #limits: ClientLimits;
  readonly #intake: Intake<ClientCall>;
  readonly #blocks = new Map<CallHead, RepeatedBlock>();
  /** Calls that wait until the server lets another stream be open. */
  #waiting: ClientCall[] = [];
  #deadlineMs = Number.POSITIVE_INFINITY;

  constructor(host: ClientHost, options: Partial<ClientLimits> = {}) {
    this.#host = host;
    this.#limits = { ...clientDefaults, ...options };
    this.http2 = new Connection('client', this.#limits, this, host);
    this.#intake = new Intake(this.http2, this.#limits, this);
  }

  receive(chunk: Bytes, nowMs: number): void {
    this.http2.receive(chunk, nowMs);
  }

  takeOutput(): Bytes[] {
    return this.http2.sender.output.take();
  }

  tick(nowMs: number): void {
    this.http2.tick(nowMs);
    if (nowMs >= this.#deadlineMs) this.#passDeadlines(nowMs);
  }

  /** Calls open or waiting. */
  get calls(): number {
    return this.http2.streams + this.#waiting.length;
  }

  /** Bytes of messages that are not whole yet, or that a paused call has not taken. */
  get heldBytes(): number {
    return this.#intake.heldBytes;
  }

  /** A unary call, or a server-streaming one: `message` is copied. `timeoutMs` 0 is none. */
  call(head: CallHead, message: Bytes, events: ClientEvents, timeoutMs = 0): ClientCall {
    const call = new ClientCall(this, head, events, timeoutMs);
    if (this.#begin(call)) {
      sendMessage(this.http2.sender, call, message, 0, message.length, false, true);
      if (call.queuedBytes === 0) this.#endSent(call);
    } else if (!call.ended) {
      call.early = [message.slice()];
      call.earlyEnd = true;
    }
    return call;
  }

  /** A call that sends as it goes. */
  open(head: CallHead, events: ClientEvents, timeoutMs = 0): ClientCall {
    const call = new ClientCall(this, head, events, timeoutMs);
    this.#begin(call);
    return call;
  }

  /** Opens the call's stream now, if that is allowed now; false if it waits, or has ended at once. */
  #begin(call: ClientCall): boolean {
    const { http2 } = this;
    if (!http2.open) {
      this.#finish(call, grpcCode.unavailable, http2.failure === '' ? 'connection is draining' : http2.failure);
      return false;
    }
    if (call.timeoutMs > 0 && call.deadlineMs === Number.POSITIVE_INFINITY) {
      call.deadlineMs = http2.nowMs + call.timeoutMs;
      if (call.deadlineMs < this.#deadlineMs) this.#deadlineMs = call.deadlineMs;
    }
    if (http2.streams >= http2.peerStreamsMax) {
      this.#waiting.push(call);
      return false;
    }
    call.id = http2.nextId();
    http2.opened(call);
    http2.sender.headers(call.id, this.#block(call), false);
    return true;
  }

  #block(call: ClientCall): Bytes {
    let block = this.#blocks.get(call.head);
    if (block === undefined) {
      block = new RepeatedBlock(this.http2.sender.encoder, call.head.headers);
      this.#blocks.set(call.head, block);
    }
    if (call.timeoutMs === 0) return block.bytes();
    const timeout: Header = { name: 'grpc-timeout', value: encodeTimeout(call.timeoutMs), index: 'passing' };
    return concatBytes([block.bytes(), this.http2.sender.encoder.encode([timeout])]);
  }

  #endSent(call: ClientCall): void {
    if (!call.gone) this.http2.endWritten(call);
  }

  send(call: ClientCall, message: Bytes, start: number, end: number, owned: boolean): void {
    if (call.id === 0) call.early.push(owned ? message.subarray(start, end) : message.slice(start, end));
    else sendMessage(this.http2.sender, call, message, start, end, owned, false);
  }

  halfClose(call: ClientCall): void {
    if (call.id === 0) call.earlyEnd = true;
    else this.http2.sender.end(call, 'data');
  }

  cancel(call: ClientCall): void {
    this.#giveUp(call, grpcCode.canceled, 'context canceled');
  }

  #giveUp(call: ClientCall, code: GrpcCode, reason: string): void {
    if (call.id === 0) this.#waiting = this.#waiting.filter((other) => other !== call);
    else this.http2.reset(call, errorCode.cancel);
    this.#finish(call, code, reason);
  }

  resume(call: ClientCall): void {
    this.#intake.resume(call);
    if (call.remoteClosed) this.#finishInput(call);
  }

  // Answers

  /** Servers open no streams. */
  accept(): undefined {}

  headers(call: ClientCall, block: HeaderBlock, ended: boolean) {
    if (call.ended) return;
    const head = ResponseHead.of(block);
    if (!call.answered) {
      call.answered = true;
      call.headers = block;
      if (head.problem !== undefined) {
        if (!ended) this.http2.reset(call, errorCode.cancel);
        return this.#finish(call, head.problem.code, head.problem.text);
      }
      if (!ended) return;
    }
    call.trailers = block;
    call.status = head;
    this.#finishInput(call);
  }

  data(call: ClientCall, bytes: Bytes, start: number, end: number, ended: boolean) {
    if (call.ended) return;
    this.#intake.data(call, bytes, start, end);
    if (ended) this.#finishInput(call);
  }

  message(call: ClientCall, format: number, bytes: Bytes, start: number, end: number): void {
    if (format === 0) call.events.message(call, bytes, start, end);
    else this.#giveUp(call, grpcCode.internal, `grpc: received unexpected payload format ${format}`);
  }

  part(call: ClientCall, bytes: Bytes, start: number, end: number): void {
    call.events.part?.(call, bytes, start, end);
  }

  tooLarge(call: ClientCall, length: number): void {
    const reason = `grpc: received message larger than max (${length} vs. ${this.#limits.messageBytesMax})`;
    this.#giveUp(call, grpcCode.resourceExhausted, reason);
  }

  /** The server has ended the stream, and all of its messages have been handed on. */
  #finishInput(call: ClientCall) {
    if (call.ended || call.paused) return;
    if (call.inbox !== undefined || call.partBytesLeft > 0) {
      return this.#finish(call, grpcCode.internal, 'unexpected EOF');
    }
    const { status } = call;
    if (status === undefined) {
      return this.#finish(call, grpcCode.internal, 'server closed the stream without sending trailers');
    }
    this.#finish(call, status.code, status.message);
  }

  #finish(call: ClientCall, code: GrpcCode, reason: string): void {
    if (call.ended) return;
    call.ended = true;
    this.#intake.drop(call);
    // The server has said all; what we still had to say is not wanted.
    if (call.id !== 0 && !call.localClosed && call.remoteClosed) this.http2.reset(call, errorCode.cancel);
    call.events.ended(call, code, reason);
    if (this.#waiting.length > 0) this.#beginWaiting();
  }

  aborted(call: ClientCall, code: number): void {
    // The server has said all, and wants no more from us (RFC 9113, 8.1): a paused call takes the rest when it goes on.
    if (code === errorCode.noError && call.status !== undefined && call.paused) return;
    const status = statusOfReset(code);
    if (this.http2.failure === '') this.#finish(call, status.code, status.text);
    else this.#finish(call, grpcCode.unavailable, this.http2.failure);
  }

  drained(call: ClientCall): void {
    if (!call.ended) call.events.drained?.(call);
  }

  #beginWaiting(): void {
    while (this.#waiting.length > 0 && this.http2.open && this.http2.streams < this.http2.peerStreamsMax) {
      const call = this.#waiting.shift() as ClientCall;
      const { early, earlyEnd } = call;
      call.early = [];
      if (!this.#begin(call)) continue;
      for (const message of early) this.send(call, message, 0, message.length, true);
      if (earlyEnd) this.halfClose(call);
    }
  }

  settled(): void {
    this.#beginWaiting();
  }

  goneAway(_lastId: number, code: number, debug: Bytes): void {
    const reason = debug.length === 0 ? `GOAWAY with code ${code}` : text(debug);
    this.#failWaiting(reason);
    this.#host.goneAway?.(reason);
  }

  #failWaiting(reason: string): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const call of waiting) this.#finish(call, grpcCode.unavailable, reason);
  }

  #passDeadlines(nowMs: number): void {
    let next = Number.POSITIVE_INFINITY;
    const late: ClientCall[] = [];
    for (const call of [...this.http2.all(), ...this.#waiting]) {
      if (call.deadlineMs <= nowMs) late.push(call);
      else if (call.deadlineMs < next) next = call.deadlineMs;
    }
    this.#deadlineMs = next;
    for (const call of late)
      if (!call.ended) this.#giveUp(call, grpcCode.deadlineExceeded, 'context deadline exceeded');
  }

  /** The socket is gone. */
  lost(): void {
    this.http2.lost();
    this.#failWaiting(this.http2.failure);
  }

  /** Ends after the calls in flight. */
  drain(): void {
    this.http2.drain('');
    this.#failWaiting('connection is closing');
  }
}

export type { ClientEvents };
export { CallHead, ClientCall };
