/**
 * Ids of requests and of generated leases: unique over members and restarts, without asking anybody.
 *
 *     63        48 47                      8 7        0
 *     | member id | Unix ms when it started | counter |     the low 48 bits count on as one number
 *
 * Source: etcd `pkg/idutil`; the overflow of the counter into the time is intended.
 */
import type { LeaseId, MemberId } from '../base/ids.js';

const lowBits = 2 ** 48;

export class RequestIds {
  /** The 16 low bits of the member's id: the top of every id. */
  readonly prefix: number;
  #suffix: number;

  constructor(memberId: MemberId, startedWallMs: number) {
    this.prefix = Number(memberId & 0xffffn);
    this.#suffix = (startedWallMs % 2 ** 40) * 256;
  }

  /** The low 48 bits of the next id. With `prefix` they are the whole id; alone they are unique within one run of a member. */
  next(): number {
    this.#suffix = (this.#suffix + 1) % lowBits;
    return this.#suffix;
  }

  /** The high 32 bits of the id whose low 48 bits are `suffix`. */
  high(suffix: number): number {
    return this.prefix * 0x1_0000 + Math.floor(suffix / 0x1_0000_0000);
  }

  /** The suffix of an id given as two halves, or -1 when another member made it. */
  suffixOf(high: number, low: number): number {
    if (high >>> 16 !== this.prefix) return -1;
    return (high & 0xffff) * 0x1_0000_0000 + low;
  }

  /** A lease id of etcd's form: a request id without its sign bit. */
  nextLeaseId(): LeaseId {
    const suffix = this.next();
    return ((BigInt(this.prefix & 0x7fff) << 48n) | BigInt(suffix)) as LeaseId;
  }
}
