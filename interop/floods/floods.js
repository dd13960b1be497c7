/**
 * The known floods, each as what one connection sends and how the server must end it.
 *
 * `frames(from)` answers the next batch, where `from` counts the batches before it; undefined: there is no more to send.
 * `ends` is the last word that the server must have for the connection; `says` is what it must say on a stream.
 * A flood that `holds` is not ended: what it may take of the server's memory is bounded, and that is asked instead.
 */
import { gzipSync } from 'node:zlib';
import { HpackEncoder } from '../../dist/wire/http2/hpack-encoder.js';
import { errorCode, flag, frameType, preface, settingId } from '../../dist/wire/http2/protocol.js';
import { rawFrame, settingBytes, uint32Bytes } from '../../dist/wire/http2/raw-frames.js';

const { calm, sizeError, settingsTimeout } = {
  calm: errorCode.enhanceYourCalm,
  sizeError: errorCode.frameSizeError,
  settingsTimeout: errorCode.settingsTimeout,
};
const hello = Buffer.concat([preface, rawFrame(frameType.settings, 0, 0)]);
const put = '/etcdserverpb.KV/Put';
const watch = '/etcdserverpb.Watch/Watch';

/** A header block of a call that touches no compression table, so that it is the same on every connection. */
function block(path, more = []) {
  const usual = {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': path,
    ':authority': 'localhost',
    'content-type': 'application/grpc',
    te: 'trailers',
  };
  const fields = [...Object.entries(usual), ...more].map(([name, value]) => ({ name, value, index: 'passing' }));
  return new HpackEncoder().encode(fields);
}

const putBlock = block(put);
const watchBlock = block(watch);
const open = (id, bytes = putBlock) => rawFrame(frameType.headers, flag.endHeaders, id, bytes);
const data = (id, bytes, flags = flag.endStream) => rawFrame(frameType.data, flags, id, bytes);
const prefix = (length, compressed = 0) => Buffer.concat([Uint8Array.of(compressed), uint32Bytes(length)]);

/** `count` times what `frame` makes in a batch; its argument counts through all batches. Made once for all connections. */
function batches(count, frame) {
  const made = [];
  return (from) => {
    made[from] ??= Buffer.concat(Array.from({ length: count }, (_, i) => frame(from * count + i)));
    return made[from];
  };
}
/** No more than `count` batches. */
const upTo = (count, frames) => (from) => (from < count ? frames(from) : undefined);
/** The same, once more and once more: made a single time. */
const same = (count, frame) => {
  const batch = Buffer.concat(new Array(count).fill(frame));
  return () => batch;
};
/** `first` before the batches of another. */
const after = (first, frames) => (from) => (from === 0 ? Buffer.concat(first) : frames(from - 1));

/** A header block over as many frames as it needs. */
function longHeaders(id, bytes) {
  const whole = bytes.length <= 16_384;
  const frames = [rawFrame(frameType.headers, whole ? flag.endHeaders : 0, id, bytes.subarray(0, 16_384))];
  for (let at = 16_384; at < bytes.length; at += 16_384) {
    const last = at + 16_384 >= bytes.length;
    frames.push(rawFrame(frameType.continuation, last ? flag.endHeaders : 0, id, bytes.subarray(at, at + 16_384)));
  }
  return Buffer.concat(frames);
}

/** 34 bytes each in the list, five on the wire: 15 KB that stand for 100, and 60 that stand for 400, where the cap is 64. */
const overCap = block(put, new Array(3_000).fill(['a', 'b']));
const farOverCap = block(put, new Array(12_000).fill(['a', 'b']));

/** One entry of 3,000 bytes enters the table, and each byte that follows names it again. */
function hpackBomb() {
  const encoder = new HpackEncoder();
  const bomb = { name: 'bomb', value: 'x'.repeat(3_000) };
  const first = encoder.encode([bomb]);
  const again = encoder.encode([bomb]);
  return Buffer.concat([putBlock, first, ...new Array(12_000).fill(again)]);
}
const hpack = hpackBomb();

/** Twice the limit, in 4 KB: the server stops where its limit is, so that a longer bomb would cost it no more. */
const gzipped = gzipSync(Buffer.alloc(4_194_304));
const gzipBlock = block(put, [['grpc-encoding', 'gzip']]);
const gzipBomb = Buffer.concat([prefix(gzipped.length, 1), gzipped]);
/** Says at its end that it holds a thousand bytes. */
const lyingBomb = Buffer.from(gzipBomb);
lyingBomb.writeUInt32LE(1_000, lyingBomb.length - 4);

function gzipCall(i, bomb) {
  const id = i * 2 + 1;
  const frames = [open(id, gzipBlock)];
  for (let at = 0; at < bomb.length; at += 16_384) {
    const last = at + 16_384 >= bomb.length;
    frames.push(data(id, bomb.subarray(at, at + 16_384), last ? flag.endStream : 0));
  }
  return Buffer.concat(frames);
}

const ended = (reason) => `GOAWAY ${calm} ${reason}`;

/** Floods that the server answers as fast as it reads them. */
const quick = {
  'rapid reset': {
    hello,
    frames: batches(100, (i) =>
      Buffer.concat([open(i * 2 + 1), rawFrame(frameType.rstStream, 0, i * 2 + 1, uint32Bytes(errorCode.cancel))]),
    ),
    ends: ended('too_many_resets'),
  },
  'server-provoked resets': {
    hello,
    frames: batches(100, (i) =>
      Buffer.concat([open(i * 2 + 1), rawFrame(frameType.windowUpdate, 0, i * 2 + 1, uint32Bytes(0x7fff_ffff))]),
    ),
    says: `reset ${errorCode.flowControlError}`,
    ends: ended('too_many_resets'),
  },
  'CONTINUATION, small': {
    hello,
    frames: after(
      [rawFrame(frameType.headers, 0, 1, Uint8Array.of(0x82))],
      same(100, rawFrame(frameType.continuation, 0, 1)),
    ),
    ends: ended('too_many_continuations'),
  },
  'CONTINUATION, large': {
    hello,
    frames: after(
      [rawFrame(frameType.headers, 0, 1)],
      same(4, rawFrame(frameType.continuation, 0, 1, new Uint8Array(16_384))),
    ),
    ends: ended('header block too large'),
  },
  PING: {
    hello,
    frames: same(1000, rawFrame(frameType.ping, 0, 0, new Uint8Array(8))),
    ends: ended('too_many_pings'),
  },
  SETTINGS: {
    hello,
    frames: same(1000, rawFrame(frameType.settings, 0, 0, settingBytes(settingId.initialWindowSize, 65_535))),
    ends: ended('too_many_frames'),
  },
  'empty DATA': {
    hello,
    frames: after([open(1)], same(1000, data(1, new Uint8Array(0), 0))),
    ends: ended('too_many_frames'),
  },
  PRIORITY: {
    hello,
    frames: same(1000, rawFrame(frameType.priority, 0, 9, Uint8Array.of(0, 0, 0, 3, 0))),
    ends: ended('too_many_frames'),
  },
  WINDOW_UPDATE: {
    hello,
    frames: same(1000, rawFrame(frameType.windowUpdate, 0, 0, uint32Bytes(1))),
    ends: ended('too_many_frames'),
  },
  'header lists over the cap': {
    hello,
    frames: upTo(
      500,
      batches(1, (i) => longHeaders(i * 2 + 1, overCap)),
    ),
    says: `reset ${sizeError}`,
    ends: ended('too_many_resets'),
  },
  'header lists far over the cap': {
    hello,
    frames: upTo(
      500,
      batches(1, (i) => longHeaders(i * 2 + 1, farOverCap)),
    ),
    ends: ended('header list too large'),
  },
  'HPACK bomb': {
    hello,
    frames: upTo(
      500,
      batches(1, (i) => longHeaders(i * 2 + 1, hpack)),
    ),
    ends: ended('header list too large'),
  },
  'gzip bomb': {
    hello,
    frames: upTo(
      100,
      batches(1, (i) => gzipCall(i, gzipBomb)),
    ),
    says: 'status 8',
    ends: ended('too_many_resets'),
  },
  'gzip bomb that lies': {
    hello,
    frames: upTo(
      100,
      batches(1, (i) => gzipCall(i, lyingBomb)),
    ),
    says: 'status 8',
    ends: ended('too_many_resets'),
  },
  // No library could send the message that is promised.
  'length prefix over the cap': {
    hello,
    frames: batches(50, (i) => Buffer.concat([open(i * 2 + 1), data(i * 2 + 1, prefix(0xffff_ffff), 0)])),
    says: 'status 8',
    ends: ended('too_many_resets'),
  },
  // The first few might be an application's mistake.
  'messages just over the cap': {
    hello,
    frames: batches(50, (i) => Buffer.concat([open(i * 2 + 1), data(i * 2 + 1, prefix(2_097_153), 0)])),
    says: 'status 8',
    ends: ended('too_many_resets'),
  },
  // Two megabytes promised and none sent, a thousand times: each is owed no more than the five bytes that came.
  'length prefix that lies': {
    hello,
    frames: upTo(
      20,
      batches(50, (i) => Buffer.concat([open(i * 2 + 1), data(i * 2 + 1, prefix(1_500_000), 0)])),
    ),
    holds: true,
  },
};

/** WatchRequest{create_request{key: "\0", range_end: "\0"}}: every key. */
const watchAll = Buffer.concat([prefix(8), Uint8Array.of(0x0a, 6, 0x0a, 1, 0, 0x12, 1, 0)]);

/** One byte a second. */
const dribble = (bytes) => (from) => bytes.subarray(from, from + 1);

/** Floods that live on patience: begun once, and looked at when the server's patience is over. */
const slow = {
  'slow preface': {
    hello: new Uint8Array(0),
    frames: dribble(preface),
    everyMs: 1_000,
    ends: `GOAWAY ${settingsTimeout} no preface in time`,
    connections: 100,
  },
  // Too short to tell HTTP/2 from HTTP/1.1: there is no language to say why in.
  silence: { hello: Uint8Array.of(0x50), frames: () => undefined, ends: 'closed', connections: 100 },
  'slow headers': {
    hello: Buffer.concat([hello, rawFrame(frameType.headers, 0, 1, Uint8Array.of(0x82))]),
    frames: dribble(Buffer.concat([rawFrame(frameType.continuation, 0, 1, putBlock)])),
    everyMs: 1_000,
    ends: ended('headers too slow'),
    connections: 100,
  },
  // A watcher may be slow for as long as it likes: events that it does not take are not kept for it.
  'zero window held on a watch': {
    hello: Buffer.concat([preface, rawFrame(frameType.settings, 0, 0, settingBytes(settingId.initialWindowSize, 0))]),
    frames: upTo(
      1,
      batches(5, (i) => Buffer.concat([open(i * 2 + 1, watchBlock), data(i * 2 + 1, watchAll, 0)])),
    ),
    holds: true,
    connections: 20,
  },
};

export const floods = { quick, slow };
