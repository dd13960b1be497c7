/**
 * `node bench/micro/transport.js`: what a unary request costs in the transport alone.
 *
 * First without sockets: chunks of recorded requests into the server half, replies out of its buffer.
 * Then over loopback: the server in a process of its own with a fixed answer, our own client half against it.
 */
import { fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../../tools/run.js';

const load = (path) => import(join(root, 'dist', path));
const { createGrpcServer } = await load('wire/grpc/server.js');
const { CallHead, ClientConnection } = await load('wire/grpc/client.js');
const { ChunkPool } = await load('wire/http2/output.js');

const path = '/etcdserverpb.KV/Put';
const answer = new Uint8Array(28).fill(7);
const server = createGrpcServer(new Map([[path, { kind: 'unary', message: (call) => call.reply(answer) }]]));
const request = new Uint8Array(280).fill(8);

if (process.argv[2] === 'serve') await serve();
else {
  for (const perChunk of [1, 10, 100]) withoutSockets(perChunk);
  await overLoopback();
}

/** Bytes of `count` requests as one of our clients sends them once its fields stand in the table. */
function record(count) {
  const host = { pool: new ChunkPool(), nowMs: 0, wake() {} };
  const client = new ClientConnection(host);
  const head = new CallHead(path, '127.0.0.1:2379');
  const events = { message() {}, ended() {} };
  client.call(head, request, events);
  const first = Buffer.concat(client.takeOutput());
  for (let i = 0; i < count; i++) client.call(head, request, events);
  return { first, rest: Buffer.concat(client.takeOutput()) };
}

function withoutSockets(perChunk) {
  const total = 1_000_000;
  const { first, rest } = record(perChunk);
  const starts = [...frameStarts(rest)];
  const connection = server.connect({ peer: '', pool: new ChunkPool(), nowMs: 0, wake() {} });
  connection.receive(first, 0);
  let id = 3;
  const run = (requests) => {
    const began = process.hrtime.bigint();
    for (let done = 0; done < requests; done += perChunk) {
      // The client's ids go up by two; HEADERS and DATA of a request share one.
      for (let i = 0; i < starts.length; i += 2, id += 2) {
        rest.writeUInt32BE(id, starts[i] + 5);
        rest.writeUInt32BE(id, starts[i + 1] + 5);
      }
      connection.receive(rest, 1);
      connection.takeOutput();
      connection.http2.sender.output.written();
      connection.http2.sender.window = 0x7fffffff;
    }
    return Number(process.hrtime.bigint() - began) / requests;
  };
  run(total / 5);
  console.log(`without sockets, ${perChunk} requests a chunk: ${run(total).toFixed(0)} ns a request`);
}

function* frameStarts(bytes) {
  for (let at = 0; at < bytes.length; at += 9 + bytes.readUIntBE(at, 3)) yield at;
}

async function serve() {
  const { Listener } = await load('io/listener.js');
  const { port } = await new Listener({ grpc: server }).listen('http://127.0.0.1:0');
  process.send(port);
  process.on('message', () => process.send(process.cpuUsage()));
}

async function overLoopback() {
  const { Dialer } = await load('client/connection.js');
  const child = fork(fileURLToPath(import.meta.url), ['serve']);
  const next = () => new Promise((resolve) => child.once('message', resolve));
  const port = await next();
  const used = async () => {
    child.send('cpu');
    const { user, system } = await next();
    return user + system;
  };
  const head = new CallHead(path, `127.0.0.1:${port}`);
  for (const [connections, clients] of [
    [1, 1],
    [10, 100],
    [100, 1000],
    [10, 1000],
  ]) {
    const dialer = new Dialer();
    const all = [];
    for (let i = 0; i < connections; i++) all.push(await dialer.dial({ port }));
    const total = clients === 1 ? 20_000 : 300_000;
    const before = await used();
    const seconds = await callAll(all, head, clients, total);
    const cpu = ((await used()) - before) / total;
    const rate = Math.round(total / seconds);
    console.log(`${connections} connections, ${clients} clients: ${rate} requests/s, server CPU ${cpu.toFixed(1)} us`);
    dialer.close();
  }
  child.kill();
}

/** Keeps `clients` calls open until `total` are answered; answers the seconds it took. */
function callAll(connections, head, clients, total) {
  return new Promise((resolve) => {
    const began = performance.now();
    let begun = clients;
    let ended = 0;
    const events = {
      message() {},
      ended(call) {
        if (++ended === total) resolve((performance.now() - began) / 1000);
        else if (begun < total) {
          begun++;
          call.connection.call(head, request, events);
        }
      },
    };
    for (let i = 0; i < clients; i++) connections[i % connections.length].call(head, request, events);
  });
}
