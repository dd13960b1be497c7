/**
 * The judge of a member that is alone: sees all that goes to its log, and holds every restart against that.
 *
 *     nothing acknowledged is lost     a log that is read again reaches at least to the last entry that was applied
 *     nothing is invented              each entry read is the one that was written, in its place
 */
import { equalBytes } from '../base/bytes.js';
import type { RecoveredLog } from '../member/assembly.js';
import type { WalBatch } from '../member/world.js';
import type { Entry } from '../wire/raftpb/types.js';
import type { SimHost } from './host.js';
import { Judge, rule, same } from './judge.js';
import { decodeRequest } from './model.js';
import type { Witness } from './world.js';

export class SoloJudge extends Judge implements Witness {
  /** Entry i + 1 at i: all that was ever handed to the log and not found missing later. */
  readonly #entries: Entry[] = [];
  #lastNumber = 0;

  override get lastIndex(): number {
    return this.#entries.length;
  }

  appended({ entries }: WalBatch): void {
    for (const entry of entries) {
      same('index of an entry', String(entry.index), String(this.#entries.length + 1));
      this.#entries.push(entry);
      const request = decodeRequest(entry);
      if (request === undefined) continue;
      const number = this.note(entry.index, request, this.nowMs());
      if (number === undefined) continue;
      rule(number > this.#lastNumber, () => `request ${number} comes after ${this.#lastNumber}`);
      this.#lastNumber = number;
    }
  }

  recovered({ snapshot, entries }: RecoveredLog): void {
    const { applied } = this.model;
    const last = entries.at(-1)?.index ?? snapshot.index;
    rule(last >= applied, () => `lost: entries ${last + 1} to ${applied} were applied and are not in the log`);
    entries.forEach((entry, at) => {
      same('index of an entry read', String(entry.index), String(snapshot.index + 1 + at));
      const written = this.#entries[entry.index - 1];
      const equal = written?.term === entry.term && written.type === entry.type && equalBytes(written.data, entry.data);
      rule(equal, () => `invented: entry ${entry.index} was never written so`);
    });
    rule(last <= this.#entries.length, () => `invented: the log reaches to ${last}`);
    // What was never applied may be gone, and is then not in the log.
    this.#entries.length = last;
    for (const [number, index] of this.indexOf) if (index > last) this.indexOf.delete(number);
  }

  override follow(host: SimHost): void {
    const { applied } = host.assembled.member;
    rule(applied <= this.#entries.length, () => `applied ${applied}, and the log ends at ${this.#entries.length}`);
    while (this.model.applied < applied) this.model.apply(this.#entries[this.model.applied] as Entry);
  }
}
