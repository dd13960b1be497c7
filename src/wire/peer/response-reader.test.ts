// Proves: the body of an HTTP/1.1 answer is handed out as it was sent, however it is chunked and cut; what is no HTTP is known as such.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { type Bytes, concatBytes, utf8 } from '../../base/bytes.js';
import type { Random } from '../../base/random.js';
import { forSeeds } from '../../base/seeds.js';
import { ResponseReader } from './response-reader.js';

function read(random: Random, bytes: Bytes) {
  const reader = new ResponseReader();
  const body: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = Math.min(bytes.length, at + 1 + random.below(random.pick([1, 10, 1000])));
    reader.add(bytes.subarray(at, end));
    while (reader.nextPiece()) body.push(...reader.bytes.subarray(reader.start, reader.end));
    at = end;
  }
  return { reader, body: Uint8Array.from(body) };
}

function chunked(random: Random, body: Bytes): Bytes {
  const parts: Bytes[] = [];
  for (let at = 0; at < body.length; ) {
    const size = Math.min(body.length - at, 1 + random.below(300));
    const line = size.toString(16).padStart(random.pick([1, 8]), '0') + random.pick(['', ';name=value', ' ']);
    parts.push(utf8(`${random.oneIn(2) ? line.toUpperCase() : line}\r\n`), body.subarray(at, at + size), utf8('\r\n'));
    at += size;
  }
  return concatBytes(parts);
}

test('a chunked body', () => {
  forSeeds(200, (random) => {
    const body = random.bytes(random.below(2000));
    const end = random.pick(['', '0\r\n\r\n', '0\r\nX-Trailer: 1\r\n\r\n']);
    const head = 'HTTP/1.1 200 OK\r\nContent-Type: x\r\nX-Server-Version:3.7.1\r\nTransfer-Encoding: chunked\r\n\r\n';
    const { reader, body: got } = read(random, concatBytes([utf8(head), chunked(random, body), utf8(end)]));
    equal(reader.head?.status, 200);
    equal(reader.head?.headers.get('x-server-version'), '3.7.1');
    deepEqual(got, body);
    equal(reader.ended, end !== '');
    equal(reader.malformed, false);
  });
});

test('a body of a known length, and one that lasts as long as the connection', () => {
  forSeeds(100, (random) => {
    const body = utf8('incompatible version\n');
    const sized = read(random, concatBytes([utf8('HTTP/1.1 412 X\r\nContent-Length: 21\r\n\r\n'), body, body]));
    deepEqual(sized.body, body);
    equal(sized.reader.ended, true);
    const endless = read(random, concatBytes([utf8('HTTP/1.0 412 X\nA: b\n\n'), body, body]));
    deepEqual(endless.body, concatBytes([body, body]));
    equal(endless.reader.ended, false);
    equal(read(random, utf8('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')).reader.ended, true);
  });
});

test('what is no HTTP', () => {
  const chunks = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
  const bad = [
    'SSH-2.0-OpenSSH_9.2\r\n\r\n',
    'HTTP/2.0 200 OK\r\n\r\n',
    `${chunks}\r\n`,
    `${chunks}zz\r\n`,
    `${chunks}-1\r\n`,
    `${chunks}ffffffffffffffff\r\n`,
    `${chunks}1\r\nab`,
    `${chunks}1;${'x'.repeat(5000)}`,
    'HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nabc',
    'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nabc',
    'x'.repeat(70_000),
  ];
  for (const each of bad)
    forSeeds(5, (random) => equal(read(random, utf8(each)).reader.malformed, true, each.slice(0, 80)));
});
