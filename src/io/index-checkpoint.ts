/**
 * The key index kept over an orderly stop, so that the next start need not read all values.
 *
 *     <data-dir>/member/snap/index    written whole under another name, then renamed
 *     record local/indexCheckpoint    its checksum, committed with the last values: a file that does not fit it is not used
 *
 * Only a copy: after a crash, a compaction or any doubt the index is made anew from the values.
 */
import { closeSync, fsyncSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type Bytes, equalBytes, utf8 } from '../base/bytes.js';
import { readCompactions } from '../mvcc/compaction.js';
import { type LoadedCheckpoint, loadCheckpoint, writeCheckpoint } from '../mvcc/index/checkpoint.js';
import { PagedKeyIndex } from '../mvcc/index/paged-key-index.js';
import type { Store } from '../mvcc/store.js';
import type { ValueStore } from '../mvcc/value-store.js';

const bucket = 'local';
const sumKey = utf8('indexCheckpoint');
/** Below this many keys a start is quick without. */
const keysMin = 10_000;

/** Writes the index, and its checksum into the records; the caller commits these. Nothing may change the store meanwhile. */
export function saveIndex(folder: string, store: Store): void {
  const { index, values } = store;
  values.deleteRecord(bucket, sumKey);
  if (!(index instanceof PagedKeyIndex) || index.liveKeys < keysMin || !store.compactor.idle) return;
  const unfinished = join(folder, 'tmp-index');
  const file = openSync(unfinished, 'w', 0o600);
  let last: Bytes = new Uint8Array(0);
  for (const part of writeCheckpoint(index, { revision: store.revision, compactRevision: store.compactedRevision })) {
    for (let at = 0; at < part.length; ) at += writeSync(file, part, at, part.length - at);
    last = part;
  }
  fsyncSync(file);
  closeSync(file);
  renameSync(unfinished, join(folder, 'index'));
  values.setRecord(bucket, sumKey, last.slice());
}

/** The index as it was saved, if the values are still those it was saved with, or have only grown. */
export function loadIndex(folder: string, values: ValueStore): LoadedCheckpoint | undefined {
  const sum = values.getRecord(bucket, sumKey)?.slice();
  if (sum === undefined) return undefined;
  const loaded = readIndex(join(folder, 'index'), sum);
  if (loaded === undefined || !fits(loaded, values)) return undefined;
  return loaded;
}

/** No compaction since, and the revision it ends with is there. */
function fits({ revision, compactRevision }: LoadedCheckpoint, values: ValueStore): boolean {
  const { scheduled, finished } = readCompactions({ values });
  let there = false;
  values.scan(revision, 0, revision + 1, () => {
    there = true;
    return false;
  });
  return there && scheduled === finished && finished === compactRevision;
}

function readIndex(path: string, sum: Bytes): LoadedCheckpoint | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return undefined;
  }
  let last: Bytes = new Uint8Array(0);
  const fill = (bytes: Bytes) => {
    last = bytes;
    for (let at = 0; at < bytes.length; ) {
      const read = readSync(file, bytes, at, bytes.length - at, null);
      if (read === 0) return false;
      at += read;
    }
    return true;
  };
  const loaded = loadCheckpoint(fill);
  closeSync(file);
  if (loaded !== undefined && equalBytes(last, sum)) return loaded;
  rmSync(path, { force: true });
  return undefined;
}
