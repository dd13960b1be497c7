/**
 * The body of a snapshot post: `u64 length | Message`, then the database it stands for, to the end of the body.
 */
import { type Bytes, noBytes } from '../../base/bytes.js';
import { decodeMessage } from '../raftpb/codec.js';
import type { Message } from '../raftpb/types.js';
import { Intake, readUint64 } from './intake.js';
import type { StreamFault } from './message-stream.js';
import { isSound } from './sound.js';

/** Source: etcd `snapshotLimitByte`. The database behind it may be of any length. */
export const snapshotMessageBytesMax = 64 * 1024 * 1024;
const lengthBytes = 8;

export class SnapshotPostReader {
  fault: StreamFault | undefined;
  /** Undefined until all of it has come; bytes of the database are there only then. */
  message: Message | undefined;
  messageBytes = 0;
  readonly #intake = new Intake();
  #length = -1;

  /** Whether a length, or a message, has come in part. */
  get midway(): boolean {
    return this.#intake.waitingBytes > 0;
  }

  /** Takes in a chunk; what of it is the database's is handed back. */
  add(chunk: Bytes): Bytes {
    if (this.message !== undefined) return chunk;
    const intake = this.#intake;
    intake.add(chunk, 0, chunk.length);
    this.#readMessage(intake);
    if (this.message === undefined) return noBytes;
    const rest = intake.takeSome(chunk.length);
    return intake.bytes.subarray(intake.start, intake.start + rest);
  }

  #readMessage(intake: Intake): void {
    if (this.fault !== undefined) return;
    if (this.#length < 0) {
      if (!intake.take(lengthBytes)) return;
      this.#length = readUint64(intake.bytes, intake.start);
      if (this.#length > snapshotMessageBytesMax) {
        this.fault = 'tooLarge';
        return;
      }
    }
    if (!intake.take(this.#length)) return;
    const message = decodeMessage(intake.bytes, intake.start, intake.start + this.#length);
    if (typeof message === 'number' || !isSound(message)) this.fault = 'malformed';
    else {
      this.message = message;
      this.messageBytes = this.#length;
    }
  }
}
