// Proves: over real sockets, members get each other's messages and snapshots whole, refuse strangers in etcd's words, and
// come through peers that are silent, stuck, garbled or gone.
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, test } from 'node:test';
import type { Bytes } from '../../base/bytes.js';
import { type ClusterId, idToHex } from '../../base/ids.js';
import { Random } from '../../base/random.js';
import { getRequest, type PeerAnswer } from '../../member/peers.js';
import { writeUint64 } from '../../wire/peer/message-stream.js';
import { Writer } from '../../wire/proto/writer.js';
import { messageSize, writeMessage } from '../../wire/raftpb/codec.js';
import { type Message, type MessageType, messageType } from '../../wire/raftpb/types.js';
import { linkHeartbeatMs } from './peer-setup.js';
import {
  a,
  append,
  b,
  closeAll,
  cluster,
  message,
  opened,
  Place,
  pair,
  plain,
  snapMessage,
  stranger,
  TestDump,
  until,
  urlOf,
} from './places.js';

afterEach(closeAll);

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
