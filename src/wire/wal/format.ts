/**
 * The write-ahead log's file format, which is etcd's.
 *
 * A segment is a row of frames; each begins at a multiple of 8:
 *
 *     | 7 bytes length, little-endian | 0x80 + padding, or 0 | record, `length` bytes | padding, 0-7 zero bytes |
 *
 * and a record is the protobuf `{ type = 1, crc = 2, data = 3 }`. `crc` is the CRC-32C of the data of all records since the log
 * began, this one included, across segments. A length of 0 is where writing stopped: segments are filled with zeroes ahead.
 */
export const recordType = { metadata: 1, entry: 2, state: 3, crc: 4, snapshot: 5 } as const;
export type RecordType = (typeof recordType)[keyof typeof recordType];

/** A segment is closed after the write that reaches this offset. */
export const segmentBytes = 64_000_000;
export const frameHeaderBytes = 8;
/** What a disk writes whole or not at all. */
export const sectorBytes = 512;

/** Goes on from `previous` over `bytes[start, end)`: `base/crc32c.ts`, or something native. */
export type Checksum = (bytes: Uint8Array, start: number, end: number, previous: number) => number;

export interface SegmentName {
  readonly sequence: number;
  /** The index that the first entry in the segment has, or will have. */
  readonly firstIndex: number;
}

const namePattern = /^([0-9a-f]{16})-([0-9a-f]{16})\.wal$/;

export function segmentName(sequence: number, firstIndex: number): string {
  return `${hex16(sequence)}-${hex16(firstIndex)}.wal`;
}

export function parseSegmentName(name: string): SegmentName | undefined {
  const parts = namePattern.exec(name);
  if (parts === null) return undefined;
  const sequence = Number.parseInt(parts[1] as string, 16);
  const firstIndex = Number.parseInt(parts[2] as string, 16);
  return Number.isSafeInteger(sequence) && Number.isSafeInteger(firstIndex) ? { sequence, firstIndex } : undefined;
}

/** As etcd names terms, indexes and sequences in file names. */
export function hex16(value: number): string {
  return value.toString(16).padStart(16, '0');
}

/** `/var/lib/x/member/wal` -> `/var/lib/x/member`. */
export function parentOf(path: string): string {
  const cut = path.lastIndexOf('/');
  if (cut > 0) return path.slice(0, cut);
  return cut === 0 ? '/' : '.';
}
