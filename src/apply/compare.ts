/** The compares of a transaction: against the state before it, and for a range against each of its keys. */
import { type Bytes, compareBytes } from '../base/bytes.js';
import { KeyState, type KeyVisitor } from '../mvcc/key-index.js';
import type { Store } from '../mvcc/store.js';
import { KeyValue } from '../wire/messages/key-value.js';
import { type Compare, compareOperand, compareResult, compareTarget } from '../wire/messages/txn-request.js';

export class Comparer {
  readonly #store: Store;
  readonly #state = new KeyState();
  readonly #absent = new KeyState();
  readonly #kv = new KeyValue();
  #compare: Compare | undefined;
  #any = false;
  #holds = true;
  readonly #visit: KeyVisitor = (_key, state) => {
    this.#any = true;
    this.#holds = this.#holdsFor(state);
    return this.#holds;
  };

  constructor(store: Store) {
    this.#store = store;
  }

  all(compares: readonly Compare[]): boolean {
    for (const compare of compares) if (!this.#one(compare)) return false;
    return true;
  }

  #one(compare: Compare): boolean {
    this.#compare = compare;
    this.#any = false;
    this.#holds = true;
    const { index } = this.#store;
    if (compare.rangeEndStart === compare.rangeEndEnd) {
      if (index.find(compare.key, this.#state)) this.#visit(compare.key, this.#state);
    } else {
      index.scan(compare.key, openEnd(compare.rangeEnd), 0, this.#visit);
    }
    if (this.#any) return this.#holds;
    // A value that is not there equals nothing, not even emptiness; all other facts are 0 then.
    return compare.target !== compareTarget.value && this.#holdsFor(this.#absent);
  }

  #holdsFor(state: KeyState): boolean {
    const compare = this.#compare;
    if (compare === undefined) return true;
    const order = this.#orderOf(compare, state);
    switch (compare.result) {
      case compareResult.equal:
        return order === 0;
      case compareResult.notEqual:
        return order !== 0;
      case compareResult.greater:
        return order > 0;
      case compareResult.less:
        return order < 0;
      default:
        return true;
    }
  }

  /** An operand of another kind than the target counts as 0 or empty; an unknown target is equal to anything. */
  #orderOf(compare: Compare, state: KeyState): number {
    const { operand } = compare;
    switch (compare.target) {
      case compareTarget.version:
        return state.version - (operand === compareOperand.version ? compare.number : 0);
      case compareTarget.create:
        return state.create - (operand === compareOperand.create ? compare.number : 0);
      case compareTarget.mod:
        return state.main - (operand === compareOperand.mod ? compare.number : 0);
      case compareTarget.lease: {
        const lease = operand === compareOperand.lease ? compare.lease : 0n;
        if (state.lease === lease) return 0;
        return state.lease < lease ? -1 : 1;
      }
      case compareTarget.value:
        return this.#orderOfValue(compare, state);
      default:
        return 0;
    }
  }

  #orderOfValue(compare: Compare, state: KeyState): number {
    const stored = this.#store.stored(state.main, state.sub);
    this.#kv.decode(stored, 0, stored.length);
    return compareBytes(this.#kv.value, compare.operand === compareOperand.value ? compare.value : new Uint8Array(0));
  }
}

/** A range end of one zero byte means "to the last key", which the index is told by `undefined`. */
export function openEnd(rangeEnd: Bytes): Bytes | undefined {
  return rangeEnd.length === 1 && rangeEnd[0] === 0 ? undefined : rangeEnd;
}
