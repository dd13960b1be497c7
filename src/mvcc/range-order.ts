/**
 * Orders of collected keys. Equal ones keep the order of their keys, ascending or descending alike; etcd promises nothing
 * there, but sorts small ranges so.
 */
import type { Bytes } from '../base/bytes.js';
import { compareBytes } from '../base/bytes.js';
import { KeyValue } from '../wire/messages/key-value.js';
import type { RangeEntries } from './range-entries.js';

function inKeyOrder(entries: RangeEntries): Uint32Array {
  const order = new Uint32Array(entries.count);
  for (let i = 0; i < order.length; i++) order[i] = i;
  return order;
}

export function orderByRank(entries: RangeEntries, descending: boolean): Uint32Array {
  const { ranks } = entries;
  const sign = descending ? -1 : 1;
  return inKeyOrder(entries).sort((a, b) => sign * ((ranks[a] as number) - (ranks[b] as number)) || a - b);
}

/** Bytes of a value that are kept for comparing; only where they are equal are values read again. */
const headBytes = 6;

/** `storedAt` reads the stored `KeyValue` of an entry, which is valid until the next is read. */
export function orderByValue(
  entries: RangeEntries,
  descending: boolean,
  storedAt: (entry: number) => Bytes,
): Uint32Array {
  const { ranks } = entries;
  const kv = new KeyValue();
  const valueAt = (entry: number) => {
    const stored = storedAt(entry);
    kv.decode(stored, 0, stored.length);
    return kv.value;
  };
  for (let i = 0; i < entries.count; i++) ranks[i] = headOf(valueAt(i));
  const sign = descending ? -1 : 1;
  return inKeyOrder(entries).sort((a, b) => {
    const heads = (ranks[a] as number) - (ranks[b] as number);
    if (heads !== 0) return sign * heads;
    const first = valueAt(a).slice();
    return sign * compareBytes(first, valueAt(b)) || a - b;
  });
}

/** The first bytes as a number, so that a prefix is not above what it begins. */
function headOf(value: Bytes): number {
  let head = 0;
  for (let i = 0; i < headBytes; i++) head = head * 256 + (value[i] ?? 0);
  return head;
}
