/**
 * What entries are refused while an alarm of any member is on.
 *
 * Asked when an entry is applied, before permissions are looked at; corruption is the graver of the two.
 */
import type { ErrorName } from '../wire/errors.js';

export interface ActiveAlarms {
  readonly noSpace: boolean;
  readonly corrupt: boolean;
}

const onCorruption = new Set(['range', 'put', 'deleteRange', 'txn', 'compaction', 'leaseGrant', 'leaseRevoke']);

/** `cost` is the quota's: what takes no space may be done without it. Kinds are the names in `requestField`. */
export function refusalUnderAlarms(alarms: ActiveAlarms, kind: string, cost: number): ErrorName | undefined {
  if (alarms.corrupt && onCorruption.has(kind)) return 'corrupt';
  if (!alarms.noSpace) return undefined;
  if (kind === 'put' || kind === 'leaseGrant') return 'noSpace';
  return kind === 'txn' && cost > 0 ? 'noSpace' : undefined;
}
