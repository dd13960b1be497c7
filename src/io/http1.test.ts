// Proves: HTTP/1.1 bytes become request values and responses become bytes, within the limits.
import { deepEqual, equal, match } from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { text } from '../base/bytes.js';
import type { Handler, HttpRequest } from '../http/message.js';
import { createHttp1Server, type Http1Limits } from './http1.js';

const limits: Http1Limits = { bodyBytesMax: 100, headersTimeoutMs: 1000, requestTimeoutMs: 1000 };

/** Sends `bytes` on one connection, and gives all that came back until it was closed. */
function exchange(handler: Handler, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const received: Buffer[] = [];
    const socket = new Duplex({
      read() {},
      write(chunk: Buffer, _, done) {
        received.push(chunk);
        done();
      },
    });
    const close = () => resolve(Buffer.concat(received).toString());
    socket.on('finish', close);
    socket.on('close', close);
    createHttp1Server(handler, limits).emit('connection', socket);
    socket.push(bytes);
  });
}

test('a request and its answer', async () => {
  const seen: HttpRequest[] = [];
  const answer = await exchange((request, respond) => {
    seen.push(request);
    respond({ status: 200, headers: { 'Content-Type': 'x/y' }, body: 'hé' });
  }, 'POST /a%20b?c=d HTTP/1.1\r\nHost: h:1\r\nX-Y: z\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc');
  match(answer, /^HTTP\/1\.1 200 OK\r\nContent-Type: x\/y\r\nContent-Length: 3\r\n/);
  const [request] = seen;
  const { method, path, query, host, body } = request as HttpRequest;
  deepEqual([method, path, query, host, text(body)], ['POST', '/a b', 'c=d', 'h:1', 'abc']);
  equal(request?.headers['x-y'], 'z');
});

test('a body over the limit is refused, and the connection ends', async () => {
  const body = 'x'.repeat(200);
  const answer = await exchange(() => {}, `POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 200\r\n\r\n${body}`);
  match(answer, /^HTTP\/1\.1 413 /);
});

test('a path that is no path, and a request without a host', async () => {
  match(await exchange(() => {}, 'GET /%zz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 400 /);
  match(await exchange(() => {}, 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n'), /^HTTP\/1\.1 400 /);
});
