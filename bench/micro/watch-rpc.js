/**
 * What one put costs that many watch, through the whole server side of the stream: hub, answers, gRPC and HTTP/2 frames, up to
 * the bytes for the socket. `node bench/micro/watch-rpc.js`, after `npm run build`.
 */
import { create, toBinary } from '@bufbuild/protobuf';
import { WatchRequestSchema } from '../../dist/gen/etcdserverpb/rpc_pb.js';
import { SoloMember } from '../../dist/rpc/solo-member.js';
import { WatchMethod } from '../../dist/rpc/watch.js';

class CountingCall {
  writable = true;
  ended = false;
  state = undefined;
  bytes = 0;
  #copy = new Uint8Array(1 << 16);
  send(message, start, end) {
    this.bytes += end - start;
    this.#copy.set(message.subarray(start, end), 0);
  }
  pause() {}
  resume() {}
  metadata() {}
}

const encode = (text) => new TextEncoder().encode(text);
const member = new SoloMember();
const method = new WatchMethod(
  { front: member, hub: member.hub, permit: () => undefined, random: () => 0 },
  { maxRequestBytes: 1572864, progressNotifyMs: 600_000 },
);
const key = encode('/registry/services/namespace/svc');
const calls = Array.from({ length: 10 }, () => new CountingCall());
for (const call of calls) {
  method.open(call);
  for (let i = 0; i < 100; i++) {
    const value = { key };
    const bytes = toBinary(
      WatchRequestSchema,
      create(WatchRequestSchema, { requestUnion: { case: 'createRequest', value } }),
    );
    method.message(call, bytes, 0, bytes.length);
  }
}
const value = new Uint8Array(256);
let best = Infinity;
for (let run = 0; run < 8; run++) {
  const count = 500;
  const start = process.hrtime.bigint();
  for (let i = 0; i < count; i++) member.put(key, value);
  best = Math.min(best, Number(process.hrtime.bigint() - start) / count);
}
console.log(
  `one put for 1,000 watchers on 10 connections: ${(best / 1000).toFixed(1)} us, ${(best / 1000).toFixed(0)} ns a watcher`,
);
