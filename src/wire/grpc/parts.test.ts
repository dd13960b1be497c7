// Proves: a client that takes large messages in parts gets every byte once, in order, and holds nothing of them.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, concatBytes } from '../../base/bytes.js';
import { forSeeds } from '../../base/seeds.js';
import { CallHead, type ClientCall, type ClientEvents } from './client-call.js';
import { Pipe } from './pipe.js';
import { createGrpcServer } from './server.js';
import { type Call, grpcCode, type Method } from './service.js';

const path = '/test.Large/Answers';
const head = new CallHead(path, 'localhost');

/** Keeps its calls for the test to answer. */
class Answering implements Method {
  readonly kind = 'bidi';
  readonly calls: Call[] = [];
  open(call: Call): void {
    this.calls.push(call);
  }
  message(): void {}
  halfClosed(): void {}
}

class Taker implements ClientEvents {
  messages: Bytes[] = [];
  partBytesMost = 0;
  partsTaken = 0;
  status = '';
  #parts: Bytes[] = [];
  onPart = (_call: ClientCall) => {};

  message(_call: ClientCall, bytes: Bytes, start: number, end: number): void {
    this.messages.push(bytes.slice(start, end));
  }

  part(call: ClientCall, bytes: Bytes, start: number, end: number): void {
    this.#parts.push(bytes.slice(start, end));
    this.partsTaken++;
    this.partBytesMost = Math.max(this.partBytesMost, end - start);
    if (call.partBytesLeft === 0) this.messages.push(concatBytes(this.#parts.splice(0)));
    this.onPart(call);
  }

  ended(_call: ClientCall, code: number, text: string): void {
    this.status = `${code} ${text}`;
  }
}

function setUp() {
  const method = new Answering();
  const pipe = new Pipe(createGrpcServer(new Map([[path, method]])));
  const taker = new Taker();
  const call = pipe.client.open(head, taker);
  pipe.settle();
  return { pipe, taker, call, answer: method.calls[0] as Call };
}

/** Bytes of which no two stretches are alike. */
function filled(length: number): Bytes {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 2_654_435_761) >>> 24;
  return bytes;
}

test('any cuts and pauses: every message comes whole and in order, small ones in one piece', () => {
  forSeeds(60, (random) => {
    const { pipe, taker, call, answer } = setUp();
    const sizes = Array.from({ length: 6 }, () => random.below(random.oneIn(2) ? 2_000 : 900_000));
    const messages = sizes.map(filled);
    taker.onPart = () => {
      if (random.oneIn(4)) call.pause();
    };
    for (const message of messages) answer.send(message);
    answer.end();
    while (pipe.step(random) || call.paused) {
      if (call.paused && random.oneIn(3)) call.resume();
    }
    equal(taker.status, '0 ');
    deepEqual(
      taker.messages.map((message) => message.length),
      sizes,
    );
    ok(taker.messages.every((message, i) => Buffer.compare(message, messages[i] as Bytes) === 0));
  });
});

test('a message of many megabytes is never held', () => {
  const { pipe, taker, answer } = setUp();
  const bytes = filled(1 << 20);
  answer.beginMessage(40 << 20);
  let heldMost = 0;
  for (let sent = 0; sent < 40; sent++) {
    answer.sendPart(bytes);
    while (pipe.step()) heldMost = Math.max(heldMost, pipe.client.heldBytes);
  }
  answer.end();
  pipe.settle();
  equal(taker.status, '0 ');
  equal(taker.messages[0]?.length, 40 << 20);
  ok(taker.partsTaken > 40);
  ok(heldMost < 1_024, `${heldMost} bytes were held`);
});

test('a stream that ends within a message is no success', () => {
  const { pipe, taker, answer } = setUp();
  answer.beginMessage(1 << 20);
  answer.sendPart(filled(600_000));
  answer.end();
  pipe.settle();
  equal(taker.status, `${grpcCode.internal} unexpected EOF`);
  deepEqual(taker.messages, []);
  ok(taker.partsTaken > 0);
});
