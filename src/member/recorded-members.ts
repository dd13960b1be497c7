/** The membership as it stands in the value store's records. */
import { text } from '../base/bytes.js';
import type { MembershipBook } from '../cluster/book.js';
import type { ValueStore } from '../mvcc/value-store.js';

export function loadMembers(values: ValueStore, into: MembershipBook): void {
  for (const bucket of ['members', 'members_removed', 'cluster'] as const) {
    values.scanRecords(bucket, (key, value) => into.load(bucket, text(key), value));
  }
}
