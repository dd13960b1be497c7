/**
 * `KV.Range`: answered within the call where the member can read as it stands, else when its index is confirmed; what is too
 * big for one turn goes on as a `LargeRange`.
 */
import type { Bytes } from '../base/bytes.js';
import type { Chores } from '../base/chores.js';
import type { ServerCounters } from '../base/counters.js';
import type { Histogram } from '../base/histogram.js';
import type { MemberFront } from '../member/front.js';
import { RangeCursor } from '../mvcc/range-cursor.js';
import type { Store } from '../mvcc/store.js';
import type { Call, Method } from '../wire/grpc/service.js';
import { RangeRequest } from '../wire/messages/kv-requests.js';
import { writeRangeEnd, writeRangeKv } from '../wire/messages/kv-responses.js';
import { decodeFailure } from '../wire/proto/failure.js';
import { type Answers, refuse, refuseMalformed } from './answers.js';
import { LargeRange, wholeBytesMax, wholeKeysMax } from './large-range.js';
import { LaterRead } from './later-read.js';
import { validateRange } from './validate.js';

export interface RangeParts {
  readonly answers: Answers;
  readonly store: Store;
  readonly chores: Chores;
  readonly counters: ServerCounters;
}

export class RangeMethod implements Method {
  readonly kind = 'unary';
  readonly #parts: RangeParts;
  readonly #answers: Answers;
  readonly #front: MemberFront;
  readonly #store: Store;
  readonly #request = new RangeRequest();
  readonly #requestSeconds: Histogram;
  readonly #rangeSeconds: Histogram;
  #cursor: RangeCursor;

  constructor(parts: RangeParts) {
    this.#parts = parts;
    this.#requestSeconds = parts.counters.requestSeconds.of('Range true');
    this.#rangeSeconds = parts.counters.rangeSeconds.of('true');
    this.#answers = parts.answers;
    this.#front = parts.answers.front;
    this.#store = parts.store;
    this.#cursor = new RangeCursor(parts.store);
  }

  message(call: Call, bytes: Bytes, start: number, end: number): void {
    if (this.#answers.turnedAway(call)) return;
    const request = this.#request;
    const failure = request.decode(bytes, start, end);
    if (failure !== decodeFailure.none) return refuseMalformed(call, failure);
    const error = validateRange(request);
    if (error !== undefined) return refuse(call, error);
    const beganMs = call.receivedMs;
    if (request.serializable || this.#front.readsNow) return this.#answerTimed(call, request, beganMs);
    const kept = bytes.slice(start, end);
    call.state = kept;
    this.#front.readIndex(
      new LaterRead(call, () => {
        request.decode(kept, 0, kept.length);
        this.#answerTimed(call, request, beganMs);
      }),
    );
  }

  drained(call: Call): void {
    if (call.state instanceof LargeRange) call.state.drained();
  }

  canceled(call: Call): void {
    if (call.state instanceof LargeRange) call.state.drop();
  }

  /** From the arrival of its bytes: one look at the clock a read, so both histograms get the whole time. */
  #answerTimed(call: Call, request: RangeRequest, beganMs: number): void {
    this.#store.counters.ranges++;
    this.#answer(call, request);
    const seconds = (this.#front.nowMs() - beganMs) / 1000;
    this.#requestSeconds.observe(seconds);
    this.#rangeSeconds.observe(seconds);
  }

  #answer(call: Call, request: RangeRequest): void {
    if (isPlainGet(request)) return this.#get(call, request);
    const cursor = this.#cursor;
    const error = cursor.open(request);
    if (error !== undefined) return refuse(call, error);
    const revision = this.#store.revision;
    if (!cursor.plan(wholeKeysMax) || cursor.bodyBytes > wholeBytesMax) {
      // Too much for one turn: the cursor goes with the call, and the next request gets a new one.
      this.#cursor = new RangeCursor(this.#store);
      return this.#parts.chores.wake(new LargeRange(call, cursor, this.#answers, this.#parts.chores, revision));
    }
    const writer = this.#answers.begin(revision);
    this.#answers.header.write(writer);
    cursor.write(writer);
    call.reply(writer.bytes, 0, writer.at);
  }

  /** The most common read of all: one key, now. */
  #get(call: Call, request: RangeRequest): void {
    const stored = this.#store.get(request.key);
    const writer = this.#answers.begin(this.#store.revision);
    this.#answers.header.write(writer);
    if (stored !== undefined) {
      writeRangeKv(writer, stored, 0, stored.length);
      writeRangeEnd(writer, false, 1);
    }
    call.reply(writer.bytes, 0, writer.at);
  }
}

function isPlainGet(request: RangeRequest): boolean {
  return (
    request.rangeEndStart === request.rangeEndEnd &&
    request.revision <= 0 &&
    !request.keysOnly &&
    !request.countOnly &&
    request.minModRevision === 0 &&
    request.maxModRevision === 0 &&
    request.minCreateRevision === 0 &&
    request.maxCreateRevision === 0
  );
}
