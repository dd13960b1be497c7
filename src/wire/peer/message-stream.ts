/**
 * The stream that carries every kind of message: `u64 length, big-endian | Message`, over and over.
 *
 * A link heartbeat is a heartbeat message from nobody to nobody; it shows that the connection lives, and is for nobody else.
 */
import type { Bytes } from '../../base/bytes.js';
import { noMember } from '../../base/ids.js';
import type { Writer } from '../proto/writer.js';
import { decodeMessage, messageSize, writeMessage } from '../raftpb/codec.js';
import { type Message, messageType } from '../raftpb/types.js';
import { Intake, readUint64 } from './intake.js';
import { isSound } from './sound.js';

/** Longer messages are refused. Source: etcd `readBytesLimit`. */
export const messageBytesMax = 512 * 1024 * 1024;

/** Why a stream cannot be read on. */
export type StreamFault = 'tooLarge' | 'malformed';

const lengthBytes = 8;

export function writeUint64(to: Writer, value: number): void {
  to.reserve(lengthBytes);
  const { bytes, at } = to;
  const high = Math.floor(value / 0x1_0000_0000);
  for (let i = 0; i < 4; i++) {
    const shift = 24 - 8 * i;
    bytes[at + i] = high >>> shift;
    bytes[at + 4 + i] = value >>> shift;
  }
  to.at = at + lengthBytes;
}

/** What a stream's writer gives to be sent. */
export interface StreamEncoder {
  write(to: Writer, message: Message): void;
  writeHeartbeat(to: Writer): void;
}

export class MessageEncoder implements StreamEncoder {
  write(to: Writer, message: Message): void {
    const size = messageSize(message);
    to.reserve(lengthBytes + size);
    writeUint64(to, size);
    writeMessage(to, message);
  }

  writeHeartbeat(to: Writer): void {
    writeUint64(to, 2);
    to.byte(0x08);
    to.byte(messageType.heartbeat);
  }
}

/** Chunks in by `add`, messages out by `next`, until it says undefined: then more is needed, or there is a `fault`. */
export interface StreamDecoder {
  readonly fault: StreamFault | undefined;
  add(chunk: Bytes, start: number, end: number): void;
  next(): Message | undefined;
}

export class MessageDecoder implements StreamDecoder {
  fault: StreamFault | undefined;
  readonly #intake = new Intake();
  readonly #bytesMax: number;
  /** Of the message that is coming; negative while its length is. */
  #length = -1;

  constructor(bytesMax = messageBytesMax) {
    this.#bytesMax = bytesMax;
  }

  add(chunk: Bytes, start: number, end: number): void {
    this.#intake.add(chunk, start, end);
  }

  /** Its entries' data are views into the chunk. */
  next(): Message | undefined {
    const intake = this.#intake;
    while (this.fault === undefined) {
      if (this.#length < 0) {
        if (!intake.take(lengthBytes)) return undefined;
        const length = readUint64(intake.bytes, intake.start);
        if (length > this.#bytesMax) return this.#fail('tooLarge');
        this.#length = length;
      }
      if (!intake.take(this.#length)) return undefined;
      const message = decodeMessage(intake.bytes, intake.start, intake.start + this.#length);
      this.#length = -1;
      if (typeof message === 'number' || !isSound(message)) return this.#fail('malformed');
      if (!isLinkHeartbeat(message)) return message;
    }
    return undefined;
  }

  #fail(fault: StreamFault): undefined {
    this.fault = fault;
  }
}

export function isLinkHeartbeat(message: Message): boolean {
  return message.type === messageType.heartbeat && message.from === noMember && message.to === noMember;
}
