/** A client and a server connection joined in memory: for tests, for the simulator, and for measuring without sockets. */
import { type Bytes, concatBytes } from '../../base/bytes.js';
import type { Random } from '../../base/random.js';
import { ChunkPool } from '../http2/output.js';
import { ClientConnection, type ClientLimits } from './client.js';
import type { GrpcServer, ServerConnection } from './server.js';

export class Pipe {
  nowMs = 1_000;
  readonly client: ClientConnection;
  readonly server: ServerConnection;
  /** Bytes under way, by direction. */
  #toServer: Bytes[] = [];
  #toClient: Bytes[] = [];

  constructor(server: GrpcServer, limits: Partial<ClientLimits> = {}) {
    const host = { pool: new ChunkPool(), nowMs: this.nowMs, wake: () => {} };
    this.client = new ClientConnection(host, limits);
    this.server = server.connect({ ...host, peer: 'pipe' });
  }

  /** Moves bytes until neither side has any. With `random` they arrive cut anywhere, and in any order of directions. */
  settle(random?: Random): void {
    while (this.step(random));
  }

  /** Moves some bytes; false if there were none. */
  step(random?: Random): boolean {
    take(this.client, this.#toServer);
    take(this.server, this.#toClient);
    const serverFirst = random === undefined || random.oneIn(2);
    const moved = serverFirst ? this.#toServerSome(random) : this.#toClientSome(random);
    const movedToo = serverFirst ? this.#toClientSome(random) : this.#toServerSome(random);
    return moved || movedToo;
  }

  #toServerSome(random: Random | undefined): boolean {
    return deliver(this.#toServer, (chunk) => this.server.receive(chunk, this.nowMs), random);
  }

  #toClientSome(random: Random | undefined): boolean {
    return deliver(this.#toClient, (chunk) => this.client.receive(chunk, this.nowMs), random);
  }

  pass(ms: number): void {
    this.nowMs += ms;
    this.client.tick(this.nowMs);
    this.server.tick(this.nowMs);
    this.settle();
  }
}

function take(end: ClientConnection | ServerConnection, under: Bytes[]): void {
  for (const chunk of end.takeOutput()) under.push(chunk.slice());
  end.http2.sender.output.written();
  if (end.http2.sender.queuedBytes > 0) end.http2.sender.pump();
}

function deliver(under: Bytes[], receive: (chunk: Bytes) => void, random: Random | undefined): boolean {
  if (under.length === 0) return false;
  const whole = under.length === 1 ? (under[0] as Bytes) : concatBytes(under);
  under.length = 0;
  if (random === undefined) {
    receive(whole);
    return true;
  }
  const cut = 1 + random.below(random.oneIn(3) ? Math.min(whole.length, 12) : whole.length);
  if (cut < whole.length) under.push(whole.slice(cut));
  receive(whole.slice(0, cut));
  return true;
}
