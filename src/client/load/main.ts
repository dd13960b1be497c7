/**
 * The load generator on our own client half: one kind of work, many callers, one line of JSON.
 *
 *     node dist/client/load/main.js --endpoint=127.0.0.1:2379 --work=put --clients=1000 --connections=100 --seconds=5
 *
 * Takes the flags of `bench/go/load` and prints the same figures, at a fraction of its cost: requests are encoded once,
 * no call makes a promise, latencies are counted in buckets. So it leaves the processor to the server.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CallHead, type ClientCall, type ClientConnection, type ClientEvents } from '../../wire/grpc/client.js';
import { type GrpcCode, grpcCode } from '../../wire/grpc/service.js';
import { Dialer, type Target } from '../connection.js';
import { type LoadFlags, readFlags } from './flags.js';
import { Load } from './load.js';
import { cpuSeconds, residentMiB } from './server-process.js';
import { putPath, type Work, workOf } from './work.js';

/** SIGTERM ends the counting early: what has been counted is told. */
const asked = new AbortController();
const { signal } = asked;
process.once('SIGTERM', () => asked.abort());
const ended = () => {};

try {
  const flags = readFlags(process.argv.slice(2));
  console.log(JSON.stringify(await run(flags)));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}

async function run(flags: LoadFlags) {
  const work = workOf(flags);
  const dialer = new Dialer();
  const targets = flags.endpoint.split(',').map(targetOf);
  const dials = Array.from({ length: flags.connections }, (_, i) => dialer.dial(targets[i % targets.length] ?? {}));
  const connections = await Promise.all(dials);
  await prepare(work, flags, connections[0] as ClientConnection);

  const load = new Load(flags, work, connections);
  const result = await measure(load, dialer);
  dialer.close();
  return result;
}

/** `127.0.0.1:2379` */
function targetOf(endpoint: string): Target {
  const [, host = '', port = ''] = /^(.+):(\d+)$/.exec(endpoint) ?? [];
  return { host, port: Number(port) };
}

async function measure(load: Load, dialer: Dialer) {
  const { flags } = load;
  // A load that ends by itself has nothing to warm up with: it rests, connected, so that its own start disturbs nobody.
  if (flags.total > 0) await sleep(flags.warmup * 1000);
  const startMs = dialer.nowMs();
  const pacer = flags.pace > 0 ? setInterval(() => load.pace(startMs, dialer.nowMs()), 1) : undefined;
  if (pacer === undefined) load.start(startMs);
  if (flags.total === 0) await sleep(flags.warmup * 1000);
  const beganMs = dialer.nowMs();
  const serverSeconds = cpuSeconds(flags.pid);
  const own = process.cpuUsage();
  load.counting = true;
  if (flags.total === 0) await sleep(flags.seconds * 1000, undefined, { signal }).catch(ended);
  else await load.done();
  load.counting = false;
  const seconds = (dialer.nowMs() - beganMs) / 1000;
  const serverMicros = (cpuSeconds(flags.pid) - serverSeconds) * 1e6;
  const { user, system } = process.cpuUsage(own);
  clearInterval(pacer);
  load.stop();
  await load.done();

  const { latencies, errors } = load;
  const operations = latencies.count;
  const perOperation = (micros: number) => micros / Math.max(operations, 1);
  return {
    work: flags.work,
    operations,
    seconds,
    rate: operations / seconds,
    p50Ms: latencies.atMicros(0.5) / 1000,
    p99Ms: latencies.atMicros(0.99) / 1000,
    maxMs: latencies.maxMicros / 1000,
    serverCpuMicrosPerOperation: perOperation(serverMicros),
    clientCpuMicrosPerOperation: perOperation(user + system),
    serverRssMiB: residentMiB(flags.pid),
    errors,
  };
}

/** Writes what the work expects to find, all puts at once. */
async function prepare({ prepare: puts = [] }: Work, flags: LoadFlags, connection: ClientConnection): Promise<void> {
  if (puts.length === 0) return;
  const head = new CallHead(putPath, flags.endpoint);
  let left = puts.length;
  await new Promise<void>((resolve, reject) => {
    const events: ClientEvents = {
      message() {},
      ended(_call: ClientCall, code: GrpcCode, text: string) {
        if (code !== grpcCode.ok) reject(new Error(text));
        else if (--left === 0) resolve();
      },
    };
    for (const put of puts) connection.call(head, put, events);
  });
}
