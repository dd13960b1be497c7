/**
 * Opens a log that is there, or makes a new one; both give what a member needs and where writing goes on.
 *
 * A torn end is cut off once, a copy kept as `<segment>.broken`. Any other damage is refused, with the file, the place and the way
 * out: what cannot be read may have been promised to a client or counted in a quorum.
 */
import type { Bytes } from '../../base/bytes.js';
import { noMember } from '../../base/ids.js';
import { Writer } from '../proto/writer.js';
import type { Entry, HardState } from '../raftpb/types.js';
import { listSegments, type Segment, selectSegments } from './directory.js';
import type { Disk } from './disk.js';
import { WalEncoder } from './encoder.js';
import { type Checksum, frameHeaderBytes, parentOf, segmentBytes, segmentName } from './format.js';
import type { SnapshotPosition } from './records.js';
import { type StartPosition, WalReplay } from './replay.js';
import { type SegmentEnd, SegmentReader } from './segment-reader.js';

/** Where writing goes on. */
export interface WalTail {
  readonly directory: string;
  /** All that are there, the last is written to. */
  readonly segments: readonly Segment[];
  readonly offset: number;
  readonly sum: number;
  /** Of the last entry or snapshot written. */
  readonly lastIndex: number;
  readonly hardState: HardState;
  readonly metadata: Bytes;
}

/** A torn write that was cut off: what stands in `[offset, writtenTo)` is kept in `<file>.broken`. */
export interface WalRepair {
  readonly file: string;
  readonly offset: number;
  readonly writtenTo: number;
}

export interface OpenWal {
  readonly tail: WalTail;
  readonly hardState: HardState;
  /** The newest that is committed: entries begin behind it. */
  readonly snapshot: SnapshotPosition;
  /** All that were recorded in the segments that were read, oldest first. */
  readonly snapshots: readonly SnapshotPosition[];
  readonly entries: Entry[];
  readonly repaired: WalRepair | undefined;
  /** Names in the directory that do not belong there. */
  readonly ignored: readonly string[];
}

export interface WalRefusal {
  /** One line, in etcd's words where it has them. */
  readonly text: string;
  readonly file: string | undefined;
  readonly offset: number | undefined;
}

export type WalOpening =
  | { readonly ok: true; readonly wal: OpenWal }
  | { readonly ok: false; readonly refusal: WalRefusal };

export interface OpenOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly checksum: Checksum;
  /** Where to start; the newest committed snapshot when it is left out. */
  readonly from?: StartPosition;
  /** Smaller ones are for tests. */
  readonly segmentBytes?: number;
}

const wayOut =
  'with other members alive, remove this member, delete its data directory and add it again; ' +
  'alone, restore a backup with `quorateutl snapshot restore`';

/** Whether a log is there. */
export function walExists(disk: Disk, directory: string): boolean {
  return listSegments(disk.list(directory) ?? []).segments.length > 0;
}

/** Makes a log beside its place and moves it there, so that there is a whole one or none. */
export function createWal(options: OpenOptions, metadata: Bytes): OpenWal {
  const { disk, directory, checksum } = options;
  const making = `${directory}.tmp`;
  disk.removeNow(making);
  disk.makeDirectoryNow(making);
  const name = segmentName(0, 0);
  const writer = new Writer();
  const encoder = new WalEncoder(checksum, 0);
  const snapshot: SnapshotPosition = { index: 0, term: 0, confState: undefined };
  encoder.chain(writer);
  encoder.metadata(writer, metadata);
  encoder.snapshot(writer, snapshot);
  const file = disk.open(`${making}/${name}`);
  file.truncateNow(options.segmentBytes ?? segmentBytes);
  file.writeNow(writer.bytes, writer.at, 0);
  file.syncNow();
  file.close();
  disk.syncDirectoryNow(making);
  disk.removeNow(directory);
  disk.renameNow(making, directory);
  disk.syncDirectoryNow(parentOf(directory));
  const hardState: HardState = { term: 0, vote: noMember, commit: 0 };
  const segments = [{ name, sequence: 0, firstIndex: 0 }];
  const tail: WalTail = { directory, segments, offset: writer.at, sum: encoder.sum, lastIndex: 0, hardState, metadata };
  return { tail, hardState, snapshot, snapshots: [snapshot], entries: [], repaired: undefined, ignored: [] };
}

export function openWal(options: OpenOptions): WalOpening {
  const { disk, directory } = options;
  const listed = listSegments(disk.list(directory) ?? []);
  const selected = selectSegments(listed.segments, options.from?.index);
  if (typeof selected === 'string') return refuse(selected);
  const reader = new SegmentReader(options.checksum);
  const replay = new WalReplay(options.from);
  const end = readSegments(options, selected, reader, replay);
  if ('refusal' in end) return { ok: false, refusal: end.refusal };
  const failure = replay.finish();
  if (failure !== undefined) return refuse(failure);
  const { from } = options;
  const snapshot =
    from === undefined ? replay.newestSnapshot() : replay.snapshots.findLast(({ index }) => index === from.index);
  const last = selected.at(-1);
  if (replay.metadata === undefined || snapshot === undefined || last === undefined)
    return refuse('wal: no metadata or committed snapshot found');
  const repaired = end.end.kind === 'torn' ? cut(disk, directory, last.name, reader, end.end) : undefined;
  if (repaired === undefined) trim(disk, `${directory}/${last.name}`, end.end.offset);
  for (const name of listed.temporary) disk.removeNow(`${directory}/${name}`);
  const tail: WalTail = {
    directory,
    // Below a gap, segments are of no use to anyone; they are left to be purged.
    segments: listed.segments,
    offset: end.end.offset,
    sum: reader.sum,
    lastIndex: replay.lastIndex,
    hardState: replay.hardState,
    metadata: replay.metadata,
  };
  const { hardState, snapshots, entries } = replay;
  return { ok: true, wal: { tail, hardState, snapshot, snapshots, entries, repaired, ignored: listed.ignored } };
}

/**
 * Opens at the newest snapshot that has a file. That is written before the log records it, so the log may not know it: then it is
 * read from where it can be.
 */
export function openWalAt(options: OpenOptions, newest: StartPosition | undefined): WalOpening {
  if (newest === undefined) return openWal(options);
  const opening = openWal({ ...options, from: newest });
  return opening.ok ? opening : openWal(options);
}

type ReadEnd = { readonly end: SegmentEnd } | { readonly refusal: WalRefusal };

/** Reads all segments into `replay`, one after the other through the same buffer, which holds the last one at the end. */
function readSegments(
  { disk, directory }: OpenOptions,
  segments: readonly Segment[],
  reader: SegmentReader,
  replay: WalReplay,
): ReadEnd {
  for (const segment of segments) {
    const last = segment === segments.at(-1);
    const file = disk.read(`${directory}/${segment.name}`, reader.bytes);
    reader.open(file.bytes, file.length, last);
    for (let before = 0; reader.next(); before = reader.offset) {
      const failure = replay.take(reader);
      if (failure !== undefined) return { refusal: damage(failure, segment.name, before) };
    }
    const end = reader.end as SegmentEnd;
    if (end.kind === 'damaged') return { refusal: damage(end.what, segment.name, end.offset) };
    if (last) return { end };
  }
  return { refusal: { text: 'wal: file not found', file: undefined, offset: undefined } };
}

function damage(what: string, file: string, offset: number): WalRefusal {
  return { text: `${what}: in file '${file}' at position: ${offset}; ${wayOut}`, file, offset };
}

function refuse(text: string): WalOpening {
  return { ok: false, refusal: { text, file: undefined, offset: undefined } };
}

/** Zeroes too few for the length of a frame: etcd takes them for a torn one, and would have to repair the log. */
function trim(disk: Disk, path: string, offset: number): void {
  const file = disk.open(path);
  const left = file.sizeBytes - offset;
  if (left > 0 && left < frameHeaderBytes) file.truncateNow(offset);
  file.close();
}

/** Cuts the torn end off the segment that `reader` still holds, and fills its place with zeroes. */
function cut(
  disk: Disk,
  directory: string,
  name: string,
  reader: SegmentReader,
  end: { readonly offset: number; readonly writtenTo: number },
): WalRepair {
  const path = `${directory}/${name}`;
  disk.removeNow(`${path}.broken`);
  const broken = disk.open(`${path}.broken`);
  broken.writeNow(reader.bytes, end.writtenTo, 0);
  broken.syncNow();
  broken.close();
  disk.syncDirectoryNow(directory);
  const file = disk.open(path);
  const { sizeBytes } = file;
  file.truncateNow(end.offset);
  file.syncNow();
  if (sizeBytes - end.offset >= frameHeaderBytes) file.truncateNow(sizeBytes);
  file.close();
  return { file: name, offset: end.offset, writtenTo: end.writtenTo };
}
