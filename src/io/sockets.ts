/**
 * A socket and the HTTP/2 state machine behind it: chunks in, one write a turn out, and backpressure both ways.
 *
 * When the kernel takes no more, the connection stops producing (`sender.blocked`); when even what was produced anyway
 * piles up, nothing more is read. A peer that then takes nothing for `stalledReplyMs` is given up.
 */
import type { Socket } from 'node:net';
import type { Bytes } from '../base/bytes.js';
import type { Connection } from '../wire/http2/connection.js';
import type { Stream } from '../wire/http2/stream.js';
import type { Flushable, Turn } from './turn.js';

/** Beyond this in the socket's queue the connection is blocked, and beyond `unreadBytesMax` the peer is not read. */
const socketQueueBytesMax = 131_072;
const unreadBytesMax = 1_048_576;
/** Bursts of output one connection may send in a turn: what a fast reader asks for beyond them waits for the next turn. */
const roundsMax = 4;
/** A chunk that took longer to answer is its connection's last of the turn: one client's work must not be another's wait. */
const chunkMsMax = 2;
/** How long a socket that we have ended may take to close; a peer still sending would lose our last words if it were cut. */
const lingerMs = 1_000;
/** The same for one that has broken a rule, which is not read any more. */
const cutMs = 300;

/** What a socket drives: `ServerConnection` or `ClientConnection`. */
export interface Machine<S extends Stream> {
  readonly http2: Connection<S>;
  receive(chunk: Bytes, nowMs: number): void;
  takeOutput(): Bytes[];
  tick(nowMs: number): void;
  lost(): void;
}

export class MachineSocket<S extends Stream> implements Flushable {
  #machine: Machine<S> | undefined;
  /** When the socket last took something, and how much it still held then. */
  #movedMs = 0;
  #heldBytes = 0;
  #ended = false;

  constructor(
    readonly socket: Socket,
    readonly turn: Turn,
    readonly nowMs: () => number,
    readonly onClose: (socket: MachineSocket<S>) => void,
  ) {}

  /** Begins: from here on the socket's bytes are the machine's. */
  attach(machine: Machine<S>): void {
    this.#machine = machine;
    const { socket } = this;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => this.received(chunk));
    socket.on('drain', () => this.#drained(machine));
    socket.on('end', () => socket.end());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      machine.lost();
      this.turn.begin();
      this.onClose(this);
    });
  }

  /** Bytes from the socket; whoever reads into memory of its own calls this, and may use that again afterwards. */
  received(chunk: Bytes): void {
    const machine = this.#machine;
    if (machine === undefined) return;
    const nowMs = this.nowMs();
    machine.receive(chunk, nowMs);
    this.turn.begin();
    const { finished, sender } = machine.http2;
    if (this.nowMs() - nowMs > chunkMsMax) this.#standBack(machine);
    if (finished) this.turn.markDirty(this);
    // Who asks on without taking the answers is not heard until it takes them.
    if (sender.blocked && sender.queuedBytes > unreadBytesMax) this.socket.pause();
  }

  /** Reads on when the other sockets have been looked at; the kernel would hand us megabytes of this one first. */
  #standBack(machine: Machine<S>): void {
    this.socket.pause();
    setImmediate(() => {
      // A blocked connection reads on when it has drained.
      if (!machine.http2.sender.blocked && !this.#ended) this.socket.resume();
    });
  }

  get machine(): Machine<S> | undefined {
    return this.#machine;
  }

  flush(): void {
    const machine = this.#machine;
    if (machine === undefined || this.socket.destroyed) return;
    const { sender } = machine.http2;
    for (let round = 0; round < roundsMax; round++) {
      this.#write(machine.takeOutput());
      // Mostly the kernel takes all at once, and the next connection writes into the same memory.
      if (this.socket.writableLength === 0) sender.output.written();
      if (this.socket.writableLength > socketQueueBytesMax) this.#block(machine);
      else if (sender.queuedBytes > 0) sender.pump();
      if (sender.blocked || sender.output.pendingBytes === 0) break;
    }
    if (machine.http2.finished) this.#finish();
  }

  #write(chunks: readonly Bytes[]): void {
    if (chunks.length === 0 || this.#ended) return;
    if (chunks.length === 1) {
      this.socket.write(chunks[0] as Bytes);
      return;
    }
    this.socket.cork();
    for (const chunk of chunks) this.socket.write(chunk);
    this.socket.uncork();
  }

  #block(machine: Machine<S>): void {
    const { sender } = machine.http2;
    if (!sender.blocked) this.#movedMs = this.nowMs();
    sender.blocked = true;
    if (this.socket.writableLength > unreadBytesMax) this.socket.pause();
  }

  #drained(machine: Machine<S>): void {
    const { sender } = machine.http2;
    sender.output.written();
    if (!sender.blocked) return;
    sender.blocked = false;
    this.socket.resume();
    sender.pump();
    this.flush();
  }

  #finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.socket.end();
    // What a flood still has under way is megabytes, and is not worth the reading.
    const cut = this.#machine?.http2.failure !== '';
    if (cut) this.socket.pause();
    setTimeout(() => this.socket.destroy(), cut ? cutMs : lingerMs).unref();
  }

  tick(nowMs: number): void {
    const machine = this.#machine;
    if (machine === undefined) return;
    machine.tick(nowMs);
    const { http2 } = machine;
    if (this.socket.writableLength === 0) http2.sender.output.written();
    if (http2.sender.blocked) this.#endIfStuck(nowMs, http2.limits.stalledReplyMs);
    if (http2.finished && !this.#ended) this.turn.markDirty(this);
  }

  #endIfStuck(nowMs: number, patienceMs: number): void {
    const heldBytes = this.socket.writableLength;
    if (heldBytes !== this.#heldBytes) {
      this.#heldBytes = heldBytes;
      this.#movedMs = nowMs;
    } else if (nowMs - this.#movedMs >= patienceMs) this.socket.destroy();
  }
}
