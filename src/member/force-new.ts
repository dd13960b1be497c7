/**
 * `--force-new-cluster`: a member whose cluster is lost goes on alone with what it has. What was not committed is dropped,
 * and changes that remove everybody else are written behind the rest, committed as they stand.
 *
 *     log:  ... committed | uncommitted       ->       ... committed | [add self] | remove a | remove b
 */
import type { MemberId } from '../base/ids.js';
import { encodeContext } from '../cluster/member.js';
import { isV2 } from '../raft/conf-change.js';
import { decodeConfChange, encodeConfChange } from '../raft/conf-change-codec.js';
import { type ConfChange, confChangeType, type Entry, entryType, type HardState } from '../wire/raftpb/types.js';
import type { WalBatch } from '../wire/wal/batch.js';
import type { RecoveredLog } from './assembly.js';

/** Where a member that its own log does not know is said to be. */
const someUrl = 'http://localhost:2380';

export interface Forced {
  readonly recovered: RecoveredLog;
  /** To be durable before the member starts. */
  readonly batch: WalBatch;
  readonly discarded: number;
}

/** `applied`: how far the values are; all of that was committed, though the log may not say so. */
export function forcedAlone(log: RecoveredLog, applied: number, self: MemberId): Forced {
  const before: HardState = log.hardState ?? { term: log.snapshot.term, vote: self, commit: log.snapshot.index };
  const commit = Math.max(before.commit, applied, log.snapshot.index);
  const committed = log.entries.filter(({ index }) => index <= commit);
  const members = membersOf(log, committed);
  const changes: ConfChange[] = members.includes(self) ? [] : [addSelf(self)];
  for (const id of members) if (id !== self) changes.push(removal(id));
  const entries: readonly Entry[] = changes.map((change, i) => ({
    ...encodeConfChange(change),
    term: before.term,
    index: commit + 1 + i,
  }));
  const hardState = { ...before, commit: commit + entries.length };
  return {
    recovered: { ...log, hardState, entries: [...committed, ...entries] },
    batch: { entries, hardState, snapshot: undefined, mustSync: true },
    discarded: log.entries.length - committed.length,
  };
}

/** By id. A change that was refused when it was applied may count here: removing a member that is none changes nothing. */
function membersOf({ snapshot }: RecoveredLog, entries: readonly Entry[]): readonly MemberId[] {
  const { voters = [], learners = [] } = snapshot.confState ?? {};
  const ids = new Set<MemberId>([...voters, ...learners]);
  for (const entry of entries) {
    if (entry.type === entryType.normal) continue;
    const change = decodeConfChange(entry);
    if (change === undefined || isV2(change)) continue;
    if (change.type === confChangeType.removeNode) ids.delete(change.nodeId);
    else if (change.type !== confChangeType.updateNode) ids.add(change.nodeId);
  }
  return [...ids].sort((a, b) => (a < b ? -1 : 1));
}

const removal = (nodeId: MemberId): ConfChange => ({
  id: 0n,
  type: confChangeType.removeNode,
  nodeId,
  context: undefined,
});

function addSelf(id: MemberId): ConfChange {
  const member = { id, peerUrls: [someUrl], isLearner: false, name: '', clientUrls: [] };
  return { id: 0n, type: confChangeType.addNode, nodeId: id, context: encodeContext({ member, isPromote: false }) };
}
