/**
 * What a member writes to its log for raft: batch after batch, and what raft promised others once a batch is durable.
 *
 *     raft's append message -> [held while a snapshot is taken in] -> `World.persist` -> `persisted` -> its responses
 *
 * A response is delivered when all that was given before it is durable: to raft itself, or to the member it is for. A commit
 * index alone is not worth a write: it can be found out again, so it goes along with the next batch that has to be written.
 *
 * As long as it does not know its log to be stored, raft asks to be told so with every message, of the same entries again where
 * there are no others. It is told once.
 */
import { check } from '../base/check.js';
import type { MemoryStorage } from '../raft/memory-storage.js';
import { type HardState, type Message, messageType, type Snapshot } from '../wire/raftpb/types.js';
import type { World } from './world.js';

export interface LogWriterParts {
  readonly world: Pick<World, 'persist' | 'saveSnapshot'>;
  readonly storage: MemoryStorage;
  /** Takes a response whose time has come. */
  readonly deliver: (response: Message) => void;
  /** Puts the state of a snapshot that the leader sent, and that the log now rests on, in the place of the old; then calls back. */
  readonly install: (snapshot: Snapshot, installed: () => void) => void;
}

/** What the log is writing, and who is to be told of it. */
interface Written {
  readonly entries: Message['entries'];
  responses: readonly Message[];
  /** The leader's: the state it stands for comes before the responses. */
  readonly received: Snapshot | undefined;
  readonly durable: (() => void) | undefined;
}

export class LogWriter {
  readonly #parts: LogWriterParts;
  /** Oldest first. */
  readonly #writing: Written[] = [];
  #unwrittenHardState: HardState | undefined;
  /** A snapshot is being taken in: what comes after it waits here, for its entries may rest on the snapshot. */
  #receiving = false;
  #held: Message[] = [];
  /** Of the newest snapshot from a leader that was given to the log. */
  #receivedIndex = 0;
  /** What raft was told last of its log being stored. */
  #toldStored: Message | undefined;

  constructor(parts: LogWriterParts) {
    this.#parts = parts;
  }

  /** Does what raft asks of its log in one append message. */
  write(message: Message): void {
    if (this.#receiving) this.#held.push(message);
    else if (message.snapshot !== undefined) this.#receive(message, message.snapshot);
    else this.#append(message);
  }

  /** Records the position of a snapshot of our own, in its place among what the log is writing; tells when it is durable. */
  recordSnapshot(snapshot: Snapshot, durable: () => void): void {
    // A log that rests on a newer one is read from that: a later record of an older one would lead into the gap before it.
    if (snapshot.metadata.index < this.#receivedIndex) return durable();
    this.#writing.push({ entries: [], responses: [], received: undefined, durable });
    this.#parts.world.persist({ entries: [], hardState: undefined, snapshot, mustSync: true });
  }

  /** The oldest batch given to `World.persist` is durable. */
  persisted(): void {
    const written = this.#writing.shift();
    check(written !== undefined, 'the log confirms only what it was given');
    if (written.received === undefined) this.#complete(written);
    else this.#install(written, written.received);
  }

  /** The newest hard state when only its commit index has not been written; a closing log takes it along. */
  takeUnwrittenHardState(): HardState | undefined {
    const state = this.#unwrittenHardState;
    this.#unwrittenHardState = undefined;
    return state;
  }

  #append(message: Message): void {
    const { entries, term, vote, commit } = message;
    const { storage, world } = this.#parts;
    const hardState = term === 0 && commit === 0 ? this.#unwrittenHardState : { term, vote, commit };
    const before = storage.initialState().hardState;
    const mustSync = entries.length > 0 || (term !== 0 && (before?.term !== term || before.vote !== vote));
    if (hardState !== undefined) storage.setHardState(hardState);
    if (!mustSync) {
      this.#unwrittenHardState = hardState;
      this.#respondInOrder(message.responses);
      return;
    }
    this.#unwrittenHardState = undefined;
    this.#writing.push({ entries, responses: message.responses, received: undefined, durable: undefined });
    world.persist({ entries, hardState, snapshot: undefined, mustSync });
  }

  /** What has no write of its own is done when those before it are: it may speak of their entries. */
  #respondInOrder(responses: readonly Message[]): void {
    const last = this.#writing.at(-1);
    if (last === undefined) this.#deliver(responses);
    else last.responses = [...last.responses, ...responses];
  }

  #complete({ entries, responses, durable }: Written): void {
    if (entries.length > 0) this.#parts.storage.append(entries);
    this.#deliver(responses);
    durable?.();
  }

  #deliver(responses: readonly Message[]): void {
    for (const response of responses) {
      if (response.type === messageType.storageAppendResp) {
        if (this.#isTold(response)) continue;
        this.#toldStored = response;
      }
      this.#parts.deliver(response);
    }
  }

  /** Said again it would do nothing: in one term an entry that was cut off does not come back. */
  #isTold({ term, index, logTerm, snapshot }: Message): boolean {
    const told = this.#toldStored;
    return snapshot === undefined && told?.index === index && told.term === term && told.logTerm === logTerm;
  }

  /**
   * The file is durable before the log records its position, and the record before the hard state whose commit index rests on
   * it: a start that finds the one finds the other.
   */
  #receive(message: Message, snapshot: Snapshot): void {
    const { world, storage } = this.#parts;
    const { entries, responses, term, vote, commit } = message;
    this.#receiving = true;
    const hardState = { term, vote, commit };
    check(commit >= snapshot.metadata.index, 'what a snapshot stands for is committed');
    storage.setHardState(hardState);
    this.#unwrittenHardState = undefined;
    world.saveSnapshot(snapshot, () => {
      this.#receivedIndex = snapshot.metadata.index;
      this.#writing.push({ entries, responses, received: snapshot, durable: undefined });
      world.persist({ entries, hardState, snapshot, mustSync: true });
    });
  }

  #install(written: Written, snapshot: Snapshot): void {
    this.#parts.install(snapshot, () => {
      this.#parts.storage.applySnapshot(snapshot);
      this.#complete(written);
      this.#receiving = false;
      const held = this.#held;
      this.#held = [];
      for (const message of held) this.write(message);
    });
  }
}
