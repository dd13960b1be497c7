/** The two ways of a message over a link: in a stream, or as a post of its own. */
import { check } from '../base/check.js';
import type { StreamDecoder, StreamEncoder } from '../wire/peer/message-stream.js';
import { Writer } from '../wire/proto/writer.js';
import { decodeMessage, messageSize, writeMessage } from '../wire/raftpb/codec.js';
import { type Message, messageType } from '../wire/raftpb/types.js';
import { rule } from './judge.js';
import type { Link } from './network.js';

/** A reader that hears nothing for so long gives its connection up. */
const silenceMs = 5000;
/** What waits in a stream beyond this breaks it. */
const waitingBytesMax = 1 << 20;
const postsMax = 64;

export interface StreamCodecs {
  readonly encoder: StreamEncoder;
  readonly decoder: StreamDecoder;
}

interface Chunk {
  readonly bytes: Uint8Array;
  readonly dueMs: number;
}

export class Stream {
  attachedSinceMs: number | undefined;
  readonly #link: Link;
  readonly #make: () => StreamCodecs;
  #codecs: StreamCodecs | undefined;
  readonly #out = new Writer(1024);
  #flight: Chunk[] = [];
  #waitingBytes = 0;
  #flushing = false;
  #connecting = false;
  /** Changes when it breaks: what was arranged for the one before is void. */
  #epoch = 0;
  #lives = [0, 0];

  constructor(link: Link, make: () => StreamCodecs) {
    this.#link = link;
    this.#make = make;
  }

  get attached(): boolean {
    return this.#codecs !== undefined;
  }

  /** Needs both ways, like any connection, and a process at both ends. */
  connect(): void {
    if (this.#connecting || this.attached) return;
    this.#connecting = true;
    const { network, from, to } = this.#link;
    network.schedule.after(2 * this.#link.latencyMs() + network.random.below(200), () => {
      this.#connecting = false;
      if (from.life === 0 || to.life === 0) return;
      if (this.#link.blocked || network.isBlocked(to.id, from.id)) return;
      if (from.hasRemoved(to.id)) return to.enter((host) => host.assembled.departure.removedByPeer());
      this.#codecs = this.#make();
      this.#lives = [from.life, to.life];
      this.attachedSinceMs = network.schedule.nowMs;
    });
  }

  /** What is on its way is lost. */
  break(): void {
    if (!this.attached) return;
    this.#epoch++;
    this.#codecs = undefined;
    this.attachedSinceMs = undefined;
    const lost = this.#flight.length > 0 || this.#out.at > 0;
    this.#flight = [];
    this.#waitingBytes = 0;
    this.#out.reset();
    this.#flushing = false;
    if (lost) this.#link.failed();
  }

  send(message: Message): void {
    const codecs = this.#codecs;
    check(codecs !== undefined, 'only a stream that is attached is written to');
    codecs.encoder.write(this.#out, message);
    if (this.#flushing) return;
    this.#flushing = true;
    const epoch = this.#epoch;
    const { schedule, random } = this.#link.network;
    schedule.after(random.below(300) / 1000, () => {
      if (this.#epoch === epoch) this.#flush();
    });
  }

  /** Cut at any places, as a connection does. */
  #flush(): void {
    this.#flushing = false;
    const { random, schedule } = this.#link.network;
    const bytes = this.#out.copy();
    this.#out.reset();
    this.#waitingBytes += bytes.length;
    const dueMs = Math.max(this.#flight.at(-1)?.dueMs ?? 0, schedule.nowMs + this.#link.latencyMs());
    for (let at = 0; at < bytes.length; ) {
      const rest = bytes.length - at;
      const length = random.oneIn(3) ? 1 + random.below(rest) : rest;
      this.#flight.push({ bytes: bytes.slice(at, at + length), dueMs });
      at += length;
    }
    this.#later(dueMs);
    if (this.#waitingBytes > waitingBytesMax) this.#breakAndReconnect();
  }

  #later(dueMs: number): void {
    const epoch = this.#epoch;
    const { schedule } = this.#link.network;
    schedule.after(Math.max(0, dueMs - schedule.nowMs), () => {
      if (this.#epoch === epoch) this.pump();
    });
  }

  /** Delivers what is due. On a blocked link it waits, but not for ever. */
  pump(): void {
    const link = this.#link;
    const { schedule } = link.network;
    if (this.#flight.length === 0) return;
    if (link.blocked) {
      const epoch = this.#epoch;
      const sinceMs = this.#flight[0]?.dueMs ?? 0;
      schedule.after(silenceMs, () => {
        if (this.#epoch === epoch && (this.#flight[0]?.dueMs ?? schedule.nowMs) <= sinceMs) this.#breakAndReconnect();
      });
      return;
    }
    const epoch = this.#epoch;
    for (let chunk = this.#flight[0]; chunk !== undefined && chunk.dueMs <= schedule.nowMs; chunk = this.#flight[0]) {
      this.#flight.shift();
      this.#waitingBytes -= chunk.bytes.length;
      if (link.lost || link.to.life !== this.#lives[1]) return this.#breakAndReconnect();
      this.#read(chunk.bytes);
      if (this.#epoch !== epoch) return;
    }
    const next = this.#flight[0];
    if (next !== undefined) this.#later(next.dueMs);
  }

  #read(bytes: Uint8Array): void {
    const { decoder } = this.#codecs ?? {};
    if (decoder === undefined) return;
    decoder.add(bytes, 0, bytes.length);
    for (let message = decoder.next(); message !== undefined; message = decoder.next()) this.#link.arrive(message);
    rule(decoder.fault === undefined, () => `a stream of ${this.#link.from.id.toString(16)} cannot be read`);
  }

  #breakAndReconnect(): void {
    this.break();
    this.connect();
  }
}

/** Messages on their own, where there is no stream for them. */
export class Post {
  readonly #link: Link;
  #underWay = 0;

  constructor(link: Link) {
    this.#link = link;
  }

  send(message: Message): void {
    const link = this.#link;
    const { random, weather } = link.network;
    if (this.#underWay === postsMax || link.to.life === 0) return link.failed();
    const writer = new Writer(messageSize(message));
    writeMessage(writer, message);
    const bytes = writer.copy();
    this.#underWay++;
    this.#carry(bytes, true);
    // Nothing that has been proposed comes twice: the one who posts does not repeat what may have arrived.
    const doubles = weather.doubleOneIn > 0 && random.oneIn(weather.doubleOneIn);
    if (doubles && message.type !== messageType.prop) this.#carry(bytes.slice(), false);
  }

  #carry(bytes: Uint8Array, first: boolean): void {
    const link = this.#link;
    const { schedule } = link.network;
    const life = link.to.life;
    schedule.after(2 * link.latencyMs(), () => {
      if (first) this.#underWay--;
      if (link.blocked || link.lost || link.to.life !== life) return first ? link.failed() : undefined;
      const message = decodeMessage(bytes, 0, bytes.length);
      check(typeof message !== 'number', 'what was encoded can be decoded');
      link.arrive(message);
    });
  }
}
