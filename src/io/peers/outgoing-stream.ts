/**
 * A stream that a peer has opened to hear from us. Messages of one turn leave in one write, as one chunk of the answer's body.
 *
 * While the peer does not take what was sent, messages wait as they are: their entries are the log's, and cost nothing twice.
 */
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { idToHex } from '../../base/ids.js';
import type { StreamEncoder } from '../../wire/peer/message-stream.js';
import { Writer } from '../../wire/proto/writer.js';
import { type Message, messageType } from '../../wire/raftpb/types.js';
import type { Flushable } from '../turn.js';
import { type PeerSetup, readTimeoutMs } from './peer-setup.js';
import type { Carrier, PeerStatus } from './peer-status.js';

/** Source: etcd `streamBufSize`. */
const messagesMax = 4096;
/** The kernel has enough to do with so much; the next is encoded when it has taken it. */
const socketBytesMax = 1024 * 1024;
/** A buffer that a burst has made larger is not kept. */
const bufferBytesMax = 1024 * 1024;
/** How long a peer may take for our last words. */
const lingerMs = 1000;
/** `0000002a\r\n`: room for the length of a chunk that is known when it is full. */
const sizeLineBytes = 10;

export class OutgoingStream implements Flushable {
  readonly #setup: PeerSetup;
  readonly #status: PeerStatus;
  readonly #makeEncoder: () => StreamEncoder;
  #encoder: StreamEncoder;
  #socket: Socket | undefined;
  #queue: Message[] = [];
  #writer = new Writer(16 * 1024);
  #heartbeatDue = false;
  #dirty = false;
  /** What the peer had taken when last looked at, and when that last changed. */
  #takenBytes = 0;
  #movedMs = 0;

  constructor(
    setup: PeerSetup,
    status: PeerStatus,
    readonly carrier: Carrier,
    makeEncoder: () => StreamEncoder,
  ) {
    this.#setup = setup;
    this.#status = status;
    this.#makeEncoder = makeEncoder;
    this.#encoder = makeEncoder();
    setup.log.info('started stream writer with remote peer', {
      'local-member-id': idToHex(setup.memberId),
      'remote-peer-id': idToHex(status.id),
    });
  }

  get attached(): boolean {
    return this.#socket !== undefined;
  }

  /** The head of the answer has been written to `socket`; a stream that was there before ends. */
  attach(socket: Socket): void {
    const { log } = this.#setup;
    if (this.#end()) log.warn('closed TCP streaming connection with remote peer', this.#fields());
    this.#socket = socket;
    this.#encoder = this.#makeEncoder();
    this.#movedMs = performance.now();
    socket.setNoDelay(true);
    socket.on('drain', () => this.#socket === socket && this.flush());
    socket.on('error', (error) => this.#lost(socket, 'write', error.message));
    socket.on('close', () => this.#lost(socket, 'write', 'connection closed'));
    log.info('set message encoder', {
      from: idToHex(this.#setup.memberId),
      to: idToHex(this.#status.id),
      'stream-type': this.carrier,
    });
    this.#status.activate();
    log.info('established TCP streaming connection with remote peer', this.#fields());
  }

  /** False when too much waits already. */
  send(message: Message): boolean {
    const queue = this.#queue;
    const last = queue.at(-1);
    if (last !== undefined && saysAgain(message, last)) queue[queue.length - 1] = message;
    else if (queue.length >= messagesMax) return false;
    else queue.push(message);
    this.#markDirty();
    return true;
  }

  sendHeartbeat(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    if (this.#isStuck(socket)) return this.#lost(socket, 'heartbeat', 'i/o timeout');
    this.#heartbeatDue = true;
    this.#markDirty();
  }

  /** The peer has taken nothing of what waits for it for as long as it may. */
  #isStuck(socket: Socket): boolean {
    const nowMs = performance.now();
    const takenBytes = socket.bytesWritten - socket.writableLength;
    if (socket.writableLength === 0 || takenBytes !== this.#takenBytes) this.#movedMs = nowMs;
    this.#takenBytes = takenBytes;
    return nowMs - this.#movedMs >= readTimeoutMs;
  }

  #markDirty(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    this.#setup.turn.markDirty(this);
  }

  flush(): void {
    this.#dirty = false;
    const socket = this.#socket;
    if (socket === undefined || socket.writableLength > socketBytesMax) return;
    const writer = this.#writer;
    const queue = this.#queue;
    writer.at = sizeLineBytes;
    let taken = 0;
    while (taken < queue.length && writer.at < socketBytesMax) this.#encoder.write(writer, queue[taken++] as Message);
    if (taken === queue.length) this.#queue = [];
    else queue.splice(0, taken);
    if (this.#heartbeatDue) this.#encoder.writeHeartbeat(writer);
    this.#heartbeatDue = false;
    if (writer.at > sizeLineBytes) this.#write(socket, writer);
    // When the kernel takes all at once, `drain` never comes.
    if (this.#queue.length > 0 && !socket.writableNeedDrain) this.#markDirty();
  }

  #write(socket: Socket, writer: Writer): void {
    const length = writer.at - sizeLineBytes;
    writer.byte(0x0d);
    writer.byte(0x0a);
    writeSizeLine(writer, length);
    socket.write(writer.bytes.subarray(0, writer.at));
    this.#status.count.sentBytes += length;
    // What the kernel has not taken at once is still read from the buffer.
    if (socket.writableLength > 0 || writer.bytes.length > bufferBytesMax) this.#writer = new Writer(16 * 1024);
  }

  #lost(socket: Socket, action: 'write' | 'heartbeat', reason: string): void {
    if (this.#socket !== socket) return;
    this.#end();
    this.#status.deactivate(this.carrier, action, reason);
    this.#setup.log.warn('lost TCP streaming connection with remote peer', this.#fields());
    this.#status.count.sendFailures++;
    this.#setup.events.unreachable(this.#status.id);
  }

  /** True when there was a stream. */
  #end(): boolean {
    const socket = this.#socket;
    if (socket === undefined) return false;
    this.#socket = undefined;
    if (!socket.writableEnded) socket.destroy();
    const waited = this.#queue.length > 0;
    this.#queue = [];
    this.#heartbeatDue = false;
    this.#writer = new Writer(16 * 1024);
    if (waited) this.#setup.events.unreachable(this.#status.id);
    return true;
  }

  /** What waits is sent yet: a member that is being removed should hear of it. */
  stop(): void {
    const { log } = this.#setup;
    const socket = this.#socket;
    this.flush();
    if (socket !== undefined && !socket.destroyed) {
      socket.end('0\r\n\r\n');
      setTimeout(() => socket.destroy(), lingerMs).unref();
    }
    if (this.#end()) log.warn('closed TCP streaming connection with remote peer', this.#fields());
    log.info('stopped TCP streaming connection with remote peer', this.#fields());
  }

  #fields() {
    return {
      'stream-writer-type': this.carrier,
      'local-member-id': idToHex(this.#setup.memberId),
      'remote-peer-id': idToHex(this.#status.id),
    };
  }
}

/**
 * An append from where the one before it begins, with no fewer entries: a leader that does not know yet where a follower's log
 * ends sends all it may with each answer to a heartbeat, of which reads make hundreds a second.
 */
function saysAgain(message: Message, before: Message): boolean {
  return (
    message.type === messageType.app &&
    before.type === messageType.app &&
    message.term === before.term &&
    message.index === before.index &&
    message.logTerm === before.logTerm &&
    message.entries.length >= before.entries.length
  );
}

/** Eight hex digits, zeros in front. */
function writeSizeLine(writer: Writer, length: number): void {
  const { bytes } = writer;
  for (let i = 0; i < 8; i++) {
    const digit = (length >>> (28 - 4 * i)) & 15;
    bytes[i] = digit < 10 ? 0x30 + digit : 0x57 + digit;
  }
  bytes[8] = 0x0d;
  bytes[9] = 0x0a;
}
