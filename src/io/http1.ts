/** HTTP/1.1 through `node:http`: requests become values, values become responses. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Handler, HttpRequest, HttpResponse } from '../http/message.js';
import { badRequest } from '../http/router.js';

export type Http1Limits = {
  /** A larger body is refused with 413. */
  readonly bodyBytesMax: number;
  /** Headers that take longer to come end the connection, so that slow senders cannot hold it. */
  readonly headersTimeoutMs: number;
  /** The same for a whole request. */
  readonly requestTimeoutMs: number;
};

export type Http1Options = {
  /** Over TLS. */
  readonly secure?: boolean;
  /** Takes requests that are more than values, by answering true: bodies that stream, either way. */
  readonly first?: (message: IncomingMessage, response: ServerResponse) => boolean;
  /** Instead of a limit for a whole request: how long nothing may come or go. */
  readonly idleTimeoutMs?: number;
};

const headerBytesMax = 64 * 1024;
const overheadBytes = 512 * 1024;
const checkEveryMs = 5000;

/** `requestBytesMax`: `--max-request-bytes`. */
export function http1Limits(requestBytesMax: number): Http1Limits {
  // A request in JSON is a third larger than its bytes, and more with its names.
  const bodyBytesMax = requestBytesMax * 2 + overheadBytes;
  return { bodyBytesMax, headersTimeoutMs: 10_000, requestTimeoutMs: 60_000 };
}

/** A server that listens nowhere yet: give it sockets by `listen`, or by `emit('connection', socket)`. */
export function createHttp1Server(
  handler: Handler,
  limits: Http1Limits,
  { secure = false, first, idleTimeoutMs }: Http1Options = {},
): Server {
  const server = createServer(
    {
      maxHeaderSize: headerBytesMax,
      headersTimeout: limits.headersTimeoutMs,
      requestTimeout: idleTimeoutMs === undefined ? limits.requestTimeoutMs : 0,
      connectionsCheckingInterval: checkEveryMs,
      keepAlive: true,
    },
    (message, response) => {
      if (first?.(message, response) !== true) serve(handler, limits, secure, message, response);
    },
  );
  if (idleTimeoutMs !== undefined) server.setTimeout(idleTimeoutMs);
  // Without a handler of its own, Node would close the connection of a CONNECT without a word.
  server.on('connect', (message, socket) => {
    socket.end(`HTTP/${message.httpVersion} 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  });
  return server;
}

function serve(
  handler: Handler,
  limits: Http1Limits,
  secure: boolean,
  message: IncomingMessage,
  response: ServerResponse,
): void {
  const chunks: Buffer[] = [];
  let length = 0;
  message.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= limits.bodyBytesMax) chunks.push(chunk);
    else refuseBody(message, response);
  });
  message.on('end', () => {
    if (response.headersSent) return;
    const request = requestOf(message, Buffer.concat(chunks), secure);
    if (request === undefined) return send(response, badRequest);
    handler(request, (answer) => send(response, answer));
  });
}

/** Answers at once; the rest of the body is not read. */
function refuseBody(message: IncomingMessage, response: ServerResponse): void {
  if (response.headersSent) return;
  response.shouldKeepAlive = false;
  send(response, {
    status: 413,
    headers: { 'Content-Type': 'text/plain; charset=utf-8' },
    body: 'request body too large\n',
  });
  message.destroy();
}

function requestOf(message: IncomingMessage, body: Buffer, secure: boolean): HttpRequest | undefined {
  const target = message.url ?? '/';
  // A proxy is asked with the whole URL; what counts here is its path.
  const local = target.startsWith('/') ? target : target.replace(/^[a-z]+:\/\/[^/?]*/i, '');
  const question = local.indexOf('?');
  const path = decoded(question < 0 ? local : local.slice(0, question));
  if (path === undefined) return undefined;
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(message.headers))
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  return {
    method: message.method ?? 'GET',
    path,
    query: question < 0 ? '' : local.slice(question + 1),
    host: headers.host ?? '',
    headers,
    body,
    secure,
  };
}

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

function send(response: ServerResponse, answer: HttpResponse): void {
  if (response.destroyed || response.headersSent) return;
  const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body;
  response.writeHead(answer.status, { ...answer.headers, 'Content-Length': body.length });
  response.end(body);
}
