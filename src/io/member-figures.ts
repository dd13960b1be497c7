/** Figures that a member keeps anyway, read into the counters when somebody scrapes. */
import type { Counters } from '../base/counters.js';
import { noMember } from '../base/ids.js';
import type { Assembled } from '../member/assembly.js';

export function readFigures(
  { member, members, store, hub, duties, deadlines, leaseDuties, options }: Assembled,
  counters: Counters,
): void {
  const { server, mvcc, lease } = counters;
  server.hasLeader = member.leader === noMember ? 0 : 1;
  server.isLeader = member.isLeader ? 1 : 0;
  server.isLearner = members.member(member.memberId)?.isLearner === true ? 1 : 0;
  server.leaderChangesSeen = duties.leaderChanges;
  server.proposalsCommitted = member.committed;
  server.proposalsApplied = member.applied;
  server.proposalsPending = member.pendingProposals;
  server.proposalsFailed = member.failedProposals;
  server.quotaBackendBytes = options.quotaBytes;
  mvcc.currentRevision = store.revision;
  mvcc.compactRevision = store.compactedRevision;
  mvcc.keys = store.index.liveKeys;
  mvcc.sizeBytes = store.values.sizeBytes();
  mvcc.sizeInUseBytes = store.values.sizeInUseBytes();
  mvcc.openReads = store.pins.size;
  mvcc.watchStreams = hub.streams;
  mvcc.watchers = hub.watchers;
  mvcc.slowWatchers = hub.slowWatchers;
  mvcc.eventsSent = hub.eventsSent;
  mvcc.compactedKeys = store.compactor.droppedTotal;
  lease.renewed = deadlines.renewals;
  lease.expired = leaseDuties.expired;
}
