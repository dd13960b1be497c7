/**
 * What was proposed since raft last took proposals: entries ready to be appended, each encoded once and into memory that many share.
 *
 * Without a leader they wait here until there is one, or until those who asked are told that it took too long; as etcd's do.
 */
import type { RequestField } from '../apply/request-field.js';
import { type Bytes, noBytes } from '../base/bytes.js';
import { check } from '../base/check.js';
import { Slab } from '../base/slab.js';
import type { RawNode } from '../raft/raw-node.js';
import { RequestHeader, raftRequestSize, writeRaftRequest } from '../wire/messages/raft-request.js';
import { Writer } from '../wire/proto/writer.js';
import type { RequestIds } from './request-ids.js';

/** A message that takes proposals to the leader carries about this much, as one that brings entries back does. */
const forwardedBytesMax = 1 << 20;
/** A leader's raft takes so many in one go: more than a turn brings, unless it refused what the turns before brought. */
const offeredMax = 8192;

export class ProposalBatch {
  readonly #ids: RequestIds;
  readonly #entryBytesMax: number;
  #entries: Bytes[] = [];
  /** The request ids of those, in their order. */
  #entryIds: number[] = [];
  readonly #slab = new Slab();
  readonly #writer = new Writer(0);
  readonly #header = new RequestHeader();
  readonly #span = { bytes: noBytes, start: 0, end: 0 };

  constructor(ids: RequestIds, entryBytesMax: number) {
    this.#ids = ids;
    this.#entryBytesMax = entryBytesMax;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  /** Adds a request under `id`; false when its entry would be too large. */
  add(id: number, field: RequestField, bytes: Bytes, start: number, end: number): boolean {
    const header = this.#header;
    header.idLo = id % 0x1_0000_0000;
    header.idHi = this.#ids.high(id);
    const size = raftRequestSize(field, end - start, header);
    if (size > this.#entryBytesMax) return false;
    const entry = this.#slab.take(size);
    const writer = this.#writer;
    writer.bytes = entry;
    writer.at = 0;
    const span = this.#span;
    span.bytes = bytes;
    span.start = start;
    span.end = end;
    writeRaftRequest(writer, field, span, header);
    span.bytes = noBytes;
    check(writer.at === size, 'an entry is as long as its size was foretold');
    this.#entries.push(entry);
    this.#entryIds.push(id);
    return true;
  }

  /** Gives raft all of it in one go, or in messages of a bearable length where it goes on to the leader. What raft refuses stays. */
  offer(node: RawNode, isLeader: boolean): void {
    if (this.#entries.length === 0) return;
    let taken = 0;
    for (let end = this.#nextEnd(0, isLeader); taken < end; end = this.#nextEnd(end, isLeader)) {
      const isWhole = taken === 0 && end === this.#entries.length;
      if (node.propose(isWhole ? this.#entries : this.#entries.slice(taken, end)) !== undefined) break;
      taken = end;
    }
    this.#entries = taken === this.#entries.length ? [] : this.#entries.slice(taken);
    this.#entryIds = taken === this.#entryIds.length ? [] : this.#entryIds.slice(taken);
  }

  #nextEnd(from: number, isLeader: boolean): number {
    const { length } = this.#entries;
    if (isLeader) return Math.min(length, from + offeredMax);
    let end = from;
    for (let bytes = 0; end < length && bytes < forwardedBytesMax; end++) bytes += (this.#entries[end] as Bytes).length;
    return end;
  }

  /** Whoever asked has been told that it did not happen in time: no later leader is to be asked for it. */
  keep(isAwaited: (id: number) => boolean): void {
    if (this.#entries.length === 0) return;
    const ids = this.#entryIds;
    this.#entries = this.#entries.filter((_, at) => isAwaited(ids[at] as number));
    this.#entryIds = ids.filter(isAwaited);
  }
}
