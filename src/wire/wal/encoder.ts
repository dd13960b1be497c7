/**
 * Lays records into a buffer, frame after frame, each data copied once and summed where it lies.
 *
 * The sum stands before the data and is a varint, so its length is known only when the data is summed. Fifteen sums of sixteen
 * take five bytes: room for five is left, and for the sixteenth the data is moved.
 */
import type { Bytes } from '../../base/bytes.js';
import { check } from '../../base/check.js';
import { varintSize, type Writer } from '../proto/writer.js';
import { entrySize, hardStateSize, writeEntry, writeHardState } from '../raftpb/codec.js';
import type { Entry, HardState } from '../raftpb/types.js';
import { type Checksum, frameHeaderBytes, type RecordType, recordType } from './format.js';
import { positionSize, type SnapshotPosition, writePosition } from './records.js';

/** Tags of type, crc and data, the type, and the longest crc. */
const recordHeadBytes = 9;
/** Header, head, the longest length of data, padding. */
const frameExtraBytes = frameHeaderBytes + recordHeadBytes + 5 + 7;

export class WalEncoder {
  #start = 0;
  #dataStart = 0;

  /** `sum` is the running CRC of all that was encoded before. */
  constructor(
    readonly checksum: Checksum,
    public sum: number,
  ) {}

  entry(writer: Writer, entry: Entry): void {
    const size = entrySize(entry);
    this.#begin(writer, size);
    writeEntry(writer, entry);
    this.#end(writer, recordType.entry, size);
  }

  hardState(writer: Writer, state: HardState): void {
    const size = hardStateSize(state);
    this.#begin(writer, size);
    writeHardState(writer, state);
    this.#end(writer, recordType.state, size);
  }

  snapshot(writer: Writer, position: SnapshotPosition): void {
    const size = positionSize(position);
    this.#begin(writer, size);
    writePosition(writer, position);
    this.#end(writer, recordType.snapshot, size);
  }

  metadata(writer: Writer, metadata: Bytes): void {
    this.#begin(writer, metadata.length);
    writer.raw(metadata, 0, metadata.length);
    this.#end(writer, recordType.metadata, metadata.length);
  }

  /** Opens a segment: the sum so far, so that it can be read without the segments before it. */
  chain(writer: Writer): void {
    const start = writer.at;
    writer.reserve(frameExtraBytes);
    writer.at += frameHeaderBytes;
    this.#head(writer, recordType.crc);
    frame(writer, start);
  }

  #begin(writer: Writer, dataBytes: number): void {
    writer.reserve(dataBytes + frameExtraBytes);
    this.#start = writer.at;
    writer.at += frameHeaderBytes + recordHeadBytes + varintSize(dataBytes);
    this.#dataStart = writer.at;
  }

  #end(writer: Writer, type: RecordType, size: number): void {
    const end = writer.at;
    check(end === this.#dataStart + size, 'what is written is as long as it was measured');
    this.sum = this.checksum(writer.bytes, this.#dataStart, end, this.sum);
    writer.at = this.#start + frameHeaderBytes;
    this.#head(writer, type);
    writer.bytes[writer.at++] = 0x1a;
    writer.varint(size);
    if (writer.at !== this.#dataStart) writer.bytes.copyWithin(writer.at, this.#dataStart, end);
    writer.at += size;
    frame(writer, this.#start);
  }

  #head(writer: Writer, type: RecordType): void {
    const bytes = writer.bytes;
    bytes[writer.at++] = 0x08;
    bytes[writer.at++] = type;
    bytes[writer.at++] = 0x10;
    writer.varint(this.sum);
  }
}

/** Ends the frame that began at `start`: padding behind, length before. */
function frame(writer: Writer, start: number): void {
  const bytes = writer.bytes;
  const length = writer.at - start - frameHeaderBytes;
  const padding = -length & 7;
  // There is room: it was reserved when the frame was begun.
  for (let i = 0; i < padding; i++) bytes[writer.at++] = 0;
  bytes[start] = length;
  bytes[start + 1] = length >>> 8;
  bytes[start + 2] = length >>> 16;
  bytes[start + 3] = length >>> 24;
  bytes[start + 4] = 0;
  bytes[start + 5] = 0;
  bytes[start + 6] = 0;
  bytes[start + 7] = padding === 0 ? 0 : 0x80 | padding;
}
