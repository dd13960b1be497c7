/** One linearizable get: whether a server answers what it must ask its cluster for, and not only that its port is open. */
import { utf8 } from '../../base/bytes.js';
import { CallHead, type ClientCall } from '../../wire/grpc/client.js';
import { type GrpcCode, grpcCode } from '../../wire/grpc/service.js';
import { Dialer } from '../connection.js';
import { rangeOf, rangePath } from './work.js';

const patienceMs = 10_000;

/** False when the server is not there, or not ready. */
export async function getOnce(host: string, port: number): Promise<boolean> {
  const dialer = new Dialer();
  try {
    const connection = await dialer.dial({ host, port });
    return await new Promise((resolve) => {
      const events = { message() {}, ended: (_: ClientCall, code: GrpcCode) => resolve(code === grpcCode.ok) };
      connection.call(new CallHead(rangePath, `${host}:${port}`), rangeOf(utf8('ready?')), events, patienceMs);
    });
  } catch {
    return false;
  } finally {
    dialer.close();
  }
}
