/**
 * Puts a leader's appends back in order.
 *
 * etcd 3.7 sends the messages of one turn in reverse (`processMessages` of its raft loop): of appends 10, 11, 12 the last comes first.
 * Raft would refuse it, and the leader would go back to asking where the logs part, and send all again. So an append that leaves
 * a gap waits a moment for what belongs before it.
 */
import type { Message } from '../raftpb/types.js';

/** More than a leader has under way: then the gap is real. */
const waitingMax = 512;

export class AppendOrder {
  /** Those behind a gap, by index. */
  #waiting: Message[] = [];
  /** Behind the entries of this term that were let through. */
  #next = 0;
  #term = -1;
  readonly #deliver: (message: Message) => void;

  constructor(deliver: (message: Message) => void) {
    this.#deliver = deliver;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  add(message: Message): void {
    const isNew = message.term !== this.#term;
    if (isNew && this.#waiting.length > 0) this.release();
    if (!isNew && message.index > this.#next) this.#wait(message);
    else {
      this.#pass(message);
      this.#passFollowing();
    }
  }

  /** Lets all through: what was waited for does not come. */
  release(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const message of waiting) this.#pass(message);
  }

  #pass(message: Message): void {
    const end = message.index + message.entries.length;
    this.#next = message.term === this.#term ? Math.max(this.#next, end) : end;
    this.#term = message.term;
    this.#deliver(message);
  }

  #passFollowing(): void {
    let passed = 0;
    for (const message of this.#waiting) {
      if (message.index > this.#next) break;
      passed++;
      this.#pass(message);
    }
    if (passed > 0) this.#waiting.splice(0, passed);
  }

  /** In reverse order each goes to the front; of equal indexes the shorter comes first: it was sent when there was less. */
  #wait(message: Message): void {
    const waiting = this.#waiting;
    let at = 0;
    while (at < waiting.length && comesBefore(waiting[at] as Message, message)) at++;
    waiting.splice(at, 0, message);
    if (waiting.length > waitingMax) this.release();
  }
}

function comesBefore(a: Message, b: Message): boolean {
  return a.index < b.index || (a.index === b.index && a.entries.length < b.entries.length);
}
