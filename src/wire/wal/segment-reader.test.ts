// Proves: logs written by etcd 3.7.1 (`testdata`, see interop/wal/run.js) read as etcd reads them, and each way in which
// a segment can end is told apart: well, torn, damaged.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { crc32c } from '../../base/crc32c.js';
import { Writer } from '../proto/writer.js';
import { WalEncoder } from './encoder.js';
import { parseSegmentName, segmentName } from './format.js';
import { WalReplay } from './replay.js';
import { SegmentReader, tornBytesMax } from './segment-reader.js';

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const testdata = join(root, 'src', 'wire', 'wal', 'testdata', 'go-3.7.1');

test('a log that etcd wrote', () => {
  const reader = new SegmentReader(crc32c);
  const replay = new WalReplay();
  const names = readdirSync(testdata).filter((name) => parseSegmentName(name) !== undefined);
  ok(names.length > 1);
  for (const name of names) {
    const bytes = new Uint8Array(readFileSync(join(testdata, name)));
    reader.open(bytes, bytes.length, name === names.at(-1));
    while (reader.next()) equal(replay.take(reader), undefined);
    equal(reader.end?.kind, 'clean', name);
  }
  equal(replay.finish(), undefined);
  const { hardState, snapshots, metadata = [], entries } = replay;
  const read = {
    metadata: Buffer.from(metadata).toString('base64'),
    hardState: { ...hardState, vote: Number(hardState.vote) },
    snapshots: snapshots
      .filter(({ index }) => index <= hardState.commit)
      .map(({ index, term, confState }) => ({ index, term, voters: (confState?.voters ?? []).map(Number) })),
    entries: entries.map((entry) => ({ ...entry, data: Buffer.from(entry.data).toString('base64') })),
  };
  deepEqual(read, JSON.parse(readFileSync(join(testdata, 'read.json'), 'utf8')));
});

/** A segment of `sizes.length` entries with data of these sizes, and where each frame begins; zeroes behind. */
function segment(sizes: readonly number[], sizeBytes = 64 << 10, fill = 7) {
  const writer = new Writer();
  const encoder = new WalEncoder(crc32c, 0);
  encoder.chain(writer);
  encoder.metadata(writer, new Uint8Array([8, 1, 16, 1]));
  const starts = sizes.map((size, at) => {
    const start = writer.at;
    encoder.entry(writer, { type: 0, term: 1, index: at + 1, data: new Uint8Array(size).fill(fill) });
    return start;
  });
  const bytes = new Uint8Array(sizeBytes);
  bytes.set(writer.bytes.subarray(0, writer.at));
  return { bytes, starts, end: writer.at, written: bytes.findLastIndex((byte) => byte !== 0) + 1 };
}

function endOf(bytes: Uint8Array, last = true) {
  const reader = new SegmentReader(crc32c);
  reader.open(bytes, bytes.length, last);
  let records = 0;
  while (reader.next()) records++;
  const { end } = reader;
  ok(end);
  return { records, ...end };
}

const at = (starts: readonly number[], which: number) => starts[which] as number;

test('names', () => {
  equal(segmentName(1, 255), '0000000000000001-00000000000000ff.wal');
  deepEqual(parseSegmentName('0000000000000001-00000000000000ff.wal'), { sequence: 1, firstIndex: 255 });
  for (const name of ['0.tmp', '1-ff.wal', '0000000000000001-00000000000000ff.wal.broken'])
    equal(parseSegmentName(name), undefined);
});

test('the first frame of a log is the one that the format tells', () => {
  const first = segment([]).bytes.subarray(0, 16);
  equal(Buffer.from(first).toString('hex'), '04000000000000840804100000000000');
});

test('writing stopped', () => {
  const { bytes, end } = segment([100, 200]);
  deepEqual(endOf(bytes), { records: 4, kind: 'clean', offset: end });
  deepEqual(endOf(bytes.subarray(0, end)), { records: 4, kind: 'clean', offset: end });
  deepEqual(endOf(bytes.subarray(0, end), false), { records: 4, kind: 'clean', offset: end });
});

test('the file ends inside a frame', () => {
  const { bytes, starts, end } = segment([100, 200]);
  const offset = at(starts, 1);
  deepEqual(endOf(bytes.subarray(0, end - 9)), { records: 3, kind: 'torn', offset, writtenTo: end - 9 });
  equal(endOf(bytes.subarray(0, end - 9), false).kind, 'damaged', 'a segment follows');
});

test('a sector is missing', () => {
  const { bytes, starts, written } = segment([100, 3000, 100]);
  const offset = at(starts, 1);
  const torn = bytes.slice().fill(0, 1024, 1536);
  deepEqual(endOf(torn), { records: 3, kind: 'torn', offset, writtenTo: written });
  equal(endOf(torn, false).kind, 'damaged');
  const part = bytes.slice().fill(0, 1030, 1536);
  equal(endOf(part).kind, 'damaged', 'a sector is missing whole or not at all');
});

test('a header is missing', () => {
  const { bytes, starts, written } = segment([300, 3000, 100]);
  const offset = at(starts, 0);
  ok(offset < 512);
  const torn = bytes.slice().fill(0, offset, 512);
  deepEqual(endOf(torn), { records: 2, kind: 'torn', offset, writtenTo: written });
  equal(endOf(torn, false).kind, 'damaged');
});

test('more follows a hole than one write could have lost', () => {
  const { bytes, starts } = segment([100, 600, tornBytesMax, tornBytesMax], 4 * tornBytesMax);
  const hole = bytes.slice().fill(0, at(starts, 1), 512);
  const end = endOf(hole);
  equal(end.kind, 'damaged');
  equal(end.offset, at(starts, 1));
});

test('a bit is flipped', () => {
  const { bytes, starts } = segment([100, 200, 300]);
  for (let byte = 0; byte < at(starts, 1); byte++) {
    const flipped = bytes.slice();
    flipped[byte] = (flipped[byte] as number) ^ 0x10;
    const end = endOf(flipped);
    // Only padding may change unseen.
    if (end.kind === 'clean') equal(end.records, 5);
    else equal(end.kind, 'damaged', `byte ${byte}`);
  }
});

test('a segment without its head', () => {
  equal(endOf(new Uint8Array(4096)).kind, 'damaged');
  equal(endOf(segment([]).bytes.subarray(0, 16)).kind, 'damaged');
});
