/**
 * A client's connections to one server: sockets behind `ClientConnection`, with a clock and a turn of their own.
 *
 *     const dialer = new Dialer();
 *     const connection = await dialer.dial({ host: '127.0.0.1', port: 2379 });
 *     connection.call(head, message, events);
 *     ...
 *     dialer.close();
 *
 * Calls made in one turn of the event loop leave in one write.
 */
import { connect, type OnReadOpts, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { Bytes } from '../base/bytes.js';
import { MachineSocket } from '../io/sockets.js';
import { Turn } from '../io/turn.js';
import { ClientConnection, type ClientLimits } from '../wire/grpc/client.js';
import type { ClientCall } from '../wire/grpc/client-call.js';
import { ChunkPool } from '../wire/http2/output.js';

export interface Target {
  readonly host?: string;
  readonly port?: number;
  /** Of a unix socket, instead of host and port. */
  readonly path?: string;
  readonly tls?: ConnectionOptions;
  readonly dialTimeoutMs?: number;
  readonly limits?: Partial<ClientLimits>;
  /** The server takes no more calls on this connection, or it is lost: dial anew. */
  readonly onGone?: (reason: string) => void;
}

const tickMs = 25;
const readBytes = 65_536;

/** Who hears what a socket has read. */
type Hearer = (chunk: Bytes) => void;

export class Dialer {
  readonly turn: Turn;
  readonly #pool = new ChunkPool();
  /** All sockets read into it, one at a time. No `Buffer`: a `slice` of what came must be a copy. */
  readonly #inbound = new Uint8Array(readBytes);
  readonly #sockets = new Set<MachineSocket<ClientCall>>();
  #timer: NodeJS.Timeout | undefined;

  constructor(turn = new Turn()) {
    this.turn = turn;
  }

  nowMs = (): number => performance.now();

  /** A connection ready for calls; fails with the socket's error. */
  async dial(target: Target): Promise<ClientConnection> {
    // Nothing is read before the turn after the socket has connected, and by then somebody hears.
    let hearer: Hearer = () => {};
    const socket = await this.#connect(target, (chunk) => hearer(chunk));
    const held = new MachineSocket<ClientCall>(socket, this.turn, this.nowMs, () => {
      this.#sockets.delete(held);
      target.onGone?.(connection.http2.failure);
    });
    const connection = new ClientConnection(
      {
        pool: this.#pool,
        nowMs: this.nowMs(),
        wake: () => this.turn.markDirty(held),
        ...(target.onGone && { goneAway: target.onGone }),
      },
      target.limits,
    );
    this.#sockets.add(held);
    held.attach(connection);
    hearer = (chunk) => held.received(chunk);
    this.#timer ??= setInterval(() => this.#tick(), tickMs).unref();
    return connection;
  }

  #connect(target: Target, hear: Hearer): Promise<Socket> {
    const { host = '127.0.0.1', port = 2379, path, tls, dialTimeoutMs = 5_000 } = target;
    const place = path === undefined ? { host, port } : { path };
    const onread: OnReadOpts = {
      buffer: this.#inbound,
      callback: (length) => {
        hear(this.#inbound.subarray(0, length));
        return true;
      },
    };
    return new Promise((resolve, reject) => {
      const socket =
        tls === undefined ? connect({ ...place, onread }) : connectTls({ ALPNProtocols: ['h2'], ...tls, ...place });
      const late = setTimeout(() => socket.destroy(new Error('context deadline exceeded')), dialTimeoutMs);
      const failed = (error: Error) => {
        clearTimeout(late);
        reject(error);
      };
      socket.once('error', failed);
      socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
        clearTimeout(late);
        socket.off('error', failed);
        resolve(socket);
      });
    });
  }

  #tick(): void {
    const nowMs = this.nowMs();
    for (const socket of this.#sockets) socket.tick(nowMs);
  }

  /** The sockets of all connections, for those who must look beneath. */
  *sockets(): Iterable<Socket> {
    for (const { socket } of this.#sockets) yield socket;
  }

  /** Ends every connection at once; calls in flight end with `unavailable`. */
  close(): void {
    for (const { socket } of this.#sockets) socket.destroy();
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
