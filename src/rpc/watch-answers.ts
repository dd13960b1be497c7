/**
 * Writes what goes out on watch streams. One object serves all streams of a member.
 *
 * An answer with events is the batch's bytes, which all watchers of a variant share, behind a head that is written into the
 * room before them for each watcher: header, watch id.
 */

import { check } from '../base/check.js';
import type { MemberFront } from '../member/front.js';
import type { EventBatch } from '../mvcc/watch/event-batch.js';
import { headRoomBytes } from '../mvcc/watch/event-batch.js';
import type { Watcher } from '../mvcc/watch/watcher.js';
import type { Call } from '../wire/grpc/service.js';
import { ResponseHeader } from '../wire/messages/response-header.js';
import { type WatchFlags, watchHeadSize, writeWatchControl, writeWatchHead } from '../wire/messages/watch-response.js';
import type { Int64 } from '../wire/proto/int64.js';
import { Writer } from '../wire/proto/writer.js';

/** The id in answers that are about no watcher, or about all of the stream. */
export const invalidWatchId = -1;

export class WatchAnswers {
  readonly #front: MemberFront;
  readonly #header: ResponseHeader;
  readonly #head = new Writer(128);
  /** Answers of at least this size are cut for those who asked for fragments. */
  readonly #fragmentBytes: number;

  constructor(front: MemberFront, fragmentBytes: number) {
    this.#front = front;
    this.#header = new ResponseHeader(front.clusterId, front.memberId);
    this.#fragmentBytes = fragmentBytes;
  }

  /** An answer without events: created, canceled, progress. */
  control(call: Call, revision: number, watchId: Int64, flags: WatchFlags): void {
    const head = this.#begin(revision);
    writeWatchControl(head, this.#header, watchId, flags);
    call.send(head.bytes, 0, head.at);
  }

  events(call: Call, watcher: Watcher, batch: EventBatch): void {
    const head = this.#begin(batch.revision);
    if (watcher.fragment && batch.encoded > 1) {
      const size = watchHeadSize(this.#header, watcher.id, false) + batch.end - batch.start;
      if (size >= this.#fragmentBytes) {
        this.#fragments(call, watcher, batch);
        return;
      }
    }
    writeWatchHead(head, this.#header, watcher.id, false);
    check(head.at <= headRoomBytes, 'a head fits into the room before the events');
    const start = batch.start - head.at;
    const { bytes } = batch;
    for (let i = 0; i < head.at; i++) bytes[start + i] = head.bytes[i] as number;
    call.send(bytes, start, batch.end);
  }

  /** Greedily: as many events as stay below the size, but one at least; all pieces but the last say that more follows. */
  #fragments(call: Call, watcher: Watcher, batch: EventBatch): void {
    const room = this.#fragmentBytes - watchHeadSize(this.#header, watcher.id, true);
    let start = batch.start;
    for (let event = 0; event < batch.encoded; ) {
      let end = batch.ends[event++] as number;
      while (event < batch.encoded && (batch.ends[event] as number) - start < room) end = batch.ends[event++] as number;
      const piece = new Writer(headRoomBytes + end - start);
      writeWatchHead(piece, this.#header, watcher.id, event < batch.encoded);
      piece.raw(batch.bytes, start, end);
      call.send(piece.bytes, 0, piece.at, true);
      start = end;
    }
  }

  #begin(revision: number): Writer {
    this.#header.revision = revision;
    this.#header.term = this.#front.term;
    this.#head.reset();
    return this.#head;
  }
}
