/** A store that is too plain to be wrong: what tests of the hub and of the services compare with, and run on. */
import { type Bytes, compareBytes, equalBytes } from '../../base/bytes.js';
import { KeyValue } from '../../wire/messages/key-value.js';
import type { ChangeListener, History } from '../changes.js';
import { MemoryValues } from '../memory-values.js';

export type Change = {
  readonly main: number;
  readonly sub: number;
  readonly tombstone: boolean;
  readonly key: Bytes;
  readonly value: Bytes;
};

export class PlainHistory implements History {
  revision = 1;
  compactedRevision = -1;
  readonly values = new MemoryValues();
  /** All that ever happened, compacted or not. */
  readonly changes: Change[] = [];
  listener: ChangeListener | undefined = undefined;

  /** One transaction: each key is put with its value, or deleted where there is none. Answers how many changes it made. */
  write(writes: readonly (readonly [key: Bytes, value: Bytes | undefined])[], lease = 0): number {
    const main = this.revision + 1;
    let sub = 0;
    for (const [key, value] of writes) {
      const previous = this.#at(key, main);
      if (value === undefined && previous === undefined) continue;
      const kv = new KeyValue();
      kv.setKey(key, 0, key.length);
      if (value !== undefined) {
        const old = new KeyValue();
        if (previous !== undefined) old.decode(previous.value, 0, previous.value.length);
        kv.setValue(value, 0, value.length);
        kv.createRevision = previous === undefined ? main : old.createRevision;
        kv.modRevision = main;
        kv.version = old.version + 1;
        kv.leaseLo = lease;
      }
      const change = { main, sub: sub++, tombstone: value === undefined, key, value: kv.encode() };
      this.changes.push(change);
      this.values.append(main, change.sub, change.tombstone, change.value);
      this.listener?.changed(main, change.sub, change.tombstone, key, change.value);
    }
    if (sub === 0) return 0;
    this.revision = main;
    this.listener?.committed(main);
    return sub;
  }

  /** Keeps what is newer than `revision`, and of each key the newest up to it, unless that is an older tombstone. */
  compact(revision: number): void {
    this.compactedRevision = revision;
    for (const change of this.changes) {
      if (change.main >= revision) return;
      if (this.#at(change.key, revision) !== change) this.values.drop(change.main, change.sub, change.tombstone);
    }
  }

  valueAt(key: Bytes, revision: number): Bytes | undefined {
    return this.#at(key, revision)?.value;
  }

  /** The living keys of [key, end) at `revision`, in key order. */
  range(key: Bytes, end: Bytes | undefined, revision: number): Change[] {
    const newest = new Map<string, Change>();
    for (const change of this.changes) {
      if (change.main > revision || compareBytes(change.key, key) < 0) continue;
      if (end !== undefined && compareBytes(change.key, end) >= 0) continue;
      newest.set(String(change.key), change);
    }
    return [...newest.values()].filter((change) => !change.tombstone).sort((a, b) => compareBytes(a.key, b.key));
  }

  #at(key: Bytes, revision: number): Change | undefined {
    for (let i = this.changes.length - 1; i >= 0; i--) {
      const change = this.changes[i] as Change;
      if (change.main <= revision && equalBytes(change.key, key)) return change.tombstone ? undefined : change;
    }
    return undefined;
  }
}
