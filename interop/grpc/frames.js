/** Requests as no client of Go's would send them, written frame by frame: what do Go's server and ours answer? */
import { connect } from 'node:net';
import { join } from 'node:path';
import { root } from '../../tools/run.js';

const load = (path) => import(join(root, 'dist', 'wire', 'http2', path));

/** What differs on purpose, and why. */
const byChoice = {
  'te: gzip': 'RFC 9113, 8.2.2 forbids it, and h2spec asks for the error',
  'no :scheme': 'RFC 9113, 8.3.1 demands it, and h2spec asks for the error',
  'the end with the headers': 'Go leaves a unary call unanswered that ends without data',
  'data on an idle stream': 'RFC 9113, 5.1 demands the error that Go does not give',
  'ids that go down': 'Go says PROTOCOL_ERROR, RFC 9113, 5.1 STREAM_CLOSED',
};

const waitMs = 400;

/** Plays every case against both ports; answers how many came out the same, and prints the others. */
export async function compareFrames(goPort, ourPort) {
  const cases = await makeCases();
  let same = 0;
  let different = 0;
  const play = async ([name, frames]) => {
    const [go, ours] = await Promise.all([answerOf(goPort, frames), answerOf(ourPort, frames)]);
    if (go === ours) same++;
    else if (byChoice[name] === undefined) {
      different++;
      console.log(`${name}:\n  Go's: ${go}\n  ours: ${ours}`);
    }
  };
  await Promise.all(Object.entries(cases).map(play));
  return { same, different };
}

async function makeCases() {
  const { rawFrame, uint32Bytes } = await load('raw-frames.js');
  const { HpackEncoder } = await load('hpack-encoder.js');
  const usual = {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': '/test.Echo/Unary',
    ':authority': 'x',
    'content-type': 'application/grpc',
    te: 'trailers',
  };
  /** A header block: the usual fields, changed or (undefined) left out, then further ones. */
  const block = (changed = {}, more = []) => {
    const fields = [...Object.entries({ ...usual, ...changed }), ...more].filter(([, value]) => value !== undefined);
    return new HpackEncoder().encode(fields.map(([name, value]) => ({ name, value })));
  };
  const headers = (id, bytes, end = false) => rawFrame(1, end ? 5 : 4, id, bytes);
  const data = (id, bytes, end = true) => rawFrame(0, end ? 1 : 0, id, bytes);
  const message = Uint8Array.of(0, 0, 0, 0, 1, 0x61);
  const asked = (changed, more) => [headers(1, block(changed, more)), data(1, message)];
  const ping = rawFrame(6, 0, 0, new Uint8Array(8));
  return {
    'as usual': asked(),
    'no message': [headers(1, block()), data(1, new Uint8Array(0))],
    'the end with the headers': [headers(1, block(), true)],
    'half a prefix': [headers(1, block()), data(1, message.subarray(0, 3))],
    'half a message': [headers(1, block()), data(1, Uint8Array.of(0, 0, 0, 0, 9, 0x61))],
    'two messages': [headers(1, block()), data(1, Buffer.concat([message, message]))],
    'no end': [headers(1, block()), data(1, message, false)],
    'an unknown flag': [headers(1, block()), data(1, Uint8Array.of(7, 0, 0, 0, 1, 9))],
    'compressed without a compression': [headers(1, block()), data(1, Uint8Array.of(1, 0, 0, 0, 1, 9))],
    'a length too large': [headers(1, block()), data(1, Uint8Array.of(0, 0, 0x20, 0, 1, 9), false)],
    GET: [headers(1, block({ ':method': 'GET' }), true)],
    JSON: [headers(1, block({ 'content-type': 'application/json' }), true)],
    'no type': [headers(1, block({ 'content-type': undefined }))],
    'a subtype': asked({ 'content-type': 'application/grpc+proto' }),
    'a parameter': asked({ 'content-type': 'application/grpc;charset=x' }),
    'a timeout of no unit': asked({}, [['grpc-timeout', '1x']]),
    'a timeout too long': asked({}, [['grpc-timeout', '123456789S']]),
    'no time at all': asked({}, [['grpc-timeout', '0n']]),
    'metadata that is no base64': asked({}, [['x-bin', '***']]),
    'metadata that stops being base64': asked({}, [['x-bin', 'abcde*']]),
    'two hosts': asked({}, [
      ['host', 'a'],
      ['host', 'b'],
    ]),
    'a host': asked({}, [['host', 'a']]),
    'connection: close': asked({}, [['connection', 'close']]),
    'te: gzip': asked({ te: 'gzip' }),
    'encoding: identity': asked({}, [['grpc-encoding', 'identity']]),
    'an unknown method': [headers(1, block({ ':path': '/test.Echo/Nope' }))],
    'an unknown service': [headers(1, block({ ':path': '/a.b/Nope' }))],
    'no slash': [headers(1, block({ ':path': 'nope' }))],
    'a path that is no text': [headers(1, block({ ':path': '/n"\xffé' }))],
    'the root': [headers(1, block({ ':path': '/' }))],
    'a star': [headers(1, block({ ':path': '*' }))],
    'an even id': [headers(2, block())],
    'ids that go down': [headers(3, block()), headers(1, block())],
    'pings, pings, pings': [ping, ping, ping, ping],
    'a window update of 0': [headers(1, block()), rawFrame(8, 0, 1, uint32Bytes(0))],
    'data on an idle stream': [data(1, message)],
    'an unknown frame': [rawFrame(99, 0, 0, new Uint8Array(4)), ...asked()],
    'two authorities': asked({}, [[':authority', 'y']]),
    'no authority': asked({ ':authority': undefined }),
    'no :scheme': asked({ ':scheme': undefined }),
    'upper case': asked({}, [['Abc', 'y']]),
  };
}

/** What the server has said some time after the frames, in words. The end of the socket is left out: Go takes its time. */
async function answerOf(port, frames) {
  const { rawFrame, readFrames } = await load('raw-frames.js');
  const { preface } = await load('protocol.js');
  const { HpackDecoder } = await load('hpack-decoder.js');
  const chunks = [];
  const socket = connect(port, '127.0.0.1');
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => {});
  socket.write(Buffer.concat([preface, rawFrame(4, 0, 0), rawFrame(4, 1, 0), ...frames]));
  await new Promise((resolve) => setTimeout(resolve, waitMs));
  socket.destroy();
  const decoder = new HpackDecoder(1_000_000);
  return readFrames(Buffer.concat(chunks))
    .map((frame) => wordsFor(frame, decoder))
    .filter((words) => words !== '')
    .join(' | ');
}

function wordsFor({ type, flags, id, payload }, decoder) {
  const number = (at) => Buffer.from(payload).readUInt32BE(at);
  switch (type) {
    case 0:
      return `${id} data ${Buffer.from(payload).toString('latin1')}`;
    case 1: {
      const fields = decoder.decode(payload, 0, payload.length).fields;
      // Go names the empty text of a success, which gRPC leaves to the server.
      const said = fields.map(({ name, value }) => `${name}=${value}`).filter((field) => field !== 'grpc-message=');
      return `${id} headers ${said.join(' ')}${flags & 1 ? ' end' : ''}`;
    }
    case 3:
      return `${id} reset ${number(0)}`;
    case 6:
      return flags & 1 ? 'pong' : '';
    case 7:
      return `goaway ${number(4)}`;
    default:
      return '';
  }
}
