/** Reads at a leader: which index answers them, and when. Thesis 6.4. */
import { type MemberId, noMember } from '../base/ids.js';
import { type Message, messageType } from '../wire/raftpb/types.js';
import { newMessage } from './message.js';
import type { Raft } from './raft.js';
import { broadcastHeartbeat } from './replication.js';

export function readAtLeader(raft: Raft, request: Message): void {
  if (!raft.committedInTerm) {
    // More may be committed than this leader knows: by its predecessors, or by itself before it was restarted. It learns of
    // it with the first entry of its own term.
    raft.pendingReads.push(request);
  } else serve(raft, request);
}

function serve(raft: Raft, request: Message): void {
  // The only voter has nobody to ask. It must be the only voter itself: one that was removed, and goes on leading, has to ask
  // the one that is left. (Go's library answers in both cases, here and before its first commit, and can miss a write.)
  if (raft.config.readOnly === 'leaseBased' || raft.tracker.isOnlyVoter(raft.id)) {
    answerRead(raft, request, raft.log.committed);
    return;
  }
  raft.readOnly.add(request, raft.log.committed);
  raft.readOnly.acknowledge(raft.id, raft.readOnly.heartbeatContext());
  broadcastHeartbeat(raft);
}

/** The first commit of this term has come: reads that waited for it go on. */
export function releasePendingReads(raft: Raft): void {
  if (raft.pendingReads.length === 0) return;
  if (!raft.committedInTerm) {
    raft.logger.error('pending MsgReadIndex should be released only after first commit in current term');
    return;
  }
  const requests = raft.pendingReads;
  raft.pendingReads = [];
  for (const request of requests) serve(raft, request);
}

/** A member has answered a heartbeat: it still follows this leader. */
export function confirmReads(raft: Raft, from: MemberId, context: Uint8Array): void {
  raft.readOnly.acknowledge(from, context);
  for (const { request, index } of raft.readOnly.takeConfirmed(raft.tracker)) answerRead(raft, request, index);
}

function answerRead(raft: Raft, request: Message, index: number): void {
  if (request.from === noMember || request.from === raft.id) {
    const [entry] = request.entries;
    if (entry !== undefined) raft.readStates.push({ index, context: entry.data });
    return;
  }
  const answer = newMessage(messageType.readIndexResp, request.from);
  answer.index = index;
  answer.entries = request.entries;
  raft.send(answer);
}
