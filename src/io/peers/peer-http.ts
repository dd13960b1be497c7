/** Single requests to peers, over connections that are kept: pipeline posts, probes, and what members ask each other. */
import { Agent, type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps, Agent as SecureAgent } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import { type Bytes, noBytes } from '../../base/bytes.js';
import { faultText } from '../fault.js';
import type { PeerPlace } from './peer-url.js';

export interface HttpAsk {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Bytes | undefined;
  /** For the whole of it; 0 for none. */
  readonly timeoutMs: number;
}

export type HttpAnswer =
  | {
      readonly ok: true;
      readonly status: number;
      readonly statusText: string;
      readonly headers: Readonly<Record<string, string | string[] | undefined>>;
      readonly body: Bytes;
    }
  | { readonly ok: false; readonly why: string };

/** A longer answer is none. */
const answerBytesMax = 4 * 1024 * 1024;
export const bodyTooLarge = 'request body too large';

export class PeerHttp {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #secureAgent: SecureAgent;

  constructor(tls: ConnectionOptions = {}) {
    this.#secureAgent = new SecureAgent({ ...tls, keepAlive: true });
  }

  /** `answered` is called once. The returned function gives it up, without an answer. */
  ask(place: PeerPlace, ask: HttpAsk, answered: (answer: HttpAnswer) => void): () => void {
    let request: ClientRequest | undefined;
    let over = false;
    const done = (answer: HttpAnswer) => {
      if (over) return;
      over = true;
      clearTimeout(timer);
      answered(answer);
    };
    const failed = (why: string) => {
      done({ ok: false, why });
      request?.destroy();
    };
    const timer = ask.timeoutMs > 0 ? setTimeout(() => failed('context deadline exceeded'), ask.timeoutMs) : undefined;
    const begin = (again: boolean) => {
      const sent = this.open(place, ask, (message) => gather(message, answerBytesMax, done));
      request = sent;
      sent.on('error', (error) => {
        // The peer may have ended a kept connection in the moment in which we took it again. If it did not, it may have seen the request.
        if (sent.reusedSocket && again && !over && isUnseen(ask, error)) return begin(false);
        failed(faultText(error));
      });
      sent.end(ask.body);
    };
    begin(true);
    return () => {
      over = true;
      clearTimeout(timer);
      request?.destroy();
    };
  }

  /** A request whose body the caller writes. */
  open(place: PeerPlace, ask: Omit<HttpAsk, 'body' | 'timeoutMs'>, answered: (message: IncomingMessage) => void) {
    const { method, path } = ask;
    const target = place.path === '' ? { host: place.host, port: place.port } : { socketPath: place.path };
    const options = { ...target, method, path, headers: { Host: place.authority, ...ask.headers } };
    if (!place.secure) return requestHttp({ ...options, agent: this.#agent }, answered);
    return requestHttps({ ...options, agent: this.#secureAgent }, answered);
  }

  close(): void {
    this.#agent.destroy();
    this.#secureAgent.destroy();
  }
}

/**
 * A message to raft must not arrive twice: a forwarded proposal would come true twice. So a post is sent again only where the kernel
 * would not take it whole; a question may be. Source: `isReplayable` of Go's net/http, which etcd posts with.
 */
function isUnseen({ method }: HttpAsk, error: NodeJS.ErrnoException): boolean {
  return method === 'GET' || error.code === 'EPIPE';
}

/** Reads the whole body, if it is not too long; `gathered` is called once. */
export function gather(message: IncomingMessage, bytesMax: number, gathered: (answer: HttpAnswer) => void): void {
  const pieces: Buffer[] = [];
  let bytes = 0;
  let over = false;
  const done = (answer: HttpAnswer) => {
    if (!over) gathered(answer);
    over = true;
  };
  message.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes <= bytesMax) pieces.push(piece);
    else done({ ok: false, why: bodyTooLarge });
  });
  message.on('error', (error) => done({ ok: false, why: faultText(error) }));
  message.on('close', () => done({ ok: false, why: 'unexpected EOF' }));
  message.on('end', () => {
    const body = pieces.length === 0 ? noBytes : Buffer.concat(pieces);
    const { statusCode = 0, statusMessage = '', headers } = message;
    done({ ok: true, status: statusCode, statusText: statusMessage, headers, body });
  });
}

export function headerOf(headers: Readonly<Record<string, string | string[] | undefined>>, name: string): string {
  const value = headers[name];
  return typeof value === 'string' ? value : (value?.[0] ?? '');
}
