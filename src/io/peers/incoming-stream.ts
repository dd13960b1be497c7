/**
 * A stream that we open to a peer to hear from it: dialled, read until it breaks, dialled again.
 */
import { connect as connectTcp, type Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { connect as connectTls } from 'node:tls';
import { idToHex } from '../../base/ids.js';
import { AppendOrder } from '../../wire/peer/append-order.js';
import type { StreamDecoder } from '../../wire/peer/message-stream.js';
import { type ResponseHead, ResponseReader } from '../../wire/peer/response-reader.js';
import { messageType } from '../../wire/raftpb/types.js';
import { faultText } from '../fault.js';
import { type PeerSetup, readTimeoutMs, requestHeaders } from './peer-setup.js';
import type { Carrier, PeerStatus } from './peer-status.js';
import type { PeerPlace, UrlPicker } from './peer-url.js';
import { streamRefusal } from './refusals.js';

const redialMs = 100;
/** An append that leaves a gap waits for what belongs before it while more comes, for so long at most. */
const silenceMs = 20;
const gapMsMax = 200;
/** Of a refusal, so much is read. */
const refusalBytesMax = 4096;

export interface IncomingOptions {
  readonly carrier: Carrier;
  readonly path: string;
  readonly makeDecoder: () => StreamDecoder;
}

export class IncomingStream {
  readonly #setup: PeerSetup;
  readonly #status: PeerStatus;
  readonly #picker: UrlPicker;
  readonly #options: IncomingOptions;
  #socket: Socket | undefined;
  #redial: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(setup: PeerSetup, status: PeerStatus, picker: UrlPicker, options: IncomingOptions) {
    this.#setup = setup;
    this.#status = status;
    this.#picker = picker;
    this.#options = options;
  }

  start(): void {
    this.#setup.log.info('started stream reader with remote peer', this.#fields());
    this.#dial();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#redial);
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#setup.log.info('stopped stream reader with remote peer', this.#fields());
  }

  #dial(): void {
    const place = this.#picker.pick();
    if (this.#stopped) return;
    if (place === undefined) {
      // An update may bring a URL that leads somewhere.
      this.#redial = setTimeout(() => this.#dial(), redialMs);
      return;
    }
    const attempt = new Attempt(this.#setup, place, this.#options, this.#status);
    this.#socket = attempt.socket;
    attempt.onEstablished = () => {
      this.#status.activate();
      this.#setup.log.info('established TCP streaming connection with remote peer', this.#fields());
    };
    attempt.onOver = (reason, ended) => this.#over(attempt, reason, ended);
    attempt.onMessage = (bytes) => {
      this.#status.count.receivedBytes += bytes;
      this.#setup.turn.begin();
    };
  }

  #over(attempt: Attempt, reason: string, ended: boolean): void {
    this.#socket = undefined;
    if (this.#stopped) return;
    if (attempt.established) {
      this.#setup.log.warn('lost TCP streaming connection with remote peer', { ...this.#fields(), error: reason });
      // A peer that ends its stream in order may only be starting anew.
      if (!ended) this.#status.deactivate(this.#options.carrier, 'read', reason);
    } else {
      this.#picker.unreachable(attempt.place);
      this.#status.deactivate(this.#options.carrier, 'dial', reason);
    }
    this.#redial = setTimeout(() => this.#dial(), redialMs);
  }

  #fields() {
    return {
      'stream-reader-type': this.#options.carrier,
      'local-member-id': idToHex(this.#setup.memberId),
      'remote-peer-id': idToHex(this.#status.id),
    };
  }
}

/** One connection, from dialling to its end. */
class Attempt {
  readonly socket: Socket;
  established = false;
  onEstablished: () => void = () => {};
  onOver: (reason: string, ended: boolean) => void = () => {};
  onMessage: (bytes: number) => void = () => {};
  readonly #reader = new ResponseReader();
  readonly #decoder: StreamDecoder;
  readonly #timer: NodeJS.Timeout;
  readonly #order: AppendOrder;
  #gapTimer: NodeJS.Timeout | undefined;
  #gapSinceMs = 0;
  #refusal = '';
  #over = false;

  constructor(
    readonly setup: PeerSetup,
    readonly place: PeerPlace,
    options: IncomingOptions,
    readonly status: PeerStatus,
  ) {
    this.#decoder = options.makeDecoder();
    this.#order = new AppendOrder((message) => setup.events.received(message));
    const socket = connectTo(place, setup);
    this.socket = socket;
    this.#timer = setTimeout(() => this.#end(`dial tcp ${place.authority}: i/o timeout`), setup.dialTimeoutMs);
    socket.on(place.secure ? 'secureConnect' : 'connect', () => {
      clearTimeout(this.#timer);
      socket.setTimeout(readTimeoutMs, () => this.#end('i/o timeout'));
      socket.write(requestText(place, options.path, { ...requestHeaders(setup), 'X-Raft-To': idToHex(status.id) }));
    });
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('end', () => this.#end(this.#refused() ?? 'EOF', true));
    socket.on('error', (error) => this.#end(faultText(error)));
    socket.on('close', () => this.#end('connection closed', true));
  }

  #receive(chunk: Uint8Array): void {
    const reader = this.#reader;
    const { head } = reader;
    reader.add(chunk);
    if (head === undefined && reader.head !== undefined) this.#answered(reader.head);
    if (this.established) this.#read(chunk.length);
    else while (reader.nextPiece()) this.#takeRefusal(reader);
    if (this.#over) return;
    if (reader.malformed) this.#end('malformed HTTP response');
    else if (reader.ended) this.#end(this.#refused() ?? 'EOF', true);
  }

  #answered(head: ResponseHead): void {
    if (head.status !== 200) return;
    this.established = true;
    this.onEstablished();
  }

  #read(bytes: number): void {
    const reader = this.#reader;
    const decoder = this.#decoder;
    const { events } = this.setup;
    while (reader.nextPiece()) {
      decoder.add(reader.bytes, reader.start, reader.end);
      for (let message = decoder.next(); message !== undefined; message = decoder.next()) {
        // Its database would be missing: snapshots are posted.
        if (message.type === messageType.snap) return this.#end('unexpected Raft message type');
        if (message.type === messageType.app) this.#order.add(message);
        else events.received(message);
      }
      if (decoder.fault === undefined) continue;
      return this.#end(decoder.fault === 'tooLarge' ? 'rafthttp: error limit exceeded' : 'malformed message');
    }
    this.onMessage(bytes);
    this.#watchGap();
  }

  #watchGap(): void {
    clearTimeout(this.#gapTimer);
    if (this.#order.waiting === 0) {
      this.#gapSinceMs = 0;
      return;
    }
    const nowMs = performance.now();
    this.#gapSinceMs ||= nowMs;
    this.#gapTimer = setTimeout(() => this.#endGap(), Math.min(silenceMs, this.#gapSinceMs + gapMsMax - nowMs));
  }

  /** Timers come before sockets in a turn, and this one may be late: what has come meanwhile is read first. */
  #endGap(): void {
    const { bytesRead } = this.socket;
    setImmediate(() => {
      if (this.#over || this.#order.waiting === 0 || this.socket.bytesRead > bytesRead) return;
      // What belongs before has not come.
      this.#gapSinceMs = 0;
      this.#order.release();
      this.setup.turn.begin();
    });
  }

  #takeRefusal(reader: ResponseReader): void {
    if (this.#refusal.length < refusalBytesMax) {
      this.#refusal += Buffer.from(
        reader.bytes.buffer,
        reader.bytes.byteOffset + reader.start,
        reader.end - reader.start,
      ).toString();
    }
  }

  /** Why we were refused, when we were. */
  #refused(): string | undefined {
    const { head } = this.#reader;
    if (this.established || head === undefined) return undefined;
    return streamRefusal(this.setup, this.status.id, head, this.#refusal);
  }

  #end(reason: string, ended = false): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#gapTimer);
    this.#order.release();
    this.socket.destroy();
    this.onOver(reason, ended);
  }
}

function connectTo(place: PeerPlace, setup: PeerSetup): Socket {
  const target = place.path === '' ? { host: place.host, port: place.port } : { path: place.path };
  const options = { ...target, noDelay: true, keepAlive: true };
  return place.secure ? connectTls({ ...setup.tls, ...options }) : connectTcp(options);
}

function requestText(place: PeerPlace, path: string, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries({ Host: place.authority, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}
