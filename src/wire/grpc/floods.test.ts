// Proves: every known flood of HTTP/2 and gRPC ends with the right error, and leaves nothing in memory.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, concatBytes } from '../../base/bytes.js';
import { errorCode, flag, frameType, preface, settingId } from '../http2/protocol.js';
import { rawFrame, settingBytes, uint32Bytes } from '../http2/raw-frames.js';
import { nothingKept, RawClient } from './raw-client.js';
import { createGrpcServer, type GrpcServerOptions } from './server.js';
import type { Call, Method, Services } from './service.js';

/** Never answers, and remembers what it was given. */
class Silent implements Method {
  readonly kind = 'bidi';
  readonly calls: Call[] = [];
  canceledCalls = 0;
  open(call: Call): void {
    this.calls.push(call);
  }
  message(): void {}
  canceled(): void {
    this.canceledCalls++;
  }
}

const path = '/flood.Test/Silent';

function rawClient(options: GrpcServerOptions = {}, method: Method = new Silent()): RawClient {
  return new RawClient(createGrpcServer(new Map([[path, method]]) as Services, options)).greet();
}

/** Sends the frame until the connection ends; answers how many it took. */
function flood(client: RawClient, frame: (i: number) => Bytes, most = 100_000): number {
  for (let i = 0; i < most; i++) {
    client.send(frame(i));
    if (client.connection.http2.finished) return i;
    // Acknowledgements that the server owes are read, so that only its own rules can end this.
    client.frames.length = 0;
  }
  return most;
}

function endsCalmly(client: RawClient, reason: string): void {
  deepEqual(client.goAway(), [errorCode.enhanceYourCalm, reason]);
  deepEqual(client.kept(), nothingKept);
}

test('rapid reset (CVE-2023-44487)', () => {
  const silent = new Silent();
  const client = rawClient({}, silent);
  const cancel = uint32Bytes(errorCode.cancel);
  const taken = flood(client, (i) =>
    concatBytes([client.openCall(i * 2 + 1, path), rawFrame(frameType.rstStream, 0, i * 2 + 1, cancel)]),
  );
  ok(taken < 1_000, `took ${taken}`);
  endsCalmly(client, 'too_many_resets');
  equal(silent.canceledCalls, silent.calls.length);
});

test('a client may give up old calls, and young ones among many that end well', () => {
  const client = rawClient();
  const cancel = uint32Bytes(errorCode.cancel);
  for (let i = 0; i < 5_000; i++) client.send(client.openCall(i * 2 + 1, path));
  client.pass(5_000);
  for (let i = 0; i < 5_000; i++) client.send(rawFrame(frameType.rstStream, 0, i * 2 + 1, cancel));
  equal(client.goAway(), undefined);
  deepEqual(client.kept(), nothingKept);
});

test('resets that the server is made to send (CVE-2025-8671)', () => {
  const overflow = rawClient();
  const taken = flood(overflow, (i) => {
    const id = i * 2 + 1;
    return concatBytes([
      overflow.openCall(id, path),
      rawFrame(frameType.windowUpdate, 0, id, uint32Bytes(0x7fff_ffff)),
    ]);
  });
  ok(taken < 1_000, `took ${taken}`);
  endsCalmly(overflow, 'too_many_resets');

  const late = rawClient();
  flood(late, (i) => {
    const end = rawFrame(frameType.data, flag.endStream, i * 2 + 1);
    return concatBytes([late.openCall(i * 2 + 1, path), end, end]);
  });
  endsCalmly(late, 'too_many_resets');
});

test('CONTINUATION without end', () => {
  const many = rawClient();
  many.send(rawFrame(frameType.headers, 0, 1, Uint8Array.of(0x82)));
  flood(many, () => rawFrame(frameType.continuation, 0, 1, Uint8Array.of(0x82)));
  endsCalmly(many, 'too_many_continuations');

  const large = rawClient();
  large.send(rawFrame(frameType.headers, 0, 1));
  equal(
    flood(large, () => rawFrame(frameType.continuation, 0, 1, new Uint8Array(16_384))),
    4,
  );
  endsCalmly(large, 'header block too large');
});

test('frames that bring nothing forward', () => {
  const frames: Record<string, (i: number) => Bytes> = {
    settings: () => rawFrame(frameType.settings, 0, 0),
    settingsAck: () => rawFrame(frameType.settings, flag.ack, 0),
    priority: () => rawFrame(frameType.priority, 0, 9, uint32Bytes(3, 0).subarray(0, 5)),
    connectionWindow: (i) => rawFrame(frameType.windowUpdate, 0, 0, uint32Bytes(1 + (i % 3))),
    streamWindow: () => rawFrame(frameType.windowUpdate, 0, 1, uint32Bytes(1)),
    emptyData: () => rawFrame(frameType.data, 0, 1),
    pingAck: () => rawFrame(frameType.ping, flag.ack, 0, new Uint8Array(8)),
    unknown: () => rawFrame(0x42, 0, 0, new Uint8Array(3)),
    lateReset: () => rawFrame(frameType.rstStream, 0, 3, uint32Bytes(8)),
  };
  for (const [name, frame] of Object.entries(frames)) {
    const client = rawClient();
    client.send(
      client.openCall(1, path),
      client.openCall(3, path),
      rawFrame(frameType.rstStream, 0, 3, uint32Bytes(8)),
    );
    const taken = flood(client, frame);
    ok(taken > 1_000 && taken < 20_000, `${name} took ${taken}`);
    endsCalmly(client, 'too_many_frames');
  }
});

test('pings, by the rules of grpc-go', () => {
  const ping = rawFrame(frameType.ping, 0, 0, new Uint8Array(8));
  const idle = rawClient();
  equal(
    flood(idle, () => ping),
    3,
  );
  endsCalmly(idle, 'too_many_pings');

  const patient = rawClient();
  patient.send(patient.openCall(1, path));
  for (let i = 0; i < 20; i++) {
    patient.send(ping);
    patient.pass(5_000);
  }
  equal(patient.goAway(), undefined);
  equal(
    flood(patient, () => ping),
    3,
  );
  endsCalmly(patient, 'too_many_pings');
});

/** So many fields of 34 bytes each in the list, five on the wire. */
function longList(client: RawClient, fields: number): Bytes {
  return client.requestBlock(path, new Array(fields).fill({ name: 'a', value: 'b', index: 'passing' }));
}

/** A header block over as many frames as it needs. */
function framesOf(id: number, block: Bytes): Bytes[] {
  const parts: Bytes[] = [rawFrame(frameType.headers, 0, id, block.subarray(0, 16_384))];
  for (let at = 16_384; at < block.length; at += 16_384) {
    const last = at + 16_384 >= block.length;
    parts.push(rawFrame(frameType.continuation, last ? flag.endHeaders : 0, id, block.subarray(at, at + 16_384)));
  }
  return parts;
}

test('a header list over the cap', () => {
  const client = rawClient();
  client.send(...framesOf(1, longList(client, 4_000)));
  deepEqual(client.resets(1), [errorCode.frameSizeError]);
  // The compression state is unharmed: the next call is understood.
  client.send(client.openCall(3, path));
  equal(client.connection.http2.streams, 1);
});

test('header lists over the cap, one after the other', () => {
  const client = rawClient();
  const list = longList(client, 4_000);
  const taken = flood(client, (i) => concatBytes(framesOf(i * 2 + 1, list)));
  ok(taken < 25, `took ${taken}`);
  endsCalmly(client, 'too_many_resets');
});

test('an HPACK bomb: a large entry, named again and again', () => {
  const client = rawClient();
  client.send(client.openCall(1, path));
  const head = client.requestBlock(path);
  const big = client.encoder.encode([{ name: 'bomb', value: 'x'.repeat(3_000) }]);
  const index = client.encoder.encode([{ name: 'bomb', value: 'x'.repeat(3_000) }]);
  const named = (times: number) => concatBytes([head, big, ...new Array(times).fill(index)]);
  client.send(rawFrame(frameType.headers, flag.endHeaders, 3, named(50)));
  deepEqual(client.resets(3), [errorCode.frameSizeError]);
  equal(client.connection.http2.streams, 1);
  client.send(rawFrame(frameType.headers, flag.endHeaders, 5, named(100)));
  endsCalmly(client, 'header list too large');
});

test('a header list far over the cap is not read to its end', () => {
  const client = rawClient();
  client.send(...framesOf(1, longList(client, 12_000)));
  endsCalmly(client, 'header list too large');
});

test('a slow preface, and slow headers', () => {
  const slow = new RawClient(createGrpcServer(new Map()));
  for (let i = 0; i < 9; i++) {
    slow.send(preface.subarray(i, i + 1));
    slow.pass(1_000);
  }
  equal(slow.goAway(), undefined);
  slow.pass(1_000);
  deepEqual(slow.goAway(), [errorCode.settingsTimeout, 'no preface in time']);

  const dribble = rawClient();
  const headers = dribble.openCall(1, path);
  dribble.send(headers.subarray(0, 1));
  for (let i = 1; i < 10; i++) {
    dribble.pass(1_000);
    dribble.send(headers.subarray(i, i + 1));
  }
  dribble.pass(1_000);
  endsCalmly(dribble, 'headers too slow');

  const unfinished = rawClient();
  unfinished.send(rawFrame(frameType.headers, 0, 1, Uint8Array.of(0x82)));
  unfinished.pass(10_000);
  endsCalmly(unfinished, 'headers too slow');
});

test('a zero window held on a streaming call bounds what is queued, and a finished reply is given up', () => {
  const silent = new Silent();
  const client = rawClient({}, silent);
  client.send(rawFrame(frameType.settings, 0, 0, settingBytes(settingId.initialWindowSize, 0)));
  client.send(client.openCall(1, path));
  const [call] = silent.calls as [Call];
  let sent = 0;
  while (call.writable) {
    call.send(new Uint8Array(1_000));
    sent += 1_005;
  }
  equal(call.queuedBytes, sent);
  ok(sent < 70_000);
  client.pass(600_000);
  equal(call.ended, false); // A slow watcher is not cut off for being slow.
  call.end();
  client.pass(61_000);
  deepEqual(client.resets(1), [errorCode.cancel]);
  deepEqual(client.kept(), nothingKept);
});

test('a length prefix that lies costs no memory', () => {
  const silent = new Silent();
  const client = rawClient({}, silent);
  const promise = (length: number) => concatBytes([Uint8Array.of(0), uint32Bytes(length)]);
  for (let i = 0; i < 1_000; i++) {
    client.send(client.openCall(i * 2 + 1, path), rawFrame(frameType.data, 0, i * 2 + 1, promise(2_097_152)));
  }
  equal(client.connection.heldBytes, 5_000);
  // Window is lent for 32 such messages at a time, not for a thousand.
  const lent = client.frames.filter(({ type }) => type === frameType.windowUpdate).length;
  equal(lent, 33);

  client.send(client.openCall(2_001, path), rawFrame(frameType.data, 0, 2_001, promise(2_097_153)));
  const headers = client.headersOf(2_001);
  equal(headers['grpc-status'], '8');
  equal(headers['grpc-message'], 'grpc: received message larger than max (2097153 vs. 2097152)');
  client.connection.lost();
  deepEqual(client.kept(), nothingKept);
});

test('length prefixes over the cap, one after the other', () => {
  const refused = (length: number, spaceMs = 0) => {
    const client = rawClient();
    const prefix = Uint8Array.of(0, ...uint32Bytes(length));
    const call = (id: number) => {
      client.pass(spaceMs);
      return concatBytes([client.openCall(id, path), rawFrame(frameType.data, 0, id, prefix)]);
    };
    return { client, taken: flood(client, (i) => call(i * 2 + 1), 2_000) };
  };
  const lies = refused(0xffff_ffff);
  endsCalmly(lies.client, 'too_many_resets');
  ok(lies.taken < 50, `took ${lies.taken}`);
  const overlong = refused(2_097_153);
  endsCalmly(overlong.client, 'too_many_resets');
  ok(overlong.taken < 500, `took ${overlong.taken}`);
  // An application that tries again and again, fifty times a second, keeps its connection.
  equal(refused(2_097_153, 20).taken, 2_000);
});

test('a gzip bomb', () => {
  const silent = new Silent();
  const limits: number[] = [];
  const inflate = {
    gzip: (_bytes: Bytes, _start: number, _end: number, limit: number) => {
      limits.push(limit);
      return 'tooLarge' as const;
    },
  };
  const client = rawClient({ inflate }, silent);
  const compressed = concatBytes([Uint8Array.of(1), uint32Bytes(3), Uint8Array.of(1, 2, 3)]);
  const gzip = [{ name: 'grpc-encoding', value: 'gzip' }];
  client.send(client.openCall(1, path, gzip), rawFrame(frameType.data, flag.endStream, 1, compressed));
  deepEqual(limits, [2_097_152]);
  const headers = client.headersOf(1);
  equal(headers['grpc-status'], '8');
  equal(headers['grpc-message'], 'grpc: received message after decompression larger than max 2097152');
  deepEqual(client.kept(), nothingKept);
});

test('gzip bombs, one after the other; what compresses as text does is no bomb', () => {
  const inflated = (compressedBytes: number, bytes: number) => {
    const inflate = { gzip: () => new Uint8Array(bytes) };
    const client = rawClient({ inflate });
    const compressed = concatBytes([Uint8Array.of(1), uint32Bytes(compressedBytes), new Uint8Array(compressedBytes)]);
    const gzip = [{ name: 'grpc-encoding', value: 'gzip' }];
    const taken = flood(
      client,
      (i) =>
        concatBytes([
          client.openCall(i * 2 + 1, path, gzip),
          rawFrame(frameType.data, flag.endStream, i * 2 + 1, compressed),
        ]),
      200,
    );
    return { client, taken };
  };
  const bombs = inflated(2_000, 2_000_000);
  ok(bombs.taken < 10, `took ${bombs.taken}`);
  endsCalmly(bombs.client, 'too_many_resets');
  equal(inflated(10_000, 200_000).taken, 200);
});

test('answers that nobody takes are bounded over all connections, and cost the modest nothing', () => {
  const answer = new Uint8Array(100_000);
  const method: Method = { kind: 'unary', message: (call) => call.reply(answer) };
  const limits = { heldTotalBytesMax: 3_000_000, heldShareBytes: 500_000 };
  const server = createGrpcServer(new Map([[path, method]]) as Services, limits);
  const noWindow = rawFrame(frameType.settings, 0, 0, settingBytes(settingId.initialWindowSize, 0));
  const greedy = [1, 2, 3].map(() => new RawClient(server).greet());
  for (const client of greedy) client.send(noWindow);
  const ask = (client: RawClient, i: number) =>
    client.send(client.openCall(i * 2 + 1, path), client.message(i * 2 + 1, 1));
  for (let i = 0; i < 20; i++) for (const client of greedy) ask(client, i);
  const heldBytes = greedy.reduce((sum, { connection }) => sum + connection.http2.sender.queuedBytes, 0);
  ok(heldBytes > 2_900_000 && heldBytes < 3_300_000, `holds ${heldBytes}`);
  const [first, second] = greedy as [RawClient, RawClient];
  deepEqual(second.resets(39), [errorCode.refusedStream]);

  const modest = new RawClient(server).greet();
  ask(modest, 0);
  equal(modest.headersOf(1)[':status'], '200');

  first.connection.lost();
  ask(second, 20);
  deepEqual(second.resets(41), []);
});

test('more calls than are allowed at once', () => {
  const client = rawClient({ concurrentStreamsMax: 2 });
  client.send(client.openCall(1, path), client.openCall(3, path), client.openCall(5, path));
  deepEqual(client.resets(5), [errorCode.refusedStream]);
  equal(client.connection.http2.streams, 2);
});

test('nothing is kept of a connection that is lost', () => {
  const silent = new Silent();
  const client = rawClient({}, silent);
  client.send(client.openCall(1, path), rawFrame(frameType.data, 0, 1, new Uint8Array(100).fill(1, 4)));
  client.connection.lost();
  deepEqual(client.kept(), nothingKept);
});
