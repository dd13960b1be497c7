/**
 * HTTP as values: a request in, a response out, in the same turn or a later one. Sockets are `io/`'s business.
 */
import { type Bytes, noBytes } from '../base/bytes.js';

export type HttpRequest = {
  readonly method: string;
  /** Decoded, without the query. */
  readonly path: string;
  /** What stands behind the question mark. */
  readonly query: string;
  /** As sent; empty when there was none. */
  readonly host: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Bytes;
  /** Over TLS. */
  readonly secure: boolean;
};

export type HttpResponse = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Bytes;
};

/** Called once for each request. */
export type Respond = (response: HttpResponse) => void;
export type Handler = (request: HttpRequest, respond: Respond) => void;

export const okEmpty: HttpResponse = { status: 200, headers: {}, body: noBytes };

export const textType = 'text/plain; charset=utf-8';

/** Go's `http.Error`: plain text, a line end after it, and no guessing of types. */
export function errorResponse(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): HttpResponse {
  return {
    status,
    headers: { ...headers, 'Content-Type': textType, 'X-Content-Type-Options': 'nosniff' },
    body: `${text}\n`,
  };
}

export const notFound: HttpResponse = errorResponse(404, '404 page not found');
export const methodNotAllowed: HttpResponse = errorResponse(405, 'Method Not Allowed', { Allow: 'GET' });

export function jsonResponse(body: string, type = 'application/json'): HttpResponse {
  return { status: 200, headers: { 'Content-Type': type }, body };
}
