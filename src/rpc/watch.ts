/**
 * `etcdserverpb.Watch`: one call is one stream of answers to any number of watchers, which its messages create and cancel.
 *
 * The client's half-close ends nothing: events go on until it cancels. While more is queued for it than should be, its
 * events are left to the hub, which catches up later, and its messages are not read.
 */
import type { Bytes } from '../base/bytes.js';
import { compareBytes } from '../base/bytes.js';
import type { MemberFront } from '../member/front.js';
import type { EventBatch } from '../mvcc/watch/event-batch.js';
import type { WatchHub } from '../mvcc/watch/hub.js';
import { endOfKey } from '../mvcc/watch/ranges.js';
import { variantBit, type Watcher, type WatchSink, type WatchStream } from '../mvcc/watch/watcher.js';
import { type ErrorName, errors, statusText } from '../wire/errors.js';
import type { Call, Method } from '../wire/grpc/service.js';
import { type WatchCreateRequest, WatchRequest } from '../wire/messages/watch-request.js';
import { decodeFailure, streamRefusal } from '../wire/proto/failure.js';
import { invalidWatchId, WatchAnswers } from './watch-answers.js';

/** etcd adds this to `max-request-bytes` wherever it bounds a message. */
const overheadBytes = 512 * 1024;
export const progressNotifyMinMs = 100;
const smallestKey = Uint8Array.of(0);

export interface WatchParts {
  readonly front: MemberFront;
  readonly hub: WatchHub;
  /** Why this call may not watch the range, if so. `rangeEnd` as the client sent it. */
  permit(call: Call, key: Bytes, rangeEnd: Bytes): ErrorName | undefined;
  /** A whole number in [0, below). */
  random(below: number): number;
}

export interface WatchOptions {
  readonly maxRequestBytes: number;
  readonly progressNotifyMs: number;
}

/** One client's stream. */
class ClientWatch implements WatchSink {
  readonly stream: WatchStream;

  constructor(
    readonly call: Call,
    readonly answers: WatchAnswers,
    hub: WatchHub,
    /** When quiet watchers are next told how far they are. */
    public progressDueMs: number,
  ) {
    this.stream = hub.open(this);
  }

  get writable(): boolean {
    return this.call.writable;
  }

  events(watcher: Watcher, batch: EventBatch): void {
    this.answers.events(this.call, watcher, batch);
  }

  compacted(watcher: Watcher, compactRevision: number): void {
    this.answers.control(this.call, 0, watcher.id, { canceled: true, compactRevision });
  }
}

export class WatchMethod implements Method {
  readonly kind = 'bidi';
  readonly #front: MemberFront;
  readonly #hub: WatchHub;
  readonly #parts: WatchParts;
  readonly #progressNotifyMs: number;
  readonly #answers: WatchAnswers;
  readonly #clients = new Set<ClientWatch>();
  readonly #request = new WatchRequest();

  constructor(parts: WatchParts, options: WatchOptions) {
    this.#front = parts.front;
    this.#hub = parts.hub;
    this.#parts = parts;
    this.#progressNotifyMs = Math.max(options.progressNotifyMs, progressNotifyMinMs);
    this.#answers = new WatchAnswers(parts.front, options.maxRequestBytes + overheadBytes);
  }

  open(call: Call): void {
    const client = new ClientWatch(call, this.#answers, this.#hub, this.#nextProgressMs(this.#front.nowMs()));
    call.state = client;
    this.#clients.add(client);
  }

  message(call: Call, bytes: Bytes, start: number, end: number): void {
    const client = call.state;
    if (!(client instanceof ClientWatch)) return;
    const failure = this.#request.decode(bytes, start, end);
    if (failure !== decodeFailure.none) {
      this.#close(client);
      const { code, text } = streamRefusal(failure);
      call.fail(code, text);
      return;
    }
    const { union } = this.#request;
    switch (union.kind) {
      case 'create':
        this.#create(client, union);
        break;
      case 'cancel':
        if (this.#hub.cancel(client.stream, union.watchId)) {
          this.#answers.control(call, this.#front.revision, union.watchId, { canceled: true });
        }
        break;
      case 'progress':
        if (this.#hub.areAllCurrent(client.stream)) {
          this.#answers.control(call, this.#front.revision, invalidWatchId, {});
        }
        break;
      case 'none':
        break;
    }
    // Answers to requests are not held back, so requests are.
    if (!call.writable) call.pause();
  }

  canceled(call: Call): void {
    if (call.state instanceof ClientWatch) this.#close(call.state);
  }

  drained(call: Call): void {
    if (!(call.state instanceof ClientWatch)) return;
    call.resume();
    this.#hub.drained(call.state.stream);
  }

  /** To be called several times in a progress interval: tells quiet watchers that asked for it how far they are. */
  tick(nowMs: number): void {
    for (const client of this.#clients) {
      if (nowMs < client.progressDueMs) continue;
      client.progressDueMs = this.#nextProgressMs(nowMs);
      for (const watcher of client.stream.watchers.values()) {
        if (!watcher.progressNotify) continue;
        const isDue = watcher.quiet && this.#hub.isCurrent(watcher) && client.call.writable;
        if (isDue) this.#answers.control(client.call, this.#front.revision, watcher.id, {});
        watcher.quiet = true;
      }
    }
  }

  /** Spread, so that streams opened together are not told together. */
  #nextProgressMs(nowMs: number): number {
    const spreadMs = Math.floor(this.#progressNotifyMs / 10);
    return nowMs + this.#progressNotifyMs + this.#parts.random(spreadMs);
  }

  #close(client: ClientWatch): void {
    client.call.state = undefined;
    this.#clients.delete(client);
    this.#hub.close(client.stream);
  }

  #create(client: ClientWatch, request: WatchCreateRequest): void {
    const key = request.keyStart === request.keyEnd ? smallestKey : request.key;
    const { rangeEnd, startRevision } = request;
    const reason = this.#reasonAgainst(client.call, key, request);
    if (reason !== undefined) {
      this.#refuse(client, reason);
      return;
    }
    const watched = this.#hub.watch(client.stream, {
      id: request.watchId,
      key,
      end: rangeEnd.length === 0 ? endOfKey(key) : isOpenEnd(rangeEnd) ? undefined : rangeEnd,
      startRevision,
      variant:
        (request.noPut ? variantBit.noPut : 0) |
        (request.noDelete ? variantBit.noDelete : 0) |
        (request.prevKv ? variantBit.prevKv : 0),
      progressNotify: request.progressNotify,
      fragment: request.fragment,
    });
    if (watched.ok) {
      this.#answers.control(client.call, this.#front.revision, watched.watcher.id, { created: true });
    } else {
      this.#refuse(client, errors[watched.error].text);
    }
  }

  #reasonAgainst(call: Call, key: Bytes, { startRevision, rangeEnd }: WatchCreateRequest): string | undefined {
    if (startRevision < 0) return errors.compacted.text;
    const forbidden = this.#parts.permit(call, key, rangeEnd);
    if (forbidden !== undefined) return statusText(errors[forbiddenReason(forbidden)]);
    const isEmpty = rangeEnd.length > 0 && !isOpenEnd(rangeEnd) && compareBytes(key, rangeEnd) >= 0;
    return isEmpty ? errors.watchRangeEmpty.text : undefined;
  }

  #refuse(client: ClientWatch, cancelReason: string): void {
    const flags = { created: true, canceled: true, cancelReason };
    this.#answers.control(client.call, this.#front.revision, invalidWatchId, flags);
  }
}

/** "Every key from the first on", as clients say it. */
function isOpenEnd(rangeEnd: Bytes): boolean {
  return rangeEnd.length === 1 && rangeEnd[0] === 0;
}

/** What etcd knows no reason for reads as a lack of permission. */
function forbiddenReason(error: ErrorName): ErrorName {
  return error === 'invalidAuthToken' || error === 'authOldRevision' || error === 'userEmpty'
    ? error
    : 'permissionDenied';
}

export function watchMethods(watch: WatchMethod): [string, Method][] {
  return [['/etcdserverpb.Watch/Watch', watch]];
}
