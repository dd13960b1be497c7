/**
 * `KV.RangeStream`: a range in chunks, each a message of its own, at the revision that the first one saw.
 *
 * Source: etcd's `rangeStream`, chunk by chunk: 10 keys first, then twice as many while the chunks are small, half as many
 * when they are big. Only the last carries header, `more` and `count`.
 */
import { type Bytes, noBytes } from '../base/bytes.js';
import type { Chore, Chores } from '../base/chores.js';
import type { ReadWaiter } from '../member/front.js';
import { RangeCursor } from '../mvcc/range-cursor.js';
import type { Store } from '../mvcc/store.js';
import type { ErrorName } from '../wire/errors.js';
import type { Call, Method } from '../wire/grpc/service.js';
import { keyOfKeyValue } from '../wire/messages/key-value.js';
import { RangeRequest } from '../wire/messages/kv-requests.js';
import { writeRangeEnd } from '../wire/messages/kv-responses.js';
import { decodeFailure, streamRefusal } from '../wire/proto/failure.js';
import { Reader } from '../wire/proto/reader.js';
import { Writer } from '../wire/proto/writer.js';
import { type Answers, refuse } from './answers.js';
import { validateRangeStream } from './validate.js';

const firstChunkKeys = 10;
/** etcd answers a negative limit in one chunk, however large; here it is one up to this many keys. */
const wholeChunkKeys = 10_000;
/** A chunk of more than one key is no longer. */
const chunkBytesMax = 8 << 20;
const kvsTag = 0x12;

export interface RangeStreamParts {
  readonly answers: Answers;
  readonly store: Store;
  readonly chores: Chores;
  readonly maxRequestBytes: number;
}

export class RangeStreamMethod implements Method {
  readonly kind = 'serverStream';
  readonly #parts: RangeStreamParts;

  constructor(parts: RangeStreamParts) {
    this.#parts = parts;
  }

  message(call: Call, bytes: Bytes, start: number, end: number): void {
    const { answers, chores } = this.#parts;
    if (answers.turnedAway(call)) return;
    const request = new RangeRequest();
    const failure = request.decode(bytes.slice(start, end), 0, end - start);
    if (failure !== decodeFailure.none) {
      const { code, text } = streamRefusal(failure);
      return call.fail(code, text);
    }
    const error = validateRangeStream(request);
    if (error !== undefined) return refuse(call, error);
    const stream = new RangeStream(call, request, this.#parts);
    call.state = stream;
    if (request.serializable || answers.front.readsNow) chores.wake(stream);
    else answers.front.readIndex(stream);
  }

  drained(call: Call): void {
    if (call.state instanceof RangeStream) this.#parts.chores.wake(call.state);
  }

  canceled(call: Call): void {
    if (call.state instanceof RangeStream) this.#parts.chores.remove(call.state);
  }
}

class RangeStream implements Chore, ReadWaiter {
  readonly #call: Call;
  readonly #request: RangeRequest;
  readonly #parts: RangeStreamParts;
  readonly #cursor: RangeCursor;
  readonly #chunk = new Writer(4096);
  readonly #message = new Writer(4096);
  readonly #limit: number;
  #chunkKeys: number;
  #key: Bytes;
  #sent = 0;
  #headerRevision = 0;

  constructor(call: Call, request: RangeRequest, parts: RangeStreamParts) {
    this.#call = call;
    this.#request = request;
    this.#parts = parts;
    this.#cursor = new RangeCursor(parts.store);
    this.#limit = request.limit > 0 ? request.limit : Number.POSITIVE_INFINITY;
    this.#chunkKeys = request.limit < 0 ? wholeChunkKeys : Math.min(firstChunkKeys, this.#limit);
    this.#key = request.key;
  }

  confirmed(): void {
    if (!this.#call.ended) this.#parts.chores.wake(this);
  }

  failed(error: ErrorName): void {
    refuse(this.#call, error);
  }

  /** One chunk. */
  step(): number {
    if (this.#call.ended) return Number.POSITIVE_INFINITY;
    if (!this.#call.writable) return Number.POSITIVE_INFINITY; // `drained` wakes it.
    const error = this.#read();
    if (error !== undefined) {
      refuse(this.#call, error);
      return Number.POSITIVE_INFINITY;
    }
    const cursor = this.#cursor;
    this.#sent += cursor.returned;
    const chunk = this.#chunk;
    const last = !cursor.more || this.#sent === this.#limit;
    chunk.reset();
    if (last) this.#writeHeader();
    const from = chunk.at;
    cursor.write(chunk);
    const next = cursor.more ? after(lastKey(chunk.bytes, from, chunk.at)) : noBytes;
    if (last)
      writeRangeEnd(chunk, cursor.more, this.#request.countOnly ? cursor.count : this.#sent + this.#countFrom(next));
    this.#send();
    if (last) {
      this.#call.end();
      return Number.POSITIVE_INFINITY;
    }
    this.#key = next;
    this.#chunkKeys = this.#nextChunkKeys(chunk.at);
    return 0;
  }

  #read(): ErrorName | undefined {
    const { store } = this.#parts;
    const request = this.#request;
    this.#headerRevision ||= store.revision;
    const cursor = this.#cursor;
    cursor.kvsOnly = true;
    for (;;) {
      const error = cursor.open(this.#ask(this.#chunkKeys, request.countOnly));
      if (error !== undefined) return error;
      cursor.plan();
      // Small values may be followed by great ones: what etcd would put together in memory goes out in more chunks here.
      if (cursor.bodyBytes <= chunkBytesMax || this.#chunkKeys === 1) return undefined;
      this.#chunkKeys = Math.max(1, Math.floor((this.#chunkKeys * chunkBytesMax) / cursor.bodyBytes));
    }
  }

  /** The request again, for the keys still to come, at the revision of the first chunk. */
  #ask(limit: number, countOnly: boolean): RangeRequest {
    const { rangeEnd, revision, sortTarget, keysOnly } = this.#request;
    const ask = new RangeRequest();
    const bytes = new Uint8Array(this.#key.length + rangeEnd.length);
    bytes.set(this.#key);
    bytes.set(rangeEnd, this.#key.length);
    ask.bytes = bytes;
    ask.keyEnd = ask.rangeEndStart = this.#key.length;
    ask.rangeEndEnd = bytes.length;
    ask.limit = limit;
    ask.revision = revision > 0 ? revision : this.#headerRevision;
    ask.sortTarget = sortTarget;
    ask.keysOnly = keysOnly;
    ask.countOnly = countOnly;
    return ask;
  }

  /** Keys behind those that were sent; asked only where the limit left some out. */
  #countFrom(key: Bytes): number {
    if (key.length === 0) return 0;
    this.#key = key;
    const cursor = new RangeCursor(this.#parts.store);
    if (cursor.open(this.#ask(0, true)) !== undefined) return 0;
    cursor.plan();
    return cursor.count;
  }

  #nextChunkKeys(chunkBytes: number): number {
    const max = this.#parts.maxRequestBytes;
    let keys = this.#chunkKeys;
    if (chunkBytes < max / 2) keys *= 2;
    else if (chunkBytes > max * 2) keys = Math.max(1, Math.floor(keys / 2));
    return Math.min(keys, this.#limit - this.#sent);
  }

  #writeHeader(): void {
    const { answers } = this.#parts;
    answers.header.revision = this.#headerRevision;
    answers.header.term = answers.front.term;
    answers.header.write(this.#chunk);
  }

  #send(): void {
    const message = this.#message;
    message.reset();
    message.bytesField(0x0a, this.#chunk.bytes, 0, this.#chunk.at);
    this.#call.send(message.bytes, 0, message.at);
  }
}

const reader = new Reader();

/** The key of the last `kvs` field in a body of a range's answer. */
function lastKey(bytes: Bytes, start: number, end: number): Bytes {
  reader.open(bytes, start, end);
  let last = noBytes;
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === kvsTag) last = reader.view();
    else reader.skip(tag);
  }
  return keyOfKeyValue(last) ?? noBytes;
}

/** The key right behind `key`. */
function after(key: Bytes): Bytes {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}
