/** Frames written and read by hand, for tests that must say what no proper endpoint would. */
import { type Bytes, concatBytes, noBytes } from '../../base/bytes.js';
import { frameHeaderBytes, readUint31, readUint32, writeFrameHeader, writeUint32 } from './protocol.js';

export interface RawFrame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Bytes;
}

export function rawFrame(type: number, flags: number, id: number, payload: Bytes = noBytes): Bytes {
  const frame = new Uint8Array(frameHeaderBytes + payload.length);
  frame.set(payload, writeFrameHeader(frame, 0, payload.length, (type << 8) | flags, id));
  return frame;
}

export function uint32Bytes(...values: number[]): Bytes {
  const bytes = new Uint8Array(values.length * 4);
  for (const [i, value] of values.entries()) writeUint32(bytes, i * 4, value);
  return bytes;
}

export function settingBytes(id: number, value: number): Bytes {
  return concatBytes([Uint8Array.of(id >> 8, id), uint32Bytes(value)]);
}

/** All frames of a stream of bytes that ends with a whole one. */
export function readFrames(bytes: Bytes): RawFrame[] {
  const frames: RawFrame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = readUint32(bytes, at) >>> 8;
    const end = at + frameHeaderBytes + length;
    frames.push({
      type: bytes[at + 3] as number,
      flags: bytes[at + 4] as number,
      id: readUint31(bytes, at + 5),
      payload: bytes.subarray(at + frameHeaderBytes, end),
    });
    at = end;
  }
  return frames;
}
