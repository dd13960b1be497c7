// Proves: over real sockets, members get each other's messages and snapshots whole, refuse strangers in etcd's words, and
// come through peers that are silent, stuck, garbled or gone.
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { type Server as HttpServer, request as httpRequest } from 'node:http';
import { createServer as createTcpServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import type { Bytes } from '../../base/bytes.js';
import { PeerCounters } from '../../base/counters.js';
import { type ClusterId, idToHex, type MemberId, noMember } from '../../base/ids.js';
import type { Fields, Log } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { notFound } from '../../http/message.js';
import type { DatabaseDump } from '../../member/database-dump.js';
import { getRequest, type PeerAnswer } from '../../member/peers.js';
import { writeUint64 } from '../../wire/peer/message-stream.js';
import { Writer } from '../../wire/proto/writer.js';
import { messageSize, writeMessage } from '../../wire/raftpb/codec.js';
import { type Message, type MessageType, messageType } from '../../wire/raftpb/types.js';
import { createHttp1Server, http1Limits } from '../http1.js';
import type { DatabaseIntake } from '../storage.js';
import { Turn } from '../turn.js';
import { linkHeartbeatMs } from './peer-setup.js';
import { PeerTransport } from './transport.js';

const [a, b, stranger] = [0xa1n as MemberId, 0xb2n as MemberId, 0xc3n as MemberId];
const cluster = 0x77n as ClusterId;

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
const opened: (() => void)[] = [];
afterEach(() => {
  for (const close of opened.splice(0)) close();
});

class Place {
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

function urlOf(server: Server): string {
  const address = server.address();
  ok(address !== null);
  if (typeof address === 'string') return `unix://${address}`;
  return address.family === 'IPv6' ? `http://[${address.address}]:${address.port}` : `http://127.0.0.1:${address.port}`;
}

async function until(holds: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 3000; i++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`in vain: ${what}`);
}

/** Two members that know each other, with all four streams open. */
async function pair(): Promise<{ readonly left: Place; readonly right: Place; readonly stop: () => void }> {
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

function message(type: MessageType, from: MemberId, to: MemberId, more: Partial<Message> = {}): Message {
  const numbers = { term: 1, logTerm: 1, index: 0, commit: 0, rejectHint: 0 };
  const rest = { vote: noMember, snapshot: undefined, reject: false, context: undefined, entries: [], responses: [] };
  return { type, to, from, ...numbers, ...rest, ...more };
}

function append(from: MemberId, to: MemberId, index: number, data: Bytes): Message {
  const entries = [{ type: 0 as const, term: 1, index: index + 1, data }];
  return message(messageType.app, from, to, { index, entries, commit: index });
}

const plain = (each: Message) => ({
  ...each,
  entries: each.entries.map((entry) => ({ ...entry, data: Uint8Array.from(entry.data) })),
});

test('messages of all kinds and sizes arrive whole and in the order of their stream', async () => {
  const { left, right, stop } = await pair();
  const random = new Random(1);
  const appends: Message[] = [];
  const others: Message[] = [];
  for (let i = 0; i < 300; i++) {
    appends.push(append(a, b, i, random.bytes(i % 100 === 0 ? 3_000_000 / (i + 1) : random.below(300))));
    others.push(message(messageType.heartbeat, a, b, { commit: i }));
    left.transport?.send(b, appends[i] as Message);
    left.transport?.send(b, others[i] as Message);
    if (random.oneIn(10)) await new Promise((resolve) => setImmediate(resolve));
  }
  await until(() => right.received.length === 600, 'all messages');
  const came = (type: MessageType) => right.received.filter((each) => each.type === type).map(plain);
  deepEqual(came(messageType.app), appends);
  deepEqual(came(messageType.heartbeat), others);
  deepEqual(left.unreachable, []);
  ok((left.counters.of('b2').sentBytes ?? 0) > 3_000_000);
  stop();
});

test('what waits behind a full write goes on when the kernel has taken that at once', async () => {
  const { left, right, stop } = await pair();
  const data = new Uint8Array(700_000);
  // Well within what a socket's buffers hold, so that there is nothing to drain.
  for (let i = 0; i < 6; i++) left.transport?.send(b, append(a, b, i, data));
  const beganMs = performance.now();
  await until(() => right.received.length === 6, 'all appends');
  // Not with the next heartbeats of the link.
  ok(performance.now() - beganMs < linkHeartbeatMs / 2);
  stop();
});

test('of appends that say the same again only the last is sent', async () => {
  const { left, right, stop } = await pair();
  const send = (index: number, count: number) => {
    const entries = Array.from({ length: count }, (_, i) => ({
      type: 0 as const,
      term: 1,
      index: index + 1 + i,
      data: new Uint8Array(9),
    }));
    left.transport?.send(b, message(messageType.app, a, b, { index, entries, commit: count }));
  };
  for (let count = 0; count < 100; count++) send(7, count);
  send(7, 50);
  send(106, 2);
  left.transport?.send(b, message(messageType.heartbeat, a, b));
  send(106, 2);
  await until(() => right.received.length === 4, 'messages');
  const appends = right.received.filter(({ type }) => type === messageType.app);
  deepEqual(
    appends.map(({ index, entries }) => [index, entries.length]),
    [
      [7, 99],
      [7, 50],
      [106, 2],
    ],
  );
  stop();
});

test('without streams messages go by posts, four at once and few that wait; raft hears of what is dropped', async () => {
  const [left, right] = [new Place(a), new Place(b)];
  const [one] = [await left.start(), await right.start()];
  one.add(b, [right.url]);
  for (let i = 0; i < 70; i++) one.send(b, message(messageType.heartbeat, a, b, { commit: i }));
  equal(left.unreachable.length, 2);
  await until(() => right.received.length === 68, 'posts');
  // Its streams are refused meanwhile, which makes it inactive again.
  await until(() => left.counters.of('b2').seen, 'answers');
  left.stop();
  right.stop();
});

test('peers are reached at IPv6 addresses and unix sockets, by streams, posts and questions', async () => {
  const path = join(tmpdir(), `quorate-peer-${process.pid}.sock`);
  const hasIPv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));
  for (const at of hasIPv6 ? [{ host: '::1', port: 0 }, { path }] : [{ path }]) {
    const [left, right] = [new Place(a), new Place(b)];
    const [one, other] = [await left.start(cluster, at), await right.start()];
    other.add(a, [left.url]);
    other.send(a, message(messageType.heartbeat, b, a));
    await until(() => left.received.length === 1, `a post to ${left.url}`);
    one.add(b, [right.url]);
    const streams = () => right.log.lines.filter(({ msg }) => msg.startsWith('established TCP')).length;
    await until(() => streams() >= 4, `streams with ${left.url}`);
    other.send(a, append(b, a, 3, new Uint8Array(9)));
    await until(() => left.received.length === 2, `a message to ${left.url}`);
    const answer = await new Promise<PeerAnswer | undefined>((done) => other.ask(a, getRequest('/x', 1000), done));
    equal(answer?.status, 404);
    left.stop();
    right.stop();
  }
});

test('what a peer does not take waits up to a limit, then is dropped, and raft hears of it', async () => {
  const { left, stop } = await pair();
  for (let i = 0; i < 4096; i++) left.transport?.send(b, message(messageType.heartbeat, a, b));
  deepEqual(left.unreachable, []);
  left.transport?.send(b, message(messageType.heartbeat, a, b));
  deepEqual(left.unreachable, [b]);
  ok(left.log.has('dropped internal Raft message since sending buffer is full'));
  stop();
});

test('a peer that goes is noticed, and found again', async () => {
  const { left, right, stop } = await pair();
  ok(left.transport?.activeSinceMs(b) !== undefined);
  left.server.closeAllConnections();
  await until(() => left.unreachable.includes(b), 'report');
  const streams = () => left.log.lines.filter(({ msg }) => msg.startsWith('established TCP')).length;
  await until(() => streams() >= 6, 'new streams');
  left.transport?.send(b, message(messageType.heartbeat, a, b));
  await until(() => right.received.length === 1, 'message');
  stop();
});

/** A dump of `size` random bytes that counts how far it was pulled. */
class TestDump implements DatabaseDump {
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

const snapMessage = (from: MemberId, to: MemberId, dump: TestDump): Message => {
  const metadata = { index: dump.index, term: 1, confState: dump.confState };
  return message(messageType.snap, from, to, { logTerm: 0, snapshot: { data: new Uint8Array(100), metadata } });
};

test('a snapshot arrives whole, made no faster than it is taken in, and its message after it', async () => {
  const { left, right, stop } = await pair();
  right.intakeDelayMs = 2;
  const dump = new TestDump(new Random(3).bytes(8_000_000));
  let arrived: boolean | undefined;
  let aheadMax = 0;
  left.transport?.sendSnapshot(b, snapMessage(a, b, dump), dump, (ok) => {
    arrived = ok;
  });
  const watch = setInterval(() => {
    const taken = right.intakes[0]?.pieces.reduce((sum, piece) => sum + piece.length, 0) ?? 0;
    aheadMax = Math.max(aheadMax, dump.pulled - taken);
  }, 1);
  await until(() => arrived !== undefined, 'snapshot');
  clearInterval(watch);
  equal(arrived, true);
  equal(dump.closed, 1);
  ok(right.intakes[0]?.kept?.equals(dump.bytes));
  ok(aheadMax < 7_000_000, `${aheadMax} bytes ahead`);
  deepEqual(
    right.received.map(({ type }) => type),
    [messageType.snap],
  );
  equal(left.counters.of('b2').snapshotsSent, 1);
  equal(right.counters.of('a1').snapshotsReceived, 1);
  equal(right.counters.of('a1').snapshotsReceiving, 0);
  stop();
});

test('a snapshot of one piece is kept only when that piece is written', async () => {
  const { left, right, stop } = await pair();
  right.intakeDelayMs = 20;
  const dump = new TestDump(new Random(4).bytes(1000));
  let arrived: boolean | undefined;
  left.transport?.sendSnapshot(b, snapMessage(a, b, dump), dump, (ok) => {
    arrived = ok;
  });
  await until(() => arrived !== undefined, 'snapshot');
  equal(arrived, true);
  ok(right.intakes[0]?.kept?.equals(dump.bytes));
  stop();
});

test('a snapshot cut short leaves nothing behind, and both sides say so', async () => {
  const { left, right, stop } = await pair();
  right.intakeDelayMs = 10;
  const dump = new TestDump(new Uint8Array(20_000_000));
  let arrived: boolean | undefined;
  left.transport?.sendSnapshot(b, snapMessage(a, b, dump), dump, (ok) => {
    arrived = ok;
  });
  await until(() => right.intakes[0] !== undefined && right.intakes[0].pieces.length > 2, 'begin');
  left.transport?.stop();
  await until(() => right.intakes[0]?.aborted === true && arrived !== undefined, 'abort');
  equal(arrived, false);
  equal(dump.closed, 1);
  equal(right.received.length, 0);
  equal(right.counters.of('a1').snapshotsUnreceived, 1);
  ok(right.log.has('failed to save incoming database snapshot'));
  ok(left.log.has('failed to send database snapshot'));
  stop();
});

test('a snapshot that is not what its sender sent is refused', async () => {
  const left = new Place(a);
  await left.start();
  const sent = encoded(snapMessage(b, a, new TestDump(new Uint8Array(0))));
  const headers = { ...good, Trailer: 'X-Quorate-Crc32c' };
  const answer = await call(`${left.url}/raft/snapshot`, 'POST', headers, sizedBody(sent.length, sent), {
    'X-Quorate-Crc32c': '12345678',
  });
  const why = 'failed to save KV snapshot (it has not the checksum that its sender gave it)\n';
  deepEqual([answer.status, answer.body], [500, why]);
  equal(left.intakes[0]?.aborted, true);
  equal(left.received.length, 0);
  left.stop();
});

test('a snapshot to nobody is closed', async () => {
  const left = new Place(a);
  const transport = await left.start();
  const dump = new TestDump(new Uint8Array(1));
  equal(await new Promise((done) => transport.sendSnapshot(b, snapMessage(a, b, dump), dump, done)), false);
  equal(dump.closed, 1);
  left.stop();
});

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

function call(
  url: string,
  method: string,
  headers: Record<string, string>,
  body?: Bytes,
  trailers: Record<string, string> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { method, headers, agent: false }, (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', reject);
      const answer = () => ({
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: Buffer.concat(pieces).toString(),
      });
      response.on('end', () => resolve(answer()));
    });
    request.on('error', reject);
    if (body !== undefined) request.write(body);
    request.addTrailers(trailers);
    request.end();
  });
}

const good = {
  'X-Server-From': idToHex(b),
  'X-Server-Version': '3.7.1',
  'X-Min-Cluster-Version': '3.0.0',
  'X-Etcd-Cluster-ID': idToHex(cluster),
  'X-Raft-To': idToHex(a),
};

const encoded = (each: Message): Bytes => {
  const to = new Writer(messageSize(each));
  writeMessage(to, each);
  return to.copy();
};

const sizedBody = (length: number, bytes: Bytes = new Uint8Array(0)): Bytes => {
  const to = new Writer();
  writeUint64(to, length);
  to.raw(bytes, 0, bytes.length);
  return to.copy();
};

test('strangers and strange requests are refused in etcd’s words', async () => {
  const left = new Place(a);
  await left.start();
  left.transport?.add(b, ['http://127.0.0.1:1']);
  left.removed.add(stranger);
  const stream = `/raft/stream/msgapp/${idToHex(b)}`;
  const fromStranger = encoded(message(messageType.heartbeat, stranger, a));
  const misled = encoded(message(messageType.heartbeat, b, b));
  const vote = encoded(message(messageType.vote, b, a));
  const cases: readonly (readonly [string, string, Partial<typeof good>, number, string, Bytes?])[] = [
    ['GET', stream, { 'X-Etcd-Cluster-ID': '78' }, 412, 'cluster ID mismatch\n'],
    ['GET', stream, { 'X-Etcd-Cluster-ID': '' }, 412, 'cluster ID mismatch\n'],
    ['GET', stream, { 'X-Server-Version': '2.3.8' }, 412, 'incompatible version\n'],
    ['GET', stream, { 'X-Server-Version': '' }, 412, 'incompatible version\n'],
    ['GET', stream, { 'X-Server-Version': 'new' }, 412, 'incompatible version\n'],
    ['GET', stream, { 'X-Min-Cluster-Version': '3.8.0' }, 412, 'incompatible version\n'],
    ['GET', stream, { 'X-Raft-To': 'ff' }, 412, 'to field mismatch\n'],
    ['POST', stream, {}, 405, 'Method Not Allowed\n'],
    ['GET', '/raft/stream/other/b2', {}, 404, 'invalid path\n'],
    ['GET', '/raft/stream/msgapp/x', {}, 404, 'invalid from\n'],
    ['GET', '/raft/stream/msgapp/d4', {}, 404, 'error sender not found\n'],
    ['GET', `/raft/stream/message/${idToHex(stranger)}`, {}, 410, 'removed member\n'],
    ['GET', '/raft', {}, 405, 'Method Not Allowed\n'],
    ['POST', '/raft', { 'X-Etcd-Cluster-ID': '78' }, 412, 'cluster ID mismatch\n', vote],
    ['POST', '/raft', {}, 400, 'error unmarshalling raft message\n', Uint8Array.of(0xff)],
    ['POST', '/raft', {}, 500, 'error processing raft message\n', fromStranger],
    ['POST', '/raft', {}, 500, 'error processing raft message\n', misled],
    ['POST', '/raft', {}, 500, 'error processing raft message\n', encoded(message(messageType.snap, b, b))],
    [
      'POST',
      '/raft',
      {},
      500,
      'error processing raft message\n',
      encoded(message(messageType.vote, b, b, { term: 2 ** 50 })),
    ],
    [
      'POST',
      '/raft',
      {},
      400,
      'error unmarshalling raft message\n',
      encoded(message(messageType.vote, b, a, { term: 2 ** 50 })),
    ],
    ['POST', '/raft', {}, 204, '', encoded(message(92 as MessageType, b, a))],
    ['POST', '/raft', {}, 413, 'request body too large\n', new Uint8Array(64 * 1024 * 1024 + 1)],
    ['POST', '/raft', {}, 204, '', vote],
    [
      'POST',
      '/raft',
      {},
      400,
      'wrong raft message type\n',
      encoded(snapMessage(b, a, new TestDump(new Uint8Array(0)))),
    ],
    ['GET', '/raft/snapshot', {}, 405, 'Method Not Allowed\n'],
    ['POST', '/raft/snapshot', { 'X-Server-Version': '2.3.8' }, 412, 'incompatible version\n'],
    ['POST', '/raft/snapshot', {}, 400, 'failed to decode raft message (EOF)\n'],
    ['POST', '/raft/snapshot', {}, 400, 'failed to decode raft message (EOF)\n', sizedBody(9)],
    [
      'POST',
      '/raft/snapshot',
      {},
      400,
      'failed to decode raft message (unexpected EOF)\n',
      sizedBody(9, new Uint8Array(3)),
    ],
    [
      'POST',
      '/raft/snapshot',
      {},
      400,
      'failed to decode raft message (rafthttp: error limit exceeded)\n',
      sizedBody(2 ** 40),
    ],
    ['POST', '/raft/snapshot', {}, 400, 'wrong raft message type\n', sizedBody(vote.length, vote)],
    ['GET', '/raft/else', {}, 404, '404 page not found\n'],
  ];
  for (const [method, path, headers, status, body, sent] of cases) {
    const answer = await call(`${left.url}${path}`, method, { ...good, ...headers }, sent);
    deepEqual([status, body], [answer.status, answer.body], `${method} ${path} ${JSON.stringify(headers)}`);
    if (path !== '/raft/else' && status !== 405) equal(answer.headers['x-etcd-cluster-id'], idToHex(cluster));
    if (status === 405) equal(answer.headers.allow, method === 'GET' ? 'POST' : 'GET');
  }
  equal(left.received.length, 2);
  const probe = await call(`${left.url}/raft/probing`, 'GET', {});
  match(probe.body, /^\{"OK":true,"Now":"\d{4}-[^"]+Z"\}\n$/);
  left.stop();
});

test('who is told that it was removed is told once by each peer, and does not take it for a fault', async () => {
  const [left, right] = [new Place(a), new Place(b)];
  const [one] = [await left.start(), await right.start()];
  right.removed.add(a);
  one.add(b, [right.url]);
  await until(() => left.removedByPeer > 0, 'refusal of a stream');
  const before = left.removedByPeer;
  one.send(b, message(messageType.heartbeat, a, b));
  await until(() => left.removedByPeer > before, 'refusal of a post');
  ok(right.log.has('rejected stream from remote peer because it was removed'));
  left.stop();
  right.stop();
});

test('a member that does not know us yet can answer us, by the URLs that we gave', async () => {
  const [left, right] = [new Place(a), new Place(b)];
  const [one, other] = [await left.start(), await right.start()];
  one.add(b, [right.url]);
  await until(() => right.log.has('added new remote peer'), 'remote');
  other.send(a, message(messageType.appResp, b, a, { index: 3 }));
  await until(() => left.received.length === 1, 'answer');
  left.stop();
  right.stop();
});

test('a peer of another cluster is dialled in vain, and the log says why', async () => {
  const [left, right] = [new Place(a), new Place(b)];
  const [one] = [await left.start(), await right.start(0x78n as ClusterId)];
  one.add(b, [right.url]);
  await until(() => left.log.has('request sent was ignored by remote peer due to cluster ID mismatch'), 'refusal');
  ok(right.log.has('request cluster ID mismatch'));
  equal(left.transport?.activeSinceMs(b), undefined);
  left.stop();
  right.stop();
});

/** A port at which each connection is treated by `treat`. */
async function badPeer(treat: (socket: Socket) => void): Promise<{ readonly url: string; readonly close: () => void }> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    treat(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  opened.push(close);
  return { url: urlOf(server), close };
}

test('garbage instead of a stream, or in one, ends it; another URL is tried', async () => {
  const streamHead = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
  const garbage = ['SSH-2.0-OpenSSH\r\n\r\n', `${streamHead}nonsense\r\n`, `${streamHead}9\r\n\x09garbage!\r\n`];
  for (const said of garbage) {
    const [left, right] = [new Place(a), new Place(b)];
    const [one, other] = [await left.start(), await right.start()];
    let dialled = 0;
    const bad = await badPeer((socket) => {
      dialled++;
      socket.once('data', () => socket.write(said, 'latin1'));
    });
    one.add(b, [bad.url]);
    await until(() => dialled >= 4, 'dials');
    equal(left.received.length, 0);
    one.update(b, [bad.url, right.url]);
    other.add(a, [left.url]);
    if (!said.startsWith(streamHead)) await until(() => left.transport?.activeSinceMs(b) !== undefined, 'other URL');
    left.stop();
    right.stop();
    bad.close();
  }
});

test('members ask each other at one URL after the other, and hear of it when none answers', async () => {
  const [left, right] = [new Place(a), new Place(b)];
  const [one] = [await left.start(), await right.start()];
  const silent = await badPeer(() => {});
  const ask = (urls: readonly string[], to = b) => {
    one.update(b, urls);
    return new Promise((answered) => one.ask(to, getRequest('/members', 100), answered));
  };
  one.add(b, [right.url]);
  equal(await ask([right.url], stranger), undefined);
  const found = await ask(['http://127.0.0.1:1', silent.url, right.url]);
  deepEqual(found, { status: 404, body: Buffer.from('404 page not found\n') });
  equal(await ask(['http://127.0.0.1:1', silent.url]), undefined);
  left.stop();
  right.stop();
  silent.close();
});
