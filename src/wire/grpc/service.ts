/**
 * gRPC as a service sees it: calls that bring messages in and take messages and one status out.
 *
 * The transport (`server.ts`) implements `Call`; the services in `rpc/` implement `Method`. Nothing here waits:
 * a method may answer in the same turn or in a later one, and asks `writable` before it sends more than one message.
 */
import type { Bytes } from '../../base/bytes.js';

/** The numeric codes of gRPC. Source: grpc/grpc `doc/statuscodes.md`. */
export const grpcCode = {
  ok: 0,
  canceled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;
export type GrpcCode = (typeof grpcCode)[keyof typeof grpcCode];

export interface Call {
  /** `/etcdserverpb.KV/Put` */
  readonly path: string;
  /** Monotonic milliseconds on the transport's clock after which the client no longer waits; `Infinity` without a deadline. */
  readonly deadlineMs: number;
  /** On the same clock, when the connection's newest bytes were read: while a message is handed on, those that ended it. */
  readonly receivedMs: number;
  /** `127.0.0.1:51312`, or a socket's path. */
  readonly peer: string;
  /** The common name of the client's certificate, where the port verifies one: etcd takes it for a user's name. */
  readonly commonName?: string | undefined;
  /** True once the call has ended, from whichever side. Sending on an ended call does nothing. */
  readonly ended: boolean;
  /** False while more is queued for this call than its share; `Method.drained` says when it is true again. */
  readonly writable: boolean;
  /** Bytes queued for this call that flow control has not let out yet. */
  readonly queuedBytes: number;
  /** Where the method keeps what it knows of this call; the transport never looks at it. */
  state: unknown;

  /** The first value of a request header, by lower-case name; a `-bin` value as the client sent it. */
  metadata(name: string): string | undefined;

  /** One answer and status OK, in one go: the whole of a unary answer. Copies `message[start, end)` before it returns. */
  reply(message: Bytes, start?: number, end?: number): void;
  /** One message of a stream. Copies `message[start, end)` before it returns, unless `owned`: then it keeps the bytes. */
  send(message: Bytes, start?: number, end?: number, owned?: boolean): void;
  /**
   * A message too big to be in memory whole: its length first, then its bytes, part by part, in as many turns as it takes.
   * What is begun must be brought to its length, or the call be failed.
   */
  beginMessage(lengthBytes: number): void;
  /** Memory for a part, to be filled and sent; its content is whatever it was. */
  takePart(): Bytes;
  /** The next part of the message begun; keeps the bytes, which the caller no longer touches. */
  sendPart(part: Bytes): void;
  /** Ends the call with status OK. */
  end(): void;
  /** Ends the call with a status other than OK; what was sent before still goes out first. */
  fail(code: GrpcCode, text: string): void;

  /** Stops reading this call's messages (the client's window closes) until `resume`. */
  pause(): void;
  resume(): void;
}

/** One method of a service. All calls of a method share this object; what differs is in `call.state`. */
export interface Method {
  /** Unary and server-streaming methods get exactly one message; any other number is refused by the transport. */
  readonly kind: 'unary' | 'serverStream' | 'clientStream' | 'bidi';
  /** Streaming methods: the headers have come. */
  open?(call: Call): void;
  /** One whole, decompressed message in `bytes[start, end)`. The bytes are the transport's: copy what must outlive this call of the function. */
  message(call: Call, bytes: Bytes, start: number, end: number): void;
  /** The client will send no more. */
  halfClosed?(call: Call): void;
  /** The client canceled, its deadline passed or its connection is gone. The call is already ended. */
  canceled?(call: Call): void;
  /** `call.writable` has become true again. */
  drained?(call: Call): void;
}

/** Every method the server has, by its full path. */
export type Services = ReadonlyMap<string, Method>;
