/**
 * How clients of a simulated cluster call its members: straight into the services, or over a connection of real bytes, cut at random
 * places and on their way for a while.
 */
import { type Bytes, concatBytes, noBytes } from '../base/bytes.js';
import type { Random } from '../base/random.js';
import type { RecordingCall } from '../rpc/recording-call.js';
import { CallHead, type ClientCall, ClientConnection, type ClientEvents } from '../wire/grpc/client.js';
import type { ServerConnection } from '../wire/grpc/server.js';
import type { GrpcCode } from '../wire/grpc/service.js';
import { ChunkPool } from '../wire/http2/output.js';
import type { SimHost } from './host.js';
import type { Schedule } from './schedule.js';

/** A call, as the client has it. */
export interface SimCall {
  readonly sent: readonly Bytes[];
  readonly ended: boolean;
  readonly status: { readonly code: GrpcCode; readonly text: string } | undefined;
  write(message: Bytes): void;
  cancel(): void;
}

export type Metadata = Readonly<Record<string, string>>;

/** Has a process do something that comes from outside. */
export type Reach = (host: SimHost, act: () => void) => void;

const none: readonly Bytes[] = [];

/** Reaches the process when that is awake. */
export class DirectCall implements SimCall {
  #call: RecordingCall | undefined;
  readonly #act: (act: (call: RecordingCall) => void) => void;

  constructor(host: SimHost, reach: Reach, path: string, metadata: Metadata) {
    this.#act = (act) => reach(host, () => this.#call !== undefined && act(this.#call));
    reach(host, () => {
      this.#call = host.call(path, metadata);
    });
  }

  get sent(): readonly Bytes[] {
    return this.#call?.sent ?? none;
  }

  get ended(): boolean {
    return this.#call?.ended === true;
  }

  get status() {
    return this.#call?.status;
  }

  write(message: Bytes): void {
    this.#act((call) => call.write(message));
  }

  cancel(): void {
    this.#act((call) => call.cancel());
  }
}

export interface WireParts {
  readonly schedule: Schedule;
  readonly random: Random;
  readonly reach: Reach;
  /** The client has been told something. */
  readonly heard: (host: SimHost) => void;
}

/** What a client that is slow to read lets its server send. */
const windowsBytes = [2000, 65_535, 1 << 20];

/** A connection to one process. */
export class ClientWire {
  readonly #host: SimHost;
  readonly #parts: WireParts;
  readonly #client: ClientConnection;
  readonly #server: ServerConnection;
  readonly #heads = new Map<string, CallHead>();
  /** When the last bytes on their way arrive, in either direction. */
  #toServerMs = 0;
  #toClientMs = 0;
  #cut = false;

  constructor(host: SimHost, parts: WireParts) {
    this.#host = host;
    this.#parts = parts;
    const { random, schedule } = parts;
    const limits = { streamWindowBytes: random.pick(windowsBytes) };
    const end = { pool: new ChunkPool(), wake: () => {} };
    this.#client = new ClientConnection({ ...end, nowMs: schedule.nowMs }, limits);
    this.#server = host.grpc.connect({ ...end, peer: '127.0.0.1:1', nowMs: host.clockMs });
  }

  call(path: string, metadata: Metadata): SimCall {
    const head = this.#headOf(path, metadata);
    return new WireCall(this, this.#client, head, this.#host.isUnary(path));
  }

  /** The process has had its turn: what it has to say is on its way. */
  flush(): void {
    const server = this.#server;
    if (this.#cut) return;
    if (server.http2.sender.queuedBytes > 0) server.http2.sender.pump();
    const bytes = taken(server);
    if (bytes.length === 0) return;
    const { schedule } = this.#parts;
    this.#toClientMs = this.#carry(this.#toClientMs, bytes, (chunk) => {
      this.#client.receive(chunk, schedule.nowMs);
      this.sent();
      this.#parts.heard(this.#host);
    });
  }

  /** The client has something to say. */
  sent(): void {
    const bytes = taken(this.#client);
    if (bytes.length === 0) return;
    this.#toServerMs = this.#carry(this.#toServerMs, bytes, (chunk) =>
      this.#parts.reach(this.#host, () => {
        if (!this.#cut) this.#server.receive(chunk, this.#host.clockMs);
      }),
    );
  }

  /** The connection breaks; `told`: the process is still there to hear of it. */
  cut(told: boolean): void {
    if (this.#cut) return;
    this.#cut = true;
    if (told) this.#parts.reach(this.#host, () => this.#server.lost());
    this.#client.lost();
  }

  get isCut(): boolean {
    return this.#cut;
  }

  /** In order, in pieces. Answers when the last of them arrives. */
  #carry(notBeforeMs: number, bytes: Bytes, arrive: (chunk: Bytes) => void): number {
    const { random, schedule } = this.#parts;
    let dueMs = Math.max(notBeforeMs, schedule.nowMs);
    for (let at = 0; at < bytes.length; ) {
      const rest = bytes.length - at;
      const length = random.oneIn(3) ? 1 + random.below(random.oneIn(2) ? Math.min(rest, 12) : rest) : rest;
      const chunk = bytes.slice(at, at + length);
      dueMs += (random.oneIn(60) ? random.below(400_000) : random.below(600)) / 1000;
      schedule.after(dueMs - schedule.nowMs, () => {
        if (!this.#cut) arrive(chunk);
      });
      at += length;
    }
    return dueMs;
  }

  #headOf(path: string, metadata: Metadata): CallHead {
    const names = Object.keys(metadata);
    const key = `${path} ${names.join()}`;
    const known = this.#heads.get(key);
    if (known !== undefined) return known;
    const fields = names.map((name) => ({ name, value: metadata[name] ?? '' }));
    const head = new CallHead(path, 'member:2379', { metadata: fields });
    this.#heads.set(key, head);
    return head;
  }
}

class WireCall implements SimCall {
  readonly sent: Bytes[] = [];
  ended = false;
  status: { code: GrpcCode; text: string } | undefined;
  readonly #wire: ClientWire;
  readonly #call: ClientCall;
  readonly #unary: boolean;

  constructor(wire: ClientWire, client: ClientConnection, head: CallHead, unary: boolean) {
    this.#wire = wire;
    this.#unary = unary;
    const events: ClientEvents = {
      message: (_call, bytes, start, end) => this.sent.push(bytes.slice(start, end)),
      ended: (_call, code, text) => {
        this.ended = true;
        this.status = { code, text };
      },
    };
    this.#call = client.open(head, events);
    if (!unary) wire.sent();
  }

  write(message: Bytes): void {
    this.#call.send(message);
    if (this.#unary) this.#call.halfClose();
    this.#wire.sent();
  }

  cancel(): void {
    this.#call.cancel();
    this.#wire.sent();
  }
}

function taken(end: ClientConnection | ServerConnection): Bytes {
  const chunks = end.takeOutput();
  const bytes = chunks.length === 0 ? noBytes : concatBytes(chunks);
  end.http2.sender.output.written();
  return bytes;
}
