/**
 * The stream that carries a leader's log to a follower, etcd's `msgappv2`:
 *
 *     0                                                        link heartbeat
 *     1 | u64 count | count x (u64 size | Entry) | u64 commit  entries that follow what was sent before
 *     2 | u64 size | Message                                   any other append
 *
 * Both ends remember the term and the last index of what has passed, so that the usual append needs neither.
 * Numbers are big-endian.
 */
import type { Bytes } from '../../base/bytes.js';
import type { MemberId } from '../../base/ids.js';
import type { Writer } from '../proto/writer.js';
import { decodeEntry, decodeMessage, entrySize, messageSize, writeEntry, writeMessage } from '../raftpb/codec.js';
import { type Entry, type Message, messageType } from '../raftpb/types.js';
import { Intake, readUint64 } from './intake.js';
import {
  messageBytesMax,
  type StreamDecoder,
  type StreamEncoder,
  type StreamFault,
  writeUint64,
} from './message-stream.js';
import { indexMax, isSound } from './sound.js';

const kind = { heartbeat: 0, entries: 1, message: 2 } as const;
const numberBytes = 8;

export class AppendEncoder implements StreamEncoder {
  #term = 0;
  #index = 0;

  write(to: Writer, message: Message): void {
    const { entries, term } = message;
    if (message.index === this.#index && message.logTerm === this.#term && term === this.#term) {
      to.byte(kind.entries);
      writeUint64(to, entries.length);
      for (const entry of entries) {
        const size = entrySize(entry);
        to.reserve(numberBytes + size);
        writeUint64(to, size);
        writeEntry(to, entry);
      }
      writeUint64(to, message.commit);
      this.#index += entries.length;
      return;
    }
    const size = messageSize(message);
    to.reserve(1 + numberBytes + size);
    to.byte(kind.message);
    writeUint64(to, size);
    writeMessage(to, message);
    this.#term = term;
    this.#index = message.index + entries.length;
  }

  writeHeartbeat(to: Writer): void {
    to.byte(kind.heartbeat);
  }
}

type State = 'kind' | 'count' | 'size' | 'entry' | 'commit' | 'messageSize' | 'message';

export class AppendDecoder implements StreamDecoder {
  fault: StreamFault | undefined;
  readonly #intake = new Intake();
  readonly #local: MemberId;
  readonly #remote: MemberId;
  #state: State = 'kind';
  #term = 0;
  #index = 0;
  /** Of the append that is coming: entries still to come, the bytes of all, the size of the next. */
  #left = 0;
  #totalBytes = 0;
  #size = 0;
  #entries: Entry[] = [];

  constructor(local: MemberId, remote: MemberId) {
    this.#local = local;
    this.#remote = remote;
  }

  add(chunk: Bytes, start: number, end: number): void {
    this.#intake.add(chunk, start, end);
  }

  /** Its entries' data are views into the chunk. */
  next(): Message | undefined {
    while (this.fault === undefined && this.#intake.take(this.#wanted())) {
      const message = this.#pass();
      if (message !== undefined) return message;
    }
    return undefined;
  }

  #wanted(): number {
    if (this.#state === 'kind') return 1;
    return this.#state === 'entry' || this.#state === 'message' ? this.#size : numberBytes;
  }

  /** Goes on by what was just taken. */
  #pass(): Message | undefined {
    const { bytes, start } = this.#intake;
    switch (this.#state) {
      case 'kind':
        return this.#begin(bytes[start] as number);
      case 'count':
        this.#left = readUint64(bytes, start);
        this.#totalBytes = 0;
        this.#entries = [];
        this.#state = this.#left === 0 ? 'commit' : 'size';
        return undefined;
      case 'size':
        return this.#sized(readUint64(bytes, start), 'entry');
      case 'entry':
        return this.#takeEntry(decodeEntry(bytes, start, start + this.#size));
      case 'commit':
        return this.#complete(readUint64(bytes, start));
      case 'messageSize':
        this.#totalBytes = 0;
        return this.#sized(readUint64(bytes, start), 'message');
      case 'message':
        return this.#takeMessage(decodeMessage(bytes, start, start + this.#size));
    }
  }

  #begin(code: number): undefined {
    if (code === kind.entries) this.#state = 'count';
    else if (code === kind.message) this.#state = 'messageSize';
    else if (code !== kind.heartbeat) this.#fail('malformed');
  }

  #sized(size: number, state: State): undefined {
    this.#size = size;
    this.#totalBytes += size;
    this.#state = state;
    if (this.#totalBytes > messageBytesMax) this.#fail('tooLarge');
  }

  /** What does not follow is not the entry that is meant: the sender counts them one by one. */
  #takeEntry(entry: Entry | number): undefined {
    if (typeof entry === 'number' || entry.index !== this.#index + 1 || entry.term > this.#term) {
      return this.#fail('malformed');
    }
    this.#index++;
    this.#entries.push(entry);
    this.#state = --this.#left === 0 ? 'commit' : 'size';
  }

  #complete(commit: number): Message | undefined {
    if (commit > indexMax) return this.#fail('malformed');
    const entries = this.#entries;
    this.#entries = [];
    this.#state = 'kind';
    return {
      type: messageType.app,
      to: this.#local,
      from: this.#remote,
      term: this.#term,
      logTerm: this.#term,
      index: this.#index - entries.length,
      entries,
      commit,
      vote: 0n as MemberId,
      snapshot: undefined,
      reject: false,
      rejectHint: 0,
      context: undefined,
      responses: [],
    };
  }

  #takeMessage(message: Message | number): Message | undefined {
    this.#state = 'kind';
    if (typeof message === 'number' || !isSound(message)) return this.#fail('malformed');
    this.#term = message.term;
    this.#index = message.index + message.entries.length;
    return message;
  }

  #fail(fault: StreamFault): undefined {
    this.fault = fault;
  }
}
