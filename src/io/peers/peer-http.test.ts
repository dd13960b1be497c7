// Proves: a request that a peer may have seen is not sent to it twice, for a forwarded proposal would come true twice.
import { deepEqual, equal } from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { utf8 } from '../../base/bytes.js';
import { type HttpAnswer, PeerHttp } from './peer-http.js';
import { peerPlace } from './peer-url.js';

/** Answers the first request of a connection; takes the second whole, and is gone before it answers. */
async function forgetful(t: TestContext) {
  const taken: string[] = [];
  const met = new WeakSet<object>();
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (piece) => {
      body += piece;
    });
    request.on('end', () => {
      taken.push(`${request.method} ${body}`);
      if (met.has(request.socket)) request.socket.resetAndDestroy();
      else response.end('first');
      met.add(request.socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const http = new PeerHttp();
  const place = peerPlace(`http://127.0.0.1:${port}`);
  const ask = (method: 'GET' | 'POST', body?: string) =>
    new Promise<HttpAnswer>((resolve) => {
      const asked = { method, path: '/', headers: {}, body: body === undefined ? undefined : utf8(body) };
      http.ask(place, { ...asked, timeoutMs: 5_000 }, resolve);
    });
  t.after(() => {
    http.close();
    server.close();
    server.closeAllConnections();
  });
  return { taken, ask };
}

test('a post whose connection ends without an answer is not sent again', async (t) => {
  const { taken, ask } = await forgetful(t);
  equal((await ask('POST', 'one')).ok, true);
  equal((await ask('POST', 'two')).ok, false);
  deepEqual(taken, ['POST one', 'POST two']);
});

test('a question is asked again: the kept connection may have been ending', async (t) => {
  const { taken, ask } = await forgetful(t);
  equal((await ask('GET')).ok, true);
  equal((await ask('GET')).ok, true);
  deepEqual(taken, ['GET ', 'GET ', 'GET ']);
});
