/**
 * Tells `World.peers` who the other members are, as the membership book has it: at start, after each change of members, and
 * after a snapshot has replaced the book.
 *
 * A member that joins has an empty book; until its log says more, it talks to those that it was told of.
 */
import type { MemberId } from '../base/ids.js';
import type { MembershipBook } from '../cluster/book.js';
import type { Member } from '../cluster/member.js';
import type { Peers } from './peers.js';

export class Roster {
  readonly #own: MemberId;
  readonly #book: MembershipBook;
  readonly #peers: Peers;
  /** The URLs at which each peer was told of. */
  readonly #told = new Map<MemberId, string>();
  readonly #removed = new Set<MemberId>();

  constructor(own: MemberId, book: MembershipBook, peers: Peers) {
    this.#own = own;
    this.#book = book;
    this.#peers = peers;
  }

  /** Members known from elsewhere, before the book has them. */
  introduce(members: readonly Member[]): void {
    for (const member of members) this.#tell(member);
  }

  /**
   * The book has changed, or was replaced by a snapshot's. Who is in it no more is removed for good only where it says so: one that
   * it has never heard of may have been added after the snapshot, and would end itself if it were refused.
   */
  follow(): void {
    for (const member of this.#book.list()) this.#tell(member);
    for (const id of this.#book.removed) {
      if (id === this.#own || this.#removed.has(id)) continue;
      this.#removed.add(id);
      this.#told.delete(id);
      this.#peers.remove(id);
    }
  }

  #tell({ id, peerUrls }: Member): void {
    if (id === this.#own || this.#removed.has(id)) return;
    const urls = peerUrls.join();
    const before = this.#told.get(id);
    if (before === urls) return;
    this.#told.set(id, urls);
    if (before === undefined) this.#peers.add(id, peerUrls);
    else this.#peers.update(id, peerUrls);
  }
}
