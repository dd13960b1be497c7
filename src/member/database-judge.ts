/**
 * Whether a database that came from elsewhere can be taken in: read as if it were, and kept nowhere.
 *
 * A member that rested its log on a snapshot whose database it cannot read would never start again.
 */
import { type Bytes, equalBytes } from '../base/bytes.js';
import { KeyValue } from '../wire/messages/key-value.js';
import { decodeFailure } from '../wire/proto/failure.js';
import { appliedKey } from './applier.js';
import type { DatabaseSink } from './database-import.js';

export class DatabaseJudge implements DatabaseSink {
  /** The first thing that is wrong with it. */
  fault: string | undefined;
  readonly #index: number;
  readonly #kv = new KeyValue();

  /** `index`: of the snapshot that it came with. */
  constructor(index: number) {
    this.#index = index;
  }

  append(main: number, _sub: number, tombstone: boolean, value: Bytes): void {
    const kv = this.#kv;
    if (kv.decode(value, 0, value.length) !== decodeFailure.none) this.fault ??= `revision ${main} is no KeyValue`;
    else if (!tombstone && kv.modRevision !== main) this.fault ??= `revision ${main} says that it is ${kv.modRevision}`;
  }

  setRecord(bucket: string, key: Bytes, value: Bytes): void {
    if (bucket !== 'meta' || !equalBytes(key, appliedKey)) return;
    const applied = value.length === 8 ? new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0) : -1n;
    if (applied < 0n || applied > BigInt(this.#index)) {
      this.fault ??= `its applied index is ${applied}, and that of its snapshot ${this.#index}`;
    }
  }
}
