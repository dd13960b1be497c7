/**
 * A range too big for one turn: planned in slices, then sent in parts as the client takes them, at the revision it began with.
 *
 * The length of the answer stands in front of it, so it is known before the first value is read; memory is one part.
 */
import { answerBytesMax } from '../apply/outcome.js';
import type { Chore, Chores } from '../base/chores.js';
import type { RangeCursor } from '../mvcc/range-cursor.js';
import type { Call } from '../wire/grpc/service.js';
import { type Answers, refuse, refuseTooLarge } from './answers.js';

/** A range of no more keys and bytes than these is answered within its turn. */
export const wholeKeysMax = 4000;
export const wholeBytesMax = 1 << 17;

const planKeys = 8000;
/** What one slice may write, in chunks of 64 KiB: half a millisecond of copying out of the value store. */
const partsPerSlice = 2;

export class LargeRange implements Chore {
  readonly #call: Call;
  readonly #cursor: RangeCursor;
  readonly #answers: Answers;
  readonly #chores: Chores;
  readonly #revision: number;
  #begun = false;

  constructor(call: Call, cursor: RangeCursor, answers: Answers, chores: Chores, revision: number) {
    this.#call = call;
    this.#cursor = cursor;
    this.#answers = answers;
    this.#chores = chores;
    this.#revision = revision;
    call.state = this;
    cursor.hold();
  }

  /** The client gave up. */
  drop(): void {
    this.#cursor.close();
    this.#chores.remove(this);
  }

  /** The client has taken enough to be sent more. */
  drained(): void {
    this.#chores.wake(this);
  }

  step(): number {
    if (this.#call.ended) {
      this.#cursor.close();
      return Number.POSITIVE_INFINITY;
    }
    if (this.#cursor.lost) return this.#lost();
    if (!this.#cursor.planned) return this.#cursor.plan(planKeys) ? this.#begin() : 0;
    if (!this.#begun) return this.#begin();
    return this.#send();
  }

  /** Its history was compacted away while the client did not read. */
  #lost(): number {
    refuse(this.#call, 'compacted');
    return Number.POSITIVE_INFINITY;
  }

  #begin(): number {
    const writer = this.#answers.begin(this.#revision);
    this.#answers.header.write(writer);
    const length = writer.at + this.#cursor.bodyBytes;
    if (length > answerBytesMax) {
      this.#cursor.close();
      refuseTooLarge(this.#call, length);
      return Number.POSITIVE_INFINITY;
    }
    this.#begun = true;
    this.#call.beginMessage(length);
    this.#call.sendPart(writer.bytes.slice(0, writer.at));
    return this.#send();
  }

  #send(): number {
    for (let parts = 0; parts < partsPerSlice; parts++) {
      if (!this.#call.writable) return Number.POSITIVE_INFINITY; // `drained` wakes it.
      const part = this.#call.takePart();
      const end = this.#cursor.fill(part, 0, part.length);
      if (this.#cursor.lost) return this.#lost();
      if (end > 0) this.#call.sendPart(end === part.length ? part : part.subarray(0, end));
      if (this.#cursor.done) {
        this.#call.end();
        return Number.POSITIVE_INFINITY;
      }
    }
    return 0;
  }
}
