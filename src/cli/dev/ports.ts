/** Whether ports are free, asked before anything is started: the members' own complaints would come one by one and late. */
import { createServer } from 'node:net';
import { faultText } from '../../io/fault.js';

export const loopback = '127.0.0.1';

/** Why the port cannot be had, or undefined. */
export function portRefusal(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'EADDRINUSE' ? 'is in use' : `cannot be had: ${faultText(error)}`);
    });
    server.listen({ host: loopback, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
