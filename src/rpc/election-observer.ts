/**
 * Observe: tells who leads an election, and with which value, as often as that changes.
 *
 *     look --(somebody leads)--> follow that key --(deleted)--> look
 *       +---(nobody)--> wait for a put under the name --> follow that key
 */
import type { Bytes } from '../base/bytes.js';
import { check } from '../base/check.js';
import type { EventBatch } from '../mvcc/watch/event-batch.js';
import { endOfKey } from '../mvcc/watch/ranges.js';
import { variantBit, type Watcher, type WatchSink, type WatchStream } from '../mvcc/watch/watcher.js';
import type { Call } from '../wire/grpc/service.js';
import { keyOfKeyValue } from '../wire/messages/key-value.js';
import type { Answers } from './answers.js';
import { type Contest, endOfPrefix } from './contest.js';
import { Contestant } from './contest-method.js';

const kvTag = 0x12;

/** `LeaderResponse`: a header and the leader's `KeyValue`, spliced in as it is stored. */
export function leaderResponse(answers: Answers, revision: number, kv: Bytes): Bytes {
  const writer = answers.begin(revision);
  answers.header.write(writer);
  writer.bytesField(kvTag, kv, 0, kv.length);
  return writer.copy();
}

export class Observer extends Contestant implements WatchSink {
  readonly #contest: Contest;
  readonly #call: Call;
  readonly #prefix: Bytes;
  readonly #stream: WatchStream;
  #watching: 'anyPut' | 'leader' | 'nothing' = 'nothing';

  constructor(contest: Contest, call: Call, prefix: Bytes) {
    super();
    this.#contest = contest;
    this.#call = call;
    this.#prefix = prefix;
    this.#stream = contest.parts.hub.open(this);
    this.#look();
  }

  get writable(): boolean {
    return this.#call.writable;
  }

  cancel(): void {
    this.#contest.parts.hub.close(this.#stream);
  }

  override drained(): void {
    this.#contest.parts.hub.drained(this.#stream);
  }

  #look(): void {
    this.#contest.read({
      done: (revision) => {
        if (this.#call.ended) return;
        const leader = this.#contest.firstCreated(this.#prefix);
        if (leader === undefined) this.#watch('anyPut', this.#prefix, revision);
        else this.#tell(leader.kv, revision);
      },
      failed: () => this.#end(),
    });
  }

  /** Tells of a leader, and follows its key from the revision after. */
  #tell(kv: Bytes, revision: number): void {
    const key = keyOfKeyValue(kv);
    check(key !== undefined, 'what the store holds can be read');
    this.#send(kv, revision);
    this.#watch('leader', key, revision + 1);
  }

  #send(kv: Bytes, revision: number): void {
    const response = leaderResponse(this.#contest.parts.answers, revision, kv);
    this.#call.send(response, 0, response.length, true);
  }

  #watch(what: 'anyPut' | 'leader', key: Bytes, startRevision: number): void {
    this.#watching = what;
    const range =
      what === 'leader'
        ? { key, end: endOfKey(key), variant: 0 }
        : { key, end: endOfPrefix(key), variant: variantBit.noDelete };
    const wanted = { ...range, startRevision, id: 0, progressNotify: false, fragment: false };
    this.#contest.parts.hub.watch(this.#stream, wanted);
  }

  events(watcher: Watcher, batch: EventBatch): void {
    const { hub } = this.#contest.parts;
    if (this.#watching === 'anyPut') {
      const first = batch.sentAt(0);
      hub.cancel(this.#stream, watcher.id);
      this.#tell(batch.keyValueOf(first), batch.mainOf(first));
      return;
    }
    for (let i = 0; i < batch.encoded; i++) {
      const place = batch.sentAt(i);
      if (batch.isTombstone(place)) {
        this.#watching = 'nothing';
        hub.cancel(this.#stream, watcher.id);
        this.#look();
        return;
      }
      this.#send(batch.keyValueOf(place), batch.revision);
    }
  }

  /** etcd's observer ends when its watch does, without an error. */
  compacted(): void {
    this.#end();
  }

  #end(): void {
    if (this.#call.ended) return;
    this.cancel();
    this.#call.end();
  }
}
