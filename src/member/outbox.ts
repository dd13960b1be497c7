/**
 * What raft wants sent in one turn, put together: a follower gets its entries in one message, and the leader one acknowledgement.
 *
 * Raft makes a message each time it is told of something: for every batch that is proposed or passed on, for every commit. Entries
 * that follow each other read the same in one message, the newest commit index says what those before it did, and who has stored
 * an entry has stored all before it.
 */
import { payloadSizeOf } from '../raft/entry-size.js';
import { type Message, messageType } from '../wire/raftpb/types.js';

/** An append message carries about this much, as raft makes them. */
const appendBytesMax = 1 << 20;

export class Outbox {
  readonly #send: (message: Message) => void;
  #appends: Message[] = [];
  #acknowledgements: Message[] = [];

  constructor(send: (message: Message) => void) {
    this.#send = send;
  }

  add(message: Message): void {
    if (message.type === messageType.app) this.#addAppend(message);
    else if (message.type === messageType.appResp && !message.reject) this.#addAcknowledgement(message);
    else this.#send(message);
  }

  /** Sends what was held back. */
  flush(): void {
    if (this.#appends.length > 0) {
      const appends = this.#appends;
      this.#appends = [];
      for (const message of appends) this.#send(message);
    }
    if (this.#acknowledgements.length > 0) {
      const acknowledgements = this.#acknowledgements;
      this.#acknowledgements = [];
      for (const message of acknowledgements) this.#send(message);
    }
  }

  #addAppend(message: Message): void {
    const before = this.#appends.findLast(({ to }) => to === message.to);
    if (before === undefined || !follows(message, before)) {
      this.#appends.push(message);
      return;
    }
    if (before.entries.length === 0) before.entries = message.entries;
    else if (message.entries.length > 0) before.entries = before.entries.concat(message.entries);
    before.commit = Math.max(before.commit, message.commit);
  }

  #addAcknowledgement(message: Message): void {
    const before = this.#acknowledgements.find(({ to, term }) => to === message.to && term === message.term);
    if (before === undefined) this.#acknowledgements.push(message);
    else before.index = Math.max(before.index, message.index);
  }
}

function follows(message: Message, before: Message): boolean {
  if (message.term !== before.term || message.index !== before.index + before.entries.length) return false;
  if (message.entries.length === 0 || before.entries.length === 0) return true;
  return payloadSizeOf(before.entries) + payloadSizeOf(message.entries) <= appendBytesMax;
}
