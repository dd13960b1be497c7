/**
 * The index as a file, so that a start need not read all values: its pages and records as they lie in memory.
 *
 *     header 128   magic, version, then the numbers of `fields`, as doubles in the machine's byte order
 *     pages        4096 each
 *     records      28 each
 *     checksum 4   CRC-32C of all before
 *
 * It is a copy that can be rebuilt: whatever is wrong with it, another machine's byte order included, it is not used.
 */
import { type Bytes, noBytes } from '../../base/bytes.js';
import { crc32c } from '../../base/crc32c.js';
import { PagedKeyIndex, type PagedKeyIndexOptions } from './paged-key-index.js';

const magic = 0x71_69_64_78;
const version = 1;
const headerBytes = 128;
/** Far beyond any index that fits into memory: guards against reading nonsense into it. */
const takenMax = 0x4000_0000;

/** What the index stood at; the caller compares it with what the values stand at. */
export interface CheckpointMarks {
  readonly revision: number;
  readonly compactRevision: number;
}

export interface LoadedCheckpoint extends CheckpointMarks {
  readonly index: PagedKeyIndex;
}

/** The checkpoint's bytes, part by part. The index must not change until the last part was taken; parts are its own memory. */
export function* writeCheckpoint(index: PagedKeyIndex, marks: CheckpointMarks): Generator<Bytes> {
  const { tree, history, compaction } = index;
  const pool = tree.pool.marks;
  const records = history.marks;
  const header = new Float64Array(headerBytes / 8);
  header.set([magic, version, marks.revision, marks.compactRevision]);
  header.set([tree.root, tree.height, tree.scratchPage, index.liveKeys, compaction.cut], 4);
  header.set([pool.taken, pool.freeHead, pool.freeCount, records.taken, records.freeHead, records.freeCount], 9);
  let sum = 0;
  for (const part of [new Uint8Array(header.buffer), ...tree.pool.parts(), ...history.parts()]) {
    sum = crc32c(part, 0, part.length, sum);
    yield part;
  }
  yield new Uint8Array(Uint32Array.of(sum).buffer);
}

/** The index that was written, or undefined when it cannot be used. `fill` fills the bytes it is given, in order; false at the end. */
export function loadCheckpoint(
  fill: (bytes: Bytes) => boolean,
  options?: PagedKeyIndexOptions,
): LoadedCheckpoint | undefined {
  const header = new Float64Array(headerBytes / 8);
  const headerRead = new Uint8Array(header.buffer);
  if (!fill(headerRead) || header[0] !== magic || header[1] !== version) return undefined;
  const at = (field: number) => header[field] as number;
  if (!isCount(at(9)) || !isCount(at(12))) return undefined;
  const index = new PagedKeyIndex(options);
  index.tree.pool.resize({ taken: at(9), freeHead: at(10), freeCount: at(11) });
  index.history.resize({ taken: at(12), freeHead: at(13), freeCount: at(14) });
  let sum = crc32c(headerRead);
  for (const part of [...index.tree.pool.parts(), ...index.history.parts()]) {
    if (!fill(part)) return undefined;
    sum = crc32c(part, 0, part.length, sum);
  }
  const stored = new Uint32Array(1);
  if (!fill(new Uint8Array(stored.buffer)) || stored[0] !== sum) return undefined;
  index.tree.adopt(at(4), at(5), at(6));
  index.adoptLiveKeys(at(7));
  index.compaction.adopt(at(8));
  index.tree.locate(noBytes);
  return { index, revision: at(2), compactRevision: at(3) };
}

const isCount = (taken: number) => Number.isInteger(taken) && taken >= 1 && taken < takenMax;
