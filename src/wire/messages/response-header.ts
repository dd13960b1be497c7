/**
 * The header of an answer: who answers, at which revision of the store, in which term.
 *
 * One object serves a member: the bytes of its ids are made once, `revision` and `term` are set before an answer is written.
 */
import type { Bytes } from '../../base/bytes.js';
import type { ClusterId, MemberId } from '../../base/ids.js';
import { varintSize, Writer } from '../proto/writer.js';

export class ResponseHeader {
  revision = 0;
  term = 0;
  readonly #ids: Bytes;

  constructor(clusterId: ClusterId, memberId: MemberId) {
    const ids = new Writer(24);
    if (clusterId !== 0n) {
      ids.byte(0x08);
      ids.uint64(clusterId);
    }
    if (memberId !== 0n) {
      ids.byte(0x10);
      ids.uint64(memberId);
    }
    this.#ids = ids.copy();
  }

  /** Writes the header as field 1, where every answer has it. */
  write(to: Writer): void {
    const ids = this.#ids;
    to.reserve(2 + ids.length + 22);
    const bytes = to.bytes;
    const start = to.at;
    let at = start + 2;
    for (let i = 0; i < ids.length; i++) bytes[at++] = ids[i] as number;
    to.at = at;
    if (this.revision !== 0) {
      to.byte(0x18);
      to.varint(this.revision);
    }
    if (this.term !== 0) {
      to.byte(0x20);
      to.varint(this.term);
    }
    bytes[start] = 0x0a;
    // At most 44 bytes, so the length is one byte.
    bytes[start + 1] = to.at - start - 2;
  }

  /** Bytes that `write` will write. */
  sizeBytes(): number {
    const revision = this.revision === 0 ? 0 : 1 + varintSize(this.revision);
    const term = this.term === 0 ? 0 : 1 + varintSize(this.term);
    return 2 + this.#ids.length + revision + term;
  }
}
