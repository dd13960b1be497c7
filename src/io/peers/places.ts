/**
 * For the tests of this folder: members that are only a peer port, a log and what has come, on real sockets.
 */
import { ok } from 'node:assert/strict';
import type { Server as HttpServer } from 'node:http';
import type { ListenOptions, Server } from 'node:net';
import type { Bytes } from '../../base/bytes.js';
import { PeerCounters } from '../../base/counters.js';
import { type ClusterId, type MemberId, noMember } from '../../base/ids.js';
import type { Fields, Log } from '../../base/log.js';
import { notFound } from '../../http/message.js';
import type { DatabaseDump } from '../../member/database-dump.js';
import { type Message, type MessageType, messageType } from '../../wire/raftpb/types.js';
import { createHttp1Server, http1Limits } from '../http1.js';
import type { DatabaseIntake } from '../storage.js';
import { Turn } from '../turn.js';
import { PeerTransport } from './transport.js';

export const [a, b, stranger] = [0xa1n as MemberId, 0xb2n as MemberId, 0xc3n as MemberId];
export const cluster = 0x77n as ClusterId;

class LogLines implements Log {
  readonly debugEnabled = false;
  readonly lines: { readonly msg: string; readonly fields: Fields }[] = [];
  #add(msg: string, fields: Fields = {}): void {
    this.lines.push({ msg, fields });
  }
  debug(): void {}
  info(msg: string, fields?: Fields): void {
    this.#add(msg, fields);
  }
  warn(msg: string, fields?: Fields): void {
    this.#add(msg, fields);
  }
  error(msg: string, fields?: Fields): void {
    this.#add(msg, fields);
  }
  named(): Log {
    return this;
  }
  has(msg: string): boolean {
    return this.lines.some((line) => line.msg === msg);
  }
}

/** Keeps what comes in memory, as slowly as told. */
class SlowIntake implements DatabaseIntake {
  readonly pieces: Bytes[] = [];
  kept: Buffer | undefined;
  aborted = false;
  failure: string | undefined;
  #busy = false;
  constructor(readonly delayMs: number) {}
  write(piece: Bytes, written: (failed: string | undefined) => void): void {
    this.pieces.push(Uint8Array.from(piece));
    ok(!this.#busy, 'one piece is written before the next comes');
    this.#busy = true;
    setTimeout(() => {
      this.#busy = false;
      written(this.failure);
    }, this.delayMs);
  }
  finish(kept: (failed: string | undefined) => void): void {
    ok(!this.#busy, 'all is written before it is kept');
    this.kept = Buffer.concat(this.pieces);
    setImmediate(kept, undefined);
  }
  abort(): void {
    this.aborted = true;
  }
}

/** What a test has opened, also when it fails: open sockets would keep the process for ever. */
export const opened: (() => void)[] = [];

/** To be called after each test. */
export function closeAll(): void {
  for (const close of opened.splice(0)) close();
}

export class Place {
  readonly log = new LogLines();
  readonly counters = new PeerCounters();
  readonly received: Message[] = [];
  readonly unreachable: MemberId[] = [];
  readonly removed = new Set<MemberId>();
  readonly turn = new Turn();
  readonly intakes: SlowIntake[] = [];
  readonly server: HttpServer;
  intakeDelayMs = 0;
  removedByPeer = 0;
  url = '';
  transport: PeerTransport | undefined;

  constructor(readonly id: MemberId) {
    this.server = createHttp1Server((_, respond) => respond(notFound), http1Limits(1024), {
      first: (request, response) => this.transport?.serve(request, response) ?? false,
    });
    opened.push(() => this.stop());
  }

  async start(clusterId = cluster, at: ListenOptions = { host: '127.0.0.1', port: 0 }): Promise<PeerTransport> {
    await new Promise<void>((resolve) => this.server.listen(at, resolve));
    this.url = urlOf(this.server);
    this.transport = new PeerTransport({
      memberId: this.id,
      clusterId,
      peerUrls: [this.url],
      dialTimeoutMs: 1000,
      log: this.log,
      counters: this.counters,
      turn: this.turn,
      events: {
        received: (message) => this.received.push(message),
        unreachable: (id) => this.unreachable.push(id),
        removedByPeer: () => this.removedByPeer++,
        receiveDatabase: () => {
          const intake = new SlowIntake(this.intakeDelayMs);
          this.intakes.push(intake);
          return intake;
        },
        isRemoved: (id) => this.removed.has(id),
      },
    });
    return this.transport;
  }

  stop(): void {
    this.transport?.stop();
    this.server.close();
    this.server.closeAllConnections();
  }
}

export function urlOf(server: Server): string {
  const address = server.address();
  ok(address !== null);
  if (typeof address === 'string') return `unix://${address}`;
  return address.family === 'IPv6' ? `http://[${address.address}]:${address.port}` : `http://127.0.0.1:${address.port}`;
}

export async function until(holds: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 3000; i++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`in vain: ${what}`);
}

/** Two members that know each other, with all four streams open. */
export async function pair(): Promise<{ readonly left: Place; readonly right: Place; readonly stop: () => void }> {
  const [left, right] = [new Place(a), new Place(b)];
  const [one, other] = [await left.start(), await right.start()];
  one.add(b, [right.url]);
  other.add(a, [left.url]);
  const streams = ({ log }: Place) => log.lines.filter(({ msg }) => msg.startsWith('established TCP')).length;
  await until(() => streams(left) >= 4 && streams(right) >= 4, 'streams');
  const stop = () => {
    left.stop();
    right.stop();
  };
  return { left, right, stop };
}

export function message(type: MessageType, from: MemberId, to: MemberId, more: Partial<Message> = {}): Message {
  const numbers = { term: 1, logTerm: 1, index: 0, commit: 0, rejectHint: 0 };
  const rest = { vote: noMember, snapshot: undefined, reject: false, context: undefined, entries: [], responses: [] };
  return { type, to, from, ...numbers, ...rest, ...more };
}

export function append(from: MemberId, to: MemberId, index: number, data: Bytes): Message {
  const entries = [{ type: 0 as const, term: 1, index: index + 1, data }];
  return message(messageType.app, from, to, { index, entries, commit: index });
}

export const plain = (each: Message) => ({
  ...each,
  entries: each.entries.map((entry) => ({ ...entry, data: Uint8Array.from(entry.data) })),
});

/** A dump of `size` random bytes that counts how far it was pulled. */
export class TestDump implements DatabaseDump {
  readonly index = 7;
  readonly term = 1;
  readonly revision = 1;
  readonly confState = { voters: [a, b], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  pulled = 0;
  closed = 0;
  #planned = 0;
  constructor(readonly bytes: Bytes) {}
  get sizeBytes(): number {
    return this.bytes.length;
  }
  plan(): boolean {
    return this.#planned++ > 2;
  }
  next(bytes: number): Bytes | undefined {
    if (this.pulled === this.bytes.length) return undefined;
    const piece = this.bytes.subarray(this.pulled, this.pulled + bytes);
    this.pulled += piece.length;
    return piece;
  }
  close(): void {
    this.closed++;
  }
}

export const snapMessage = (from: MemberId, to: MemberId, dump: TestDump): Message => {
  const metadata = { index: dump.index, term: 1, confState: dump.confState };
  return message(messageType.snap, from, to, { logTerm: 0, snapshot: { data: new Uint8Array(100), metadata } });
};
