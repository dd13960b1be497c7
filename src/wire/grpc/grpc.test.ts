// Proves: calls over client half and server half come out as gRPC says, with grpc-go's statuses and texts.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, concatBytes, text, utf8 } from '../../base/bytes.js';
import { forSeeds } from '../../base/seeds.js';
import { errorCode, flag, frameType } from '../http2/protocol.js';
import { rawFrame, uint32Bytes } from '../http2/raw-frames.js';
import type { ClientLimits } from './client.js';
import { CallHead, type ClientCall, type ClientEvents } from './client-call.js';
import { Pipe } from './pipe.js';
import { RawClient } from './raw-client.js';
import { createGrpcServer, type GrpcServerOptions } from './server.js';
import { type Call, grpcCode, type Method } from './service.js';

/** Remembers everything about one call. */
class Record implements ClientEvents {
  readonly messages: string[] = [];
  status: [number, string] | undefined = undefined;
  message(_call: ClientCall, bytes: Bytes, start: number, end: number): void {
    this.messages.push(text(bytes.slice(start, end)));
  }
  ended(_call: ClientCall, code: number, reason: string): void {
    equal(this.status, undefined, 'a call ends once');
    this.status = [code, reason];
  }
}

class Echo implements Method {
  readonly calls: Call[] = [];
  readonly events: string[] = [];
  constructor(readonly kind: Method['kind']) {}
  open(call: Call): void {
    this.calls.push(call);
    this.events.push('open');
  }
  message(call: Call, bytes: Bytes, start: number, end: number): void {
    const said = text(bytes.subarray(start, end));
    this.events.push(said);
    if (said === 'wait') return;
    if (said.startsWith('fail ')) call.fail(grpcCode.notFound, said.slice(5));
    else if (this.kind === 'unary') call.reply(bytes, start, end);
    else {
      call.send(bytes, start, end);
      if (this.kind === 'serverStream') {
        call.send(bytes, start, end);
        call.end();
      }
    }
  }
  halfClosed(call: Call): void {
    this.events.push('halfClosed');
    call.end();
  }
  canceled(): void {
    this.events.push('canceled');
  }
}

const unary = '/test.Echo/Unary';
const lines = '/test.Echo/Lines';
const chat = '/test.Echo/Chat';

function setUp(options: GrpcServerOptions = {}, limits: Partial<ClientLimits> = {}) {
  const methods = { unary: new Echo('unary'), lines: new Echo('serverStream'), chat: new Echo('bidi') };
  const server = createGrpcServer(
    new Map<string, Method>([
      [unary, methods.unary],
      [lines, methods.lines],
      [chat, methods.chat],
    ]),
    options,
  );
  return { server, methods, pipe: new Pipe(server, limits) };
}

const head = (path: string) => new CallHead(path, 'localhost');

test('a unary call', () => {
  const { pipe } = setUp();
  const record = new Record();
  for (let i = 0; i < 5; i++) pipe.client.call(head(unary), utf8(`hello ${i}`), { ...bound(record), ended() {} });
  pipe.settle();
  deepEqual(record.messages, ['hello 0', 'hello 1', 'hello 2', 'hello 3', 'hello 4']);
  equal(pipe.client.calls, 0);
  equal(pipe.server.http2.streams, 0);
});

function bound(record: Record): ClientEvents {
  return {
    message: (call, bytes, start, end) => record.message(call, bytes, start, end),
    ended: (call, code, reason) => record.ended(call, code, reason),
  };
}

test('a status other than OK carries its text, whatever letters it has', () => {
  const { pipe } = setUp();
  for (const path of [unary, lines, chat]) {
    const record = new Record();
    const call = pipe.client.open(head(path), record);
    call.send(utf8('fail 100% naïve: 鍵\n'));
    call.halfClose();
    pipe.settle();
    deepEqual(record.status, [grpcCode.notFound, '100% naïve: 鍵\n']);
  }
});

test('a streaming call: messages both ways, an end from each side', () => {
  const { pipe, methods } = setUp();
  const record = new Record();
  const call = pipe.client.open(head(chat), record);
  call.send(utf8('one'));
  pipe.settle();
  deepEqual(record.messages, ['one']);
  call.send(utf8('two'));
  call.halfClose();
  pipe.settle();
  deepEqual(record.messages, ['one', 'two']);
  deepEqual(record.status, [0, '']);
  deepEqual(methods.chat.events, ['open', 'one', 'two', 'halfClosed']);
});

test('a server-streaming call takes exactly one message', () => {
  const { pipe } = setUp();
  const say = (...messages: string[]) => {
    const record = new Record();
    const call = pipe.client.open(head(lines), record);
    for (const message of messages) call.send(utf8(message));
    call.halfClose();
    pipe.settle();
    return [record.messages, ...(record.status ?? [])];
  };
  const cardinality = 'cardinality violation: received';
  deepEqual(say('x'), [['x', 'x'], 0, '']);
  deepEqual(say(), [[], 13, `${cardinality} no request message from non-client-streaming RPC`]);
  deepEqual(say('x', 'y'), [[], 13, `${cardinality} multiple request messages for non-client-streaming RPC`]);
});

test('a unary call without a message, and with half a one', () => {
  const { server } = setUp();
  const client = new RawClient(server).greet();
  client.send(client.openCall(1, unary), rawFrame(frameType.data, flag.endStream, 1));
  deepEqual(statusOf(client, 1), ['200', '2', 'EOF']);
  client.send(client.openCall(3, unary), rawFrame(frameType.data, flag.endStream, 3, Uint8Array.of(0, 0, 0, 0, 9, 1)));
  deepEqual(statusOf(client, 3), ['200', '2', 'unexpected EOF']);
});

function statusOf(client: RawClient, id: number): (string | undefined)[] {
  const headers = client.headersOf(id);
  return [headers[':status'], headers['grpc-status'], headers['grpc-message']];
}

test('methods that are not there', () => {
  const { pipe } = setUp();
  const say = (path: string) => {
    const record = new Record();
    pipe.client.call(head(path), utf8('x'), record);
    pipe.settle();
    return record.status;
  };
  deepEqual(say('/test.Echo/Nope'), [12, 'unknown method Nope for service test.Echo']);
  deepEqual(say('/no.Such/Unary'), [12, 'unknown service no.Such']);
  deepEqual(say('/nothing'), [12, 'malformed method name: "/nothing"']);
  deepEqual(say('no/slash'), [12, 'malformed method name: "no/slash"']);
});

test('requests that are not gRPC get the HTTP status that grpc-go gives', () => {
  const { server } = setUp();
  const client = new RawClient(server).greet();
  const ask = (id: number, ...pairs: [string, string][]) => {
    const headers = pairs.map(([name, value]) => ({ name, value }));
    const base = [
      { name: ':scheme', value: 'http' },
      { name: ':path', value: unary },
    ];
    const block = client.encoder.encode([...base, ...headers]);
    client.send(rawFrame(frameType.headers, flag.endHeaders | flag.endStream, id, block));
    return statusOf(client, id);
  };
  const grpc: [string, string] = ['content-type', 'application/grpc'];
  const json: [string, string] = ['content-type', 'application/json'];
  deepEqual(ask(1, [':method', 'GET'], json), ['415', '3', 'invalid gRPC request content-type "application/json"']);
  deepEqual(ask(3, [':method', 'POST']), ['415', '3', 'invalid gRPC request content-type ""']);
  const notPost = 'Received a HEADERS frame with :method "GET" which should be POST';
  deepEqual(ask(5, [':method', 'GET'], grpc), ['405', '13', notPost]);
  const timeout = 'malformed grpc-timeout: transport: timeout unit is not recognized: "12x"';
  deepEqual(ask(7, [':method', 'POST'], grpc, ['grpc-timeout', '12x']), ['400', '13', timeout]);
  const binary = 'malformed binary metadata "ab*d" in header "x-bin": illegal base64 data at input byte 2';
  deepEqual(ask(11, [':method', 'POST'], grpc, ['x-bin', 'ab*d']), ['400', '13', binary]);
  const hosts = 'num values of :authority: 0, num values of host: 2, both must only have 1 value as per HTTP/2 spec';
  deepEqual(ask(13, [':method', 'POST'], grpc, ['host', 'a'], ['host', 'b']), ['400', '13', hosts]);
  deepEqual(ask(15, [':method', 'POST'], grpc, ['grpc-timeout', '0S']), ['200', '4', 'context deadline exceeded']);
});

test('the subtype of the content type comes back', () => {
  const { server } = setUp();
  const client = new RawClient(server).greet();
  const block = client.encoder.encode([
    { name: ':method', value: 'POST' },
    { name: ':scheme', value: 'http' },
    { name: ':path', value: unary },
    { name: 'content-type', value: 'application/grpc+proto' },
  ]);
  client.send(rawFrame(frameType.headers, flag.endHeaders, 1, block), client.message(1, 3));
  equal(client.headersOf(1)['content-type'], 'application/grpc+proto');
});

test('compression that is not understood is named, with what would be', () => {
  const { server } = setUp({ inflate: { gzip: () => 'malformed' } });
  const client = new RawClient(server).greet();
  client.send(client.openCall(1, unary, [{ name: 'grpc-encoding', value: 'snappy' }]), client.message(1, 3));
  const headers = client.headersOf(1);
  equal(headers['grpc-status'], '12');
  equal(headers['grpc-message'], 'grpc: Decompressor is not installed for grpc-encoding "snappy"');
  equal(headers['grpc-accept-encoding'], 'gzip');
  // The flag of a compressed message without a compression agreed on.
  client.send(client.openCall(3, unary), rawFrame(frameType.data, flag.endStream, 3, Uint8Array.of(1, 0, 0, 0, 1, 7)));
  equal(client.headersOf(3)['grpc-message'], 'grpc: compressed flag set with identity or empty encoding');
  client.send(client.openCall(5, unary), rawFrame(frameType.data, flag.endStream, 5, Uint8Array.of(7, 0, 0, 0, 1, 7)));
  equal(client.headersOf(5)['grpc-message'], 'grpc: received unexpected payload format 7');
});

test('a compressed message is inflated', () => {
  const inflate = { gzip: (bytes: Bytes, start: number, end: number) => bytes.slice(start, end).reverse() };
  const { server, methods } = setUp({ inflate });
  const client = new RawClient(server).greet();
  const packed = concatBytes([Uint8Array.of(1, 0, 0, 0, 3), utf8('cba')]);
  client.send(
    client.openCall(1, unary, [{ name: 'grpc-encoding', value: 'gzip' }]),
    rawFrame(frameType.data, flag.endStream, 1, packed),
  );
  deepEqual(methods.unary.events, ['open', 'abc']);
  equal(client.headersOf(1)['grpc-status'], '0');
});

test('a deadline passes on either side', () => {
  const { pipe, methods } = setUp();
  const record = new Record();
  pipe.client.call(head(unary), utf8('wait'), record, 50);
  pipe.settle();
  equal(methods.unary.calls[0]?.deadlineMs, pipe.nowMs + 50);
  pipe.pass(49);
  equal(record.status, undefined);
  pipe.pass(1);
  deepEqual(record.status, [4, 'context deadline exceeded']);
  deepEqual(methods.unary.events, ['open', 'wait', 'canceled']);
  equal(pipe.server.http2.streams, 0);
});

test('the server ends a call whose deadline has passed, though the client does not', () => {
  const { server, methods } = setUp();
  const client = new RawClient(server).greet();
  const slow = [{ name: 'grpc-timeout', value: '100m' }];
  client.send(client.openCall(1, chat, slow), client.openCall(3, chat));
  client.pass(100);
  deepEqual(statusOf(client, 1), ['200', '4', 'context deadline exceeded']);
  deepEqual(methods.chat.events, ['open', 'open', 'canceled']);
  equal(methods.chat.calls[0]?.ended, true);
  equal(methods.chat.calls[1]?.ended, false);
});

test('a canceled call tells its method, once', () => {
  const { pipe, methods } = setUp();
  const record = new Record();
  const call = pipe.client.open(head(chat), record);
  call.send(utf8('hi'));
  pipe.settle();
  call.cancel();
  pipe.settle();
  deepEqual(record.status, [1, 'context canceled']);
  deepEqual(methods.chat.events, ['open', 'hi', 'canceled']);
  methods.chat.calls[0]?.send(utf8('too late'));
  methods.chat.calls[0]?.fail(grpcCode.internal, 'too late');
  pipe.settle();
  equal(pipe.server.http2.sender.output.pendingBytes, 0);
});

test('metadata by name, the first value of several', () => {
  const { pipe, methods } = setUp();
  const metadata = [
    { name: 'token', value: 'secret.7', index: 'secret' },
    { name: 'hasleader', value: 'true' },
    { name: 'twice', value: '1' },
    { name: 'twice', value: '2' },
  ] as const;
  for (let i = 0; i < 3; i++) {
    pipe.client.call(new CallHead(unary, 'localhost', { metadata }), utf8('wait'), new Record());
    pipe.settle();
    const call = methods.unary.calls[i] as Call;
    const names = ['token', 'hasleader', 'twice', 'absent'];
    deepEqual(
      names.map((name) => call.metadata(name)),
      ['secret.7', 'true', '1', undefined],
    );
    equal(call.path, unary);
    equal(call.peer, 'pipe');
  }
});

test('a paused call takes no messages, and holds no more than its window', () => {
  const { pipe, methods } = setUp();
  const record = new Record();
  const call = pipe.client.open(head(chat), record);
  pipe.settle();
  const served = methods.chat.calls[0] as Call;
  served.pause();
  for (let i = 0; i < 100; i++) call.send(new Uint8Array(4_000).fill(65));
  call.halfClose();
  pipe.settle();
  deepEqual(methods.chat.events, ['open']);
  equal(pipe.server.heldBytes, 65_535);
  equal(call.writable, false);
  served.resume();
  pipe.settle();
  equal(record.messages.length, 100);
  deepEqual(record.status, [0, '']);
  equal(pipe.server.heldBytes, 0);
});

test('a slow client stops a stream: not writable, then drained', () => {
  const { pipe, methods } = setUp();
  const record = new Record();
  const call = pipe.client.open(head(chat), record);
  pipe.settle();
  call.pause();
  const served = methods.chat.calls[0] as Call;
  let sent = 0;
  const fill = () => {
    while (served.writable && sent < 1_000) served.send(new Uint8Array(10_000), 0, 10_000, sent++ % 2 === 0);
    if (sent === 1_000) served.end();
  };
  Object.assign(methods.chat, { drained: fill });
  fill();
  pipe.settle();
  ok(sent < 200, `sent ${sent}`);
  ok(pipe.server.http2.sender.queuedBytes < 80_000);
  call.resume();
  pipe.settle();
  equal(record.messages.length, 1_000);
  deepEqual(record.status, [0, '']);
});

test('a message in parts arrives whole', () => {
  const { pipe, methods } = setUp();
  const record = new Record();
  pipe.client.call(head(unary), utf8('wait'), record);
  pipe.settle();
  const call = methods.unary.calls[0] as Call;
  call.beginMessage(300_000);
  for (let i = 0; i < 300; i++) call.sendPart(new Uint8Array(1_000).fill(97));
  call.end();
  pipe.settle();
  deepEqual(
    record.messages.map(({ length }) => length),
    [300_000],
  );
  deepEqual(record.status, [0, '']);
});

test('a message of 2 MiB comes through a window of 64 KiB; one more byte is refused', () => {
  const { pipe } = setUp();
  for (const [length, status] of [
    [2_097_152, [0, '']],
    [2_097_153, [8, 'grpc: received message larger than max (2097153 vs. 2097152)']],
  ] as const) {
    const record = new Record();
    pipe.client.call(head(unary), new Uint8Array(length).fill(65), record);
    pipe.settle();
    deepEqual(record.status, status);
    equal(pipe.server.heldBytes, 0);
  }
});

test('many large messages at once share the window that is lent', () => {
  const { pipe } = setUp({ loanBytesMax: 1_000_000 });
  const records = Array.from({ length: 20 }, () => new Record());
  for (const record of records) pipe.client.call(head(unary), new Uint8Array(400_000).fill(65), record);
  pipe.settle();
  for (const record of records) deepEqual([record.status, record.messages[0]?.length], [[0, ''], 400_000]);
});

test('a graceful end serves what is in flight, and nothing after', () => {
  const { pipe, methods } = setUp();
  const first = new Record();
  const call = pipe.client.open(head(chat), first);
  pipe.settle();
  pipe.server.drain();
  pipe.settle();
  const late = new Record();
  pipe.client.call(head(unary), utf8('late'), late);
  deepEqual(late.status, [14, 'connection is draining']);
  equal(pipe.server.http2.finished, false);
  call.send(utf8('still'));
  call.halfClose();
  pipe.settle();
  deepEqual(first.messages, ['still']);
  deepEqual(first.status, [0, '']);
  equal(pipe.server.http2.finished, true);
  deepEqual(methods.unary.events, []);
});

test('the two GOAWAYs of a graceful end, and patience when the ping is not answered', () => {
  const { server } = setUp();
  const client = new RawClient(server).greet();
  client.send(client.openCall(1, chat));
  client.connection.drain();
  client.collect();
  const lastIds = () =>
    client.frames.filter(({ type }) => type === frameType.goAway).map(({ payload }) => payload.slice(0, 4));
  deepEqual(lastIds(), [uint32Bytes(0x7fff_ffff)]);
  client.send(client.openCall(3, chat)); // Sent before the client has seen it: still served.
  client.pass(5_000);
  deepEqual(lastIds(), [uint32Bytes(0x7fff_ffff), uint32Bytes(3)]);
  client.send(client.openCall(5, chat));
  deepEqual(client.resets(5), [errorCode.refusedStream]);
});

test('our own pings find a peer that is gone', () => {
  const { server } = setUp();
  const client = new RawClient(server).greet();
  client.pass(7_199_000);
  equal(client.frames.length, 0);
  client.pass(1_000);
  deepEqual(
    client.frames.map(({ type }) => type),
    [frameType.ping],
  );
  client.pass(19_000);
  equal(client.connection.http2.finished, false);
  client.pass(1_000);
  equal(client.connection.http2.finished, true);
});

test('calls over the limit of streams wait for their turn', () => {
  const { pipe } = setUp({ concurrentStreamsMax: 3 });
  pipe.settle();
  const record = new Record();
  const statuses: number[] = [];
  const events = { ...bound(record), ended: (_call: ClientCall, code: number) => void statuses.push(code) };
  for (let i = 0; i < 20; i++) pipe.client.call(head(unary), utf8(String(i)), events);
  pipe.settle();
  deepEqual(
    record.messages,
    Array.from({ length: 20 }, (_, i) => String(i)),
  );
  deepEqual(statuses, new Array(20).fill(0));
});

test('a lost connection ends every call', () => {
  const { pipe, methods } = setUp();
  const record = new Record();
  pipe.client.open(head(chat), record);
  pipe.settle();
  pipe.client.lost();
  pipe.server.lost();
  deepEqual(record.status, [14, 'connection lost']);
  deepEqual(methods.chat.events, ['open', 'canceled']);
});

test('any schedule of cuts, windows, pauses and messages delivers every message, whole and in order', () => {
  forSeeds(60, (random) => {
    const options = { loanBytesMax: 1 + random.below(300_000), stalledReplyMs: 1e9 };
    const { pipe } = setUp(options, { streamWindowBytes: 65_535 + random.below(100_000) });
    const calls = Array.from({ length: 1 + random.below(6) }, () => {
      const record = new Record();
      return { record, sent: [] as string[], call: pipe.client.open(head(chat), record) };
    });
    for (let round = 0; round < 60; round++) {
      const { call, sent } = random.pick(calls);
      const roll = random.below(10);
      if (roll === 0) call.pause();
      else if (roll === 1) call.resume();
      else if (roll < 6) {
        const length = random.below(random.oneIn(4) ? 200_000 : 300);
        const message = String.fromCharCode(65 + random.below(26)).repeat(length);
        sent.push(message);
        call.send(utf8(message));
      } else for (let i = 0; i < 5; i++) pipe.step(random);
    }
    for (const { call } of calls) {
      call.resume();
      call.halfClose();
    }
    pipe.settle(random);
    for (const { record, sent } of calls) {
      deepEqual(record.messages, sent);
      deepEqual(record.status, [0, '']);
    }
    equal(pipe.server.heldBytes, 0);
    equal(pipe.server.http2.streams, 0);
    equal(pipe.server.http2.sender.queuedBytes, 0);
  });
});
