/**
 * Listening sockets of a server, for HTTP/2 and HTTP/1.1 on the same port: the first bytes decide.
 *
 *     const listener = new Listener({ grpc: createGrpcServer(services), http1: http.createServer(handler) });
 *     listener.onTurnEnd(() => member.flush());      // before the replies of this turn are written
 *     await listener.listen('http://127.0.0.1:2379');
 *     ...
 *     await listener.close(5_000);
 *
 * Replies may be given at any time; all that one turn of the event loop brings to a connection leaves in one write.
 */
import type { Server as Http1Server } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { createServer as createTlsServer, TLSSocket, type TlsOptions } from 'node:tls';
import type { GrpcServer } from '../wire/grpc/server.js';
import type { ServerCall } from '../wire/grpc/server-call.js';
import { ChunkPool } from '../wire/http2/output.js';
import { preface } from '../wire/http2/protocol.js';
import { ListenError, type ListenPlace, listenPlace, removeStaleSocket, resolvePlace } from './listen-place.js';
import { MachineSocket } from './sockets.js';
import { Turn } from './turn.js';

export interface ListenerOptions {
  /** Serves the connections that begin with the HTTP/2 preface. Without it, all are HTTP/1.1. */
  readonly grpc?: GrpcServer;
  /** Takes the other connections, by its `connection` event; it need not listen itself. Without it, all are HTTP/2. */
  readonly http1?: Http1Server;
  /** With it the listener speaks TLS. */
  readonly tls?: TlsOptions;
  /** How long a connection may take to show what it speaks. */
  readonly handshakeTimeoutMs?: number;
  /** Connections are taken, and nothing is answered, until `release`: a server that listens before it is ready. */
  readonly held?: boolean;
  /** Shared with other listeners, where the members of one process should end their turns together. */
  readonly turn?: Turn;
}

/** Go's listeners probe idle connections every 15 seconds, too. */
const socketOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 } as const;
const tickMs = 25;
/** `PRI `: no HTTP/1.1 method of that name is left. */
const decisiveBytes = 4;

export class Listener {
  readonly #options: ListenerOptions;
  readonly #turn: Turn;
  readonly #pool = new ChunkPool();
  readonly #servers = new Set<Server>();
  readonly #undecided = new Map<Socket, number>();
  readonly #sockets = new Set<MachineSocket<ServerCall>>();
  readonly #http1Sockets = new Set<Socket>();
  #held: Socket[] | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#turn = options.turn ?? new Turn();
    if (options.held === true) this.#held = [];
  }

  /** Serves what was held, and from now on whoever comes. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const socket of held) if (!socket.destroyed) this.#accept(socket);
  }

  /** The clock of every `Call.deadlineMs`. */
  nowMs = (): number => performance.now();

  /** `ender` runs at the end of every turn, before replies are written. */
  onTurnEnd(ender: () => void): void {
    this.#turn.onEnd(ender);
  }

  /** Connections open now, of either kind. */
  get connections(): number {
    return this.#sockets.size + this.#http1Sockets.size + this.#undecided.size;
  }

  /** Bytes of answers that wait in memory because clients do not take them. */
  get queuedBytes(): number {
    let bytes = 0;
    for (const { machine, socket } of this.#sockets)
      bytes += (machine?.http2.sender.queuedBytes ?? 0) + socket.writableLength;
    return bytes;
  }

  /** Listens at `http://host:port`, `https://host:port`, `unix://path` or `unixs://path`; fails with Go's text. */
  async listen(url: string): Promise<ListenPlace> {
    const place = await resolvePlace(listenPlace(url));
    removeStaleSocket(place);
    const { tls } = this.#options;
    const accept = (socket: Socket) => {
      if (this.#held === undefined) return this.#accept(socket);
      socket.on('error', () => socket.destroy());
      this.#held.push(socket);
    };
    const server =
      tls === undefined
        ? createServer(socketOptions, accept)
        : createTlsServer({ ...socketOptions, ALPNProtocols: ['h2', 'http/1.1'], ...tls }, accept);
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(new ListenError(place, error)));
      server.listen(place.path === '' ? { host: place.host, port: place.port } : { path: place.path }, resolve);
    });
    server.removeAllListeners('error');
    server.on('error', () => {}); // An accept that failed (out of descriptors, say) concerns that connection alone.
    this.#servers.add(server);
    if (this.#timer === undefined) {
      this.#timer = setInterval(() => this.#tick(), tickMs).unref();
      // What makes node:http watch its connections for slow requests; it never listens itself.
      this.#options.http1?.emit('listening');
    }
    const address = server.address();
    return address !== null && typeof address === 'object' ? { ...place, port: address.port } : place;
  }

  #accept(socket: Socket) {
    const { grpc, http1 } = this.#options;
    const acceptedMs = this.nowMs();
    if (http1 === undefined) return this.#serveHttp2(socket, acceptedMs);
    if (grpc === undefined) return this.#serveHttp1(socket);
    this.#undecided.set(socket, acceptedMs);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#undecided.delete(socket));
    let first: Buffer = Buffer.alloc(0);
    const sniff = (chunk: Buffer) => {
      first = first.length === 0 ? chunk : Buffer.concat([first, chunk]);
      const matches = first
        .subarray(0, decisiveBytes)
        .equals(preface.subarray(0, Math.min(first.length, decisiveBytes)));
      if (matches && first.length < decisiveBytes) return;
      socket.off('data', sniff);
      socket.pause();
      this.#undecided.delete(socket);
      if (matches) this.#serveHttp2(socket, acceptedMs);
      else this.#serveHttp1(socket);
      socket.unshift(first);
      socket.resume();
    };
    socket.on('data', sniff);
  }

  #serveHttp1(socket: Socket): void {
    this.#http1Sockets.add(socket);
    socket.on('close', () => this.#http1Sockets.delete(socket));
    this.#options.http1?.emit('connection', socket);
  }

  /** The peer's time to say its preface began when it was accepted. */
  #serveHttp2(socket: Socket, acceptedMs: number): void {
    const { grpc } = this.#options;
    if (grpc === undefined) return;
    const held = new MachineSocket<ServerCall>(socket, this.#turn, this.nowMs, () => this.#sockets.delete(held));
    const machine = grpc.connect({
      peer: socket.remoteAddress === undefined ? '@' : hostPort(socket.remoteAddress, socket.remotePort ?? 0),
      pool: this.#pool,
      ...(socket instanceof TLSSocket && commonNameOf(socket)),
      nowMs: acceptedMs,
      wake: () => this.#turn.markDirty(held),
    });
    this.#sockets.add(held);
    held.attach(machine);
  }

  #tick(): void {
    const nowMs = this.nowMs();
    for (const socket of this.#sockets) socket.tick(nowMs);
    const timeoutMs = this.#options.handshakeTimeoutMs ?? 10_000;
    for (const [socket, sinceMs] of this.#undecided) if (nowMs - sinceMs >= timeoutMs) socket.destroy();
  }

  /**
   * Ends: no new connections at once, calls in flight are served for up to `graceMs`, then everything is cut.
   * The HTTP/1.1 server's own requests get the same time.
   */
  async close(graceMs: number): Promise<void> {
    for (const server of this.#servers) server.close();
    this.#servers.clear();
    for (const socket of this.#held ?? []) socket.destroy();
    for (const socket of this.#undecided.keys()) socket.destroy();
    for (const { machine } of this.#sockets) machine?.http2.drain('graceful_stop');
    this.#options.http1?.close(() => {}); // It closes idle connections at once.
    const untilMs = this.nowMs() + graceMs;
    while (this.connections > 0 && this.nowMs() < untilMs) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const { socket } of this.#sockets) socket.destroy();
    for (const socket of this.#http1Sockets) socket.destroy();
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** Whose certificate this is, where the listener asked for one and found it good. */
function commonNameOf(socket: TLSSocket): { commonName: string } | undefined {
  const name = socket.authorized ? socket.getPeerCertificate().subject?.CN : undefined;
  return typeof name === 'string' ? { commonName: name } : undefined;
}

function hostPort(address: string, port: number): string {
  // An IPv4 client of a socket that listens for both is an IPv4 client.
  const host = address.startsWith('::ffff:') ? address.slice(7) : address;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
