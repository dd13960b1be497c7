/** Answers on the peer port that are more than values, in Go's words. */
import type { ServerResponse } from 'node:http';

/** Go's `http.Error`. */
export function refuse(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent || response.destroyed) return;
  const body = `${text}\n`;
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
    'Content-Length': Buffer.byteLength(body),
  });
  response.end(body);
}

export function refuseMethod(response: ServerResponse, allowed: string): void {
  response.setHeader('Allow', allowed);
  refuse(response, 405, 'Method Not Allowed');
}
