// Proves: one port serves HTTP/2 and HTTP/1.1 by the first bytes, a turn's replies leave together, and ends are graceful.
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { text, utf8 } from '../base/bytes.js';
import { Dialer } from '../client/connection.js';
import { CallHead, type ClientEvents } from '../wire/grpc/client-call.js';
import { createGrpcServer } from '../wire/grpc/server.js';
import type { Call, Method } from '../wire/grpc/service.js';
import { frameType, preface } from '../wire/http2/protocol.js';
import { rawFrame, readFrames } from '../wire/http2/raw-frames.js';
import { Listener } from './listener.js';

const folder = mkdtempSync(join(tmpdir(), 'quorate-listener-'));
after(() => rmSync(folder, { recursive: true }));

const echo: Method = {
  kind: 'unary',
  message: (call, bytes, start, end) => call.reply(bytes, start, end),
};
const held: Call[] = [];
const hold: Method = { kind: 'bidi', open: (call) => void held.push(call), message() {} };
const services = new Map([
  ['/test.Echo/Unary', echo],
  ['/test.Echo/Hold', hold],
]);
const http1 = () =>
  createServer((asked, answer) => answer.end(`${asked.method} ${asked.url} over ${asked.httpVersion}`));

interface Answer {
  readonly messages: string[];
  readonly code: number;
  readonly reason: string;
}

/** The events of one call, and a promise of how it ends. */
function waiting(): { events: ClientEvents; answer: Promise<Answer> } {
  const messages: string[] = [];
  let settle: (answer: Answer) => void;
  const answer = new Promise<Answer>((resolve) => {
    settle = resolve;
  });
  const events: ClientEvents = {
    message: (_call, bytes, start, end) => void messages.push(text(bytes.subarray(start, end))),
    ended: (_call, code, reason) => settle({ messages, code, reason }),
  };
  return { events, answer };
}

async function say(dialer: Dialer, target: { port: number } | { path: string }, message: string): Promise<Answer> {
  const connection = await dialer.dial(target);
  const { events, answer } = waiting();
  connection.call(new CallHead('/test.Echo/Unary', 'localhost'), utf8(message), events);
  return answer;
}

test('HTTP/2 and HTTP/1.1 on one port, however the first bytes are cut', async () => {
  const listener = new Listener({ grpc: createGrpcServer(services), http1: http1() });
  const { port } = await listener.listen('http://127.0.0.1:0');
  const dialer = new Dialer();
  deepEqual(await say(dialer, { port }, 'hello'), { messages: ['hello'], code: 0, reason: '' });

  const asked = request({ port, path: '/version' });
  asked.end();
  const [answer] = await once(asked, 'response');
  equal(String((await answer.toArray()).join('')), 'GET /version over 1.1');

  for (const [bytes, expected] of [
    [utf8('GET /slowly HTTP/1.1\r\nHost: x\r\n\r\n'), /GET \/slowly over 1.1/],
    [utf8('PROPFIND / HTTP/1.1\r\nHost: x\r\n\r\n'), /PROPFIND \/ over 1.1/],
    [utf8('nonsense\r\n\r\n'), /400 Bad Request/],
  ] as const) {
    const socket = await dial(port);
    socket.write(bytes.subarray(0, 2));
    await new Promise(setImmediate);
    socket.write(bytes.subarray(2));
    const [chunk] = await once(socket, 'data');
    match(String(chunk), expected);
    socket.destroy();
  }
  dialer.close();
  await listener.close(1_000);
});

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true);
  await once(socket, 'connect');
  return socket;
}

test('a unix socket', async () => {
  const path = join(folder, 'socket');
  const left = new Listener({ grpc: createGrpcServer(services) });
  await left.listen(`unix://${path}`);
  const listener = new Listener({ grpc: createGrpcServer(services) });
  await listener.listen(`unix://${path}`); // The one left over gives way.
  const dialer = new Dialer();
  equal((await say(dialer, { path }, 'hello')).code, 0);
  dialer.close();
  await listener.close(0);
  await left.close(0);
});

test("a place that is taken is refused in Go's words", async () => {
  const listener = new Listener({ grpc: createGrpcServer(services) });
  const { port } = await listener.listen('http://127.0.0.1:0');
  const second = new Listener({ grpc: createGrpcServer(services) });
  await rejects(second.listen(`http://127.0.0.1:${port}`), {
    message: `listen tcp 127.0.0.1:${port}: bind: address already in use`,
  });
  await rejects(second.listen(`http://localhost:${port}`), {
    message: `listen tcp 127.0.0.1:${port}: bind: address already in use`,
  });
  await rejects(second.listen('http://192.0.2.1:2379'), {
    message: 'listen tcp 192.0.2.1:2379: bind: cannot assign requested address',
  });
  await rejects(second.listen(`unix://${folder}/no/such`), {
    message: `listen unix ${folder}/no/such: bind: no such file or directory`,
  });
  await listener.close(0);
  await second.close(0);
});

test('the end of a turn runs before its replies leave, and they leave in one write', async () => {
  const order: string[] = [];
  const late: Call[] = [];
  const method: Method = {
    kind: 'unary',
    message(call) {
      order.push('message');
      late.push(call);
    },
  };
  const listener = new Listener({ grpc: createGrpcServer(new Map([['/test.Echo/Unary', method]])) });
  listener.onTurnEnd(() => {
    if (late.length > 0) order.push('turn ends');
    for (const call of late.splice(0)) call.reply(utf8('batched'));
  });
  const { port } = await listener.listen('http://127.0.0.1:0');
  const dialer = new Dialer();
  const connection = await dialer.dial({ port });
  const head = new CallHead('/test.Echo/Unary', 'localhost');
  const calls = Array.from({ length: 5 }, waiting);
  for (const { events } of calls) connection.call(head, utf8('x'), events);
  for (const { answer } of calls) deepEqual((await answer).messages, ['batched']);
  deepEqual(order, [...new Array(5).fill('message'), 'turn ends']);
  dialer.close();
  await listener.close(0);
});

test('a client that does not read stops the stream it asked for, and the server reads it no more', async () => {
  const listener = new Listener({ grpc: createGrpcServer(services) });
  const { port } = await listener.listen('http://127.0.0.1:0');
  const dialer = new Dialer();
  const connection = await dialer.dial({
    port,
    limits: { streamWindowBytes: 0x7fff_ffff, connectionWindowBytes: 0x7fff_ffff },
  });
  const { events, answer } = waiting();
  held.length = 0;
  const asked = connection.open(new CallHead('/test.Echo/Hold', 'localhost'), events);
  asked.send(utf8('begin'));
  while (held.length === 0) await new Promise(setImmediate);
  const [call] = held as [Call];
  const sockets = [...dialer.sockets()];
  for (const socket of sockets) socket.pause();
  const chunk = new Uint8Array(65_536);
  let sent = 0;
  for (let idle = 0; idle < 50; idle++) {
    for (; call.writable; idle = 0) {
      call.send(chunk);
      sent += chunk.length;
    }
    await new Promise(setImmediate);
  }
  ok(sent < 50_000_000, `sent ${sent}`);
  ok(call.queuedBytes < 200_000);
  for (const socket of sockets) socket.resume();
  while (!call.writable) await new Promise(setImmediate);
  call.end();
  equal((await answer).messages.length, sent / chunk.length);
  dialer.close();
  await listener.close(0);
});

test('a client that asks on without taking the answers is not heard', async () => {
  const large: Method = { kind: 'unary', message: (call) => call.reply(new Uint8Array(200_000)) };
  const server = createGrpcServer(new Map([['/test.Echo/Unary', large]]));
  const listener = new Listener({ grpc: server });
  const { port } = await listener.listen('http://127.0.0.1:0');
  const dialer = new Dialer();
  const wide = { streamWindowBytes: 0x7fff_ffff, connectionWindowBytes: 0x7fff_ffff };
  const connection = await dialer.dial({ port, limits: wide });
  const [socket] = [...dialer.sockets()] as [Socket];
  const head = new CallHead('/test.Echo/Unary', 'localhost');
  const calls = Array.from({ length: 250 }, waiting);
  for (const [i, { events }] of calls.entries()) {
    connection.call(head, new Uint8Array(1_000), events);
    if (i === 0) socket.pause();
    if (i % 10 === 0) await new Promise(setImmediate);
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  const waits = listener.queuedBytes;
  ok(waits < 20_000_000, `${waits} of 50,000,000 bytes wait`);
  socket.resume();
  for (const { answer } of calls) equal((await answer).code, 0);
  equal(listener.queuedBytes, 0);
  dialer.close();
  await listener.close(0);
});

test('a graceful end: calls in flight are served, and what is idle is closed at once', async () => {
  const listener = new Listener({ grpc: createGrpcServer(services), http1: http1() });
  const { port } = await listener.listen('http://127.0.0.1:0');
  const dialer = new Dialer();
  const connection = await dialer.dial({ port });
  held.length = 0;
  const { events, answer } = waiting();
  const call = connection.open(new CallHead('/test.Echo/Hold', 'localhost'), events);
  call.send(utf8('x'));
  const idle = await dial(port);
  while (held.length === 0) await new Promise(setImmediate);
  const closed = listener.close(5_000);
  await once(idle, 'close');
  await rejects(dial(port));
  held[0]?.send(utf8('still here'));
  held[0]?.end();
  deepEqual(await answer, { messages: ['still here'], code: 0, reason: '' });
  await closed;
  equal(listener.connections, 0);
  dialer.close();
});

test('a broken rule is answered with GOAWAY before the socket closes', async () => {
  const listener = new Listener({ grpc: createGrpcServer(services), http1: http1() });
  const { port } = await listener.listen('http://127.0.0.1:0');
  const socket = await dial(port);
  socket.write(preface);
  socket.write(rawFrame(frameType.settings, 0, 0));
  socket.write(rawFrame(frameType.data, 0, 0));
  const frames = readFrames(Buffer.concat(await socket.toArray()));
  equal(frames.at(-1)?.type, frameType.goAway);
  await listener.close(0);
});

test('a connection that never says what it speaks is closed', async () => {
  const listener = new Listener({ grpc: createGrpcServer(services), http1: http1(), handshakeTimeoutMs: 30 });
  const { port } = await listener.listen('http://127.0.0.1:0');
  const socket = await dial(port);
  socket.write('PR');
  await once(socket, 'close');
  while (listener.connections > 0) await new Promise(setImmediate);
  await listener.close(0);
});
