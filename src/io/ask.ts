/** One HTTP request to a member that is no peer yet: before there is a member here, nobody else can ask. */
import { type IncomingHttpHeaders, request } from 'node:http';
import { request as secureRequest } from 'node:https';
import { listenAddress } from '../base/urls.js';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** What is longer is no answer of a member. */
const answerBytesMax = 4 << 20;

/** Rejects when there is no whole answer within `timeoutMs`. */
export function get(url: string, path: string, timeoutMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const address = listenAddress(url);
    const place = 'path' in address ? { socketPath: address.path } : { host: address.host, port: address.port };
    const send = /^(?:https|unixs):/.test(url) ? secureRequest : request;
    const asked = send({ ...place, path, signal: AbortSignal.timeout(timeoutMs), agent: false }, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > answerBytesMax) asked.destroy(new Error('the answer is too long'));
        else chunks.push(chunk);
      });
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
      response.on('error', reject);
    });
    asked.on('error', reject);
    asked.end();
  });
}
