/** Reads at a leader: which index answers them, and when. Thesis 6.4. */
import { type MemberId, noMember } from '../base/ids.js';
import { type Message, messageType } from '../wire/raftpb/types.js';
import { newMessage } from './message.js';
import type { Raft } from './raft.js';
import { broadcastHeartbeat } from './replication.js';

export function readAtLeader(raft: Raft, request: Message): void {
  if (raft.tracker.isSingleton) {
    answerRead(raft, request, raft.log.committed);
  } else if (!raft.committedInTerm) {
    // Entries of older terms may be committed without this leader knowing: it waits for the first of its own.
    raft.pendingReads.push(request);
  } else serve(raft, request);
}

function serve(raft: Raft, request: Message): void {
  if (raft.config.readOnly === 'leaseBased') {
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
