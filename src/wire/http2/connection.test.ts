// Proves: chunks may be cut anywhere, garbage never throws, and each broken rule gets its error of RFC 9113.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, concatBytes, text, utf8 } from '../../base/bytes.js';
import type { Random } from '../../base/random.js';
import { forSeeds } from '../../base/seeds.js';
import { Connection } from './connection.js';
import type { HeaderBlock } from './hpack-decoder.js';
import { HpackEncoder } from './hpack-encoder.js';
import { connectionDefaults } from './limits.js';
import { ChunkPool } from './output.js';
import { errorCode, flag, frameType, preface, readUint32, settingId } from './protocol.js';
import { rawFrame, readFrames, settingBytes, uint32Bytes } from './raw-frames.js';
import { Stream } from './stream.js';
import type { StreamEvents } from './stream-events.js';

/** Writes down every event. */
class Log implements StreamEvents<Stream> {
  readonly lines: string[] = [];
  accept(id: number): Stream {
    return new Stream(id);
  }
  headers(stream: Stream, block: HeaderBlock, ended: boolean): void {
    const fields = block.fields.map(({ name, value }) => `${name}=${value}`).join(' ');
    this.lines.push(`${stream.id} headers ${fields}${ended ? ' end' : ''}`);
  }
  data(stream: Stream, bytes: Bytes, start: number, end: number, ended: boolean): void {
    this.lines.push(`${stream.id} data ${text(bytes.subarray(start, end))}${ended ? ' end' : ''}`);
  }
  aborted(stream: Stream, code: number): void {
    this.lines.push(`${stream.id} aborted ${code}`);
  }
  drained(): void {}
  goneAway(): void {}
  settled(): void {
    this.lines.push('settled');
  }
}

function server(): { log: Log; connection: Connection<Stream> } {
  const log = new Log();
  const host = { pool: new ChunkPool(), nowMs: 0, wake: () => {} };
  return { log, connection: new Connection('server', connectionDefaults, log, host) };
}

const request = [
  { name: ':method', value: 'POST' },
  { name: ':scheme', value: 'http' },
  { name: ':path', value: '/a' },
] as const;

/** A conversation that uses every kind of frame. */
function conversation(random: Random): Bytes {
  const encoder = new HpackEncoder();
  const parts: Bytes[] = [preface, rawFrame(frameType.settings, 0, 0, settingBytes(settingId.initialWindowSize, 9))];
  for (let id = 1; id < 20; id += 2) {
    const block = encoder.encode([...request, { name: 'n', value: String(random.below(5)) }]);
    const cut = random.below(block.length);
    if (random.oneIn(2)) parts.push(rawFrame(frameType.headers, flag.endHeaders, id, block));
    else {
      parts.push(rawFrame(frameType.headers, 0, id, block.subarray(0, cut)));
      parts.push(rawFrame(frameType.continuation, flag.endHeaders, id, block.subarray(cut)));
    }
    const data = utf8('x'.repeat(random.below(30)));
    if (random.oneIn(3)) {
      const padded = concatBytes([Uint8Array.of(4), data, new Uint8Array(4)]);
      parts.push(rawFrame(frameType.data, flag.padded, id, padded));
    }
    parts.push(rawFrame(frameType.data, random.oneIn(2) ? flag.endStream : 0, id, data));
    parts.push(
      random.pick([
        rawFrame(frameType.priority, 0, id, uint32Bytes(0, 0).subarray(0, 5)),
        rawFrame(frameType.windowUpdate, 0, id, uint32Bytes(1 + random.below(100))),
        rawFrame(frameType.windowUpdate, 0, 0, uint32Bytes(1 + random.below(100))),
        rawFrame(frameType.rstStream, 0, id, uint32Bytes(errorCode.cancel)),
        rawFrame(frameType.ping, flag.ack, 0, new Uint8Array(8)),
        rawFrame(frameType.settings, flag.ack, 0),
        rawFrame(0x77, 0xff, id, random.bytes(random.below(30))),
      ]),
    );
  }
  return concatBytes(parts);
}

test('a conversation gives the same events and the same output, however its chunks are cut', () => {
  forSeeds(100, (random) => {
    const bytes = conversation(random);
    const whole = server();
    whole.connection.receive(bytes, 0);
    ok(whole.log.lines.length > 15);
    const cut = server();
    const step = random.pick([1, 3, 10, 100]);
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + 1 + random.below(step));
      cut.connection.receive(bytes.slice(at, end), 0);
      at = end;
    }
    deepEqual(cut.log.lines, whole.log.lines);
    deepEqual(concatBytes(cut.connection.sender.output.take()), concatBytes(whole.connection.sender.output.take()));
  });
});

test('no bytes make a connection throw, on either half', () => {
  forSeeds(400, (random) => {
    const host = { pool: new ChunkPool(), nowMs: 0, wake: () => {} };
    const client = new Connection('client', connectionDefaults, new Log(), host);
    const { connection } = server();
    const settings = rawFrame(frameType.settings, 0, 0);
    client.receive(settings, 0);
    connection.receive(concatBytes([preface, settings]), 0);
    const good = conversation(random).subarray(preface.length);
    for (let i = 0; i < 20; i++) {
      // A conversation with some bytes broken gets further than noise.
      const bytes = random.oneIn(3) ? random.bytes(random.below(200)) : good.slice(random.below(200));
      if (random.oneIn(2)) bytes[random.below(bytes.length)] = random.below(256);
      connection.receive(bytes, i);
      client.receive(bytes, i);
    }
    connection.tick(99);
    client.tick(99);
  });
});

/** What a connection answers to frames after the greeting: the codes of GOAWAY and RST_STREAM. */
function answersTo(...frames: Bytes[]): string[] {
  const { connection } = server();
  connection.receive(concatBytes([preface, rawFrame(frameType.settings, 0, 0)]), 0);
  connection.sender.output.take();
  connection.receive(concatBytes(frames), 0);
  const answers: string[] = [];
  for (const { type, payload, id } of readFrames(concatBytes(connection.sender.output.take()))) {
    if (type === frameType.goAway) answers.push(`goaway ${readUint32(payload, 4)}`);
    if (type === frameType.rstStream) answers.push(`reset ${id} ${readUint32(payload, 0)}`);
  }
  return answers;
}

const openFrame = (id: number, ...more: { name: string; value: string }[]) =>
  rawFrame(frameType.headers, flag.endHeaders, id, new HpackEncoder().encode([...request, ...more]));
const goAway = (code: number) => [`goaway ${code}`];

test('frames in the wrong place or of the wrong size', () => {
  const four = uint32Bytes(1);
  deepEqual(answersTo(rawFrame(frameType.data, 0, 0)), goAway(errorCode.protocolError));
  deepEqual(answersTo(rawFrame(frameType.data, 0, 1)), goAway(errorCode.protocolError));
  deepEqual(answersTo(rawFrame(frameType.headers, 4, 0)), goAway(errorCode.protocolError));
  deepEqual(answersTo(rawFrame(frameType.headers, 4, 2)), goAway(errorCode.protocolError));
  deepEqual(answersTo(rawFrame(frameType.pushPromise, 4, 1, four)), goAway(errorCode.protocolError));
  deepEqual(answersTo(rawFrame(frameType.rstStream, 0, 1, four)), goAway(errorCode.protocolError));
  deepEqual(answersTo(openFrame(1), rawFrame(frameType.rstStream, 0, 1)), goAway(errorCode.frameSizeError));
  deepEqual(answersTo(rawFrame(frameType.settings, 0, 0, four)), goAway(errorCode.frameSizeError));
  deepEqual(answersTo(rawFrame(frameType.settings, 0, 1)), goAway(errorCode.protocolError));
  deepEqual(answersTo(rawFrame(frameType.settings, flag.ack, 0, settingBytes(1, 1))), goAway(errorCode.frameSizeError));
  deepEqual(answersTo(rawFrame(frameType.ping, 0, 0, four)), goAway(errorCode.frameSizeError));
  deepEqual(answersTo(rawFrame(frameType.goAway, 0, 0, four)), goAway(errorCode.frameSizeError));
  deepEqual(answersTo(rawFrame(frameType.windowUpdate, 0, 0)), goAway(errorCode.frameSizeError));
  deepEqual(answersTo(rawFrame(frameType.windowUpdate, 0, 0, uint32Bytes(0))), goAway(errorCode.protocolError));
  deepEqual(answersTo(rawFrame(frameType.continuation, 4, 1)), goAway(errorCode.protocolError));
  deepEqual(answersTo(rawFrame(frameType.priority, 0, 1, four)), ['reset 1 6']);
  deepEqual(answersTo(rawFrame(frameType.data, 0, 1, new Uint8Array(16_385))), goAway(errorCode.frameSizeError));
});

test('streams that are over, or were never begun rightly', () => {
  const end = rawFrame(frameType.data, flag.endStream, 1);
  deepEqual(answersTo(openFrame(1), end, end), ['reset 1 5']);
  deepEqual(answersTo(openFrame(3), openFrame(1)), goAway(errorCode.streamClosed));
  deepEqual(answersTo(openFrame(1), openFrame(1)), ['reset 1 1']);
  deepEqual(answersTo(openFrame(1, { name: 'connection', value: 'close' })), ['reset 1 1']);
  deepEqual(answersTo(openFrame(1, { name: 'Upper', value: 'x' })), ['reset 1 1']);
  deepEqual(answersTo(openFrame(1, { name: 'bad', value: 'a\nb' })), ['reset 1 1']);
  deepEqual(answersTo(openFrame(1, { name: ':path', value: '/again' })), ['reset 1 1']);
  deepEqual(answersTo(openFrame(1, { name: 'content-length', value: '5' }), end), ['reset 1 1']);
  deepEqual(answersTo(openFrame(1, { name: 'content-length', value: '5x' })), ['reset 1 1']);
  deepEqual(answersTo(openFrame(1, { name: 'content-length', value: '0' }), end), []);
  deepEqual(answersTo(rawFrame(frameType.headers, flag.endHeaders, 1, Uint8Array.of(0xff, 0xff))), goAway(9));
});

test('settings out of range, and windows beyond their bound', () => {
  const set = (id: number, value: number) => rawFrame(frameType.settings, 0, 0, settingBytes(id, value));
  deepEqual(answersTo(set(settingId.enablePush, 2)), goAway(errorCode.protocolError));
  deepEqual(answersTo(set(settingId.initialWindowSize, 0x8000_0000)), goAway(errorCode.flowControlError));
  deepEqual(answersTo(set(settingId.maxFrameSize, 16_383)), goAway(errorCode.protocolError));
  deepEqual(answersTo(set(settingId.maxFrameSize, 16_777_216)), goAway(errorCode.protocolError));
  deepEqual(answersTo(set(0x99, 7)), []);
  const most = uint32Bytes(0x7fff_ffff);
  deepEqual(answersTo(rawFrame(frameType.windowUpdate, 0, 0, most)), goAway(errorCode.flowControlError));
  deepEqual(answersTo(openFrame(1), rawFrame(frameType.windowUpdate, 0, 1, most)), ['reset 1 3']);
  const tooMuch = Array.from({ length: 5 }, () => rawFrame(frameType.data, 0, 1, new Uint8Array(16_000)));
  deepEqual(answersTo(openFrame(1), ...tooMuch), ['reset 1 3']);
});

test('a shrunk initial window may make a stream owe, and later grants are counted from there', () => {
  const { connection, log } = server();
  connection.receive(concatBytes([preface, rawFrame(frameType.settings, 0, 0)]), 0);
  connection.receive(openFrame(1), 0);
  const opened = [...connection.all()][0] as Stream;
  connection.sender.enqueue(opened, new Uint8Array(60_000));
  connection.sender.pump();
  connection.receive(rawFrame(frameType.settings, 0, 0, settingBytes(settingId.initialWindowSize, 0)), 0);
  equal(opened.sendWindow, -60_000);
  connection.sender.enqueue(opened, new Uint8Array(10));
  connection.sender.pump();
  equal(opened.queuedBytes, 10);
  connection.receive(rawFrame(frameType.windowUpdate, 0, 1, uint32Bytes(60_004)), 0);
  equal(opened.queuedBytes, 6);
  connection.receive(rawFrame(frameType.windowUpdate, 0, 1, uint32Bytes(100)), 0);
  equal(opened.queuedBytes, 0);
  equal(log.lines.length, 3);
});

test('streams that wait for the connection window take turns', () => {
  const { connection } = server();
  connection.receive(concatBytes([preface, rawFrame(frameType.settings, 0, 0)]), 0);
  for (const id of [1, 3, 5]) connection.receive(openFrame(id), 0);
  connection.sender.output.take();
  for (const stream of connection.all()) connection.sender.enqueue(stream, new Uint8Array(60_000));
  connection.sender.pump();
  const sent = new Map<number, number>();
  for (const { type, id, payload } of readFrames(concatBytes(connection.sender.output.take()))) {
    if (type === frameType.data) sent.set(id, (sent.get(id) ?? 0) + payload.length);
  }
  deepEqual(
    [...sent].sort(([a], [b]) => a - b),
    [
      [1, 16_384 + 16_383],
      [3, 16_384],
      [5, 16_384],
    ],
  );
});
