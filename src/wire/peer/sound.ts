/**
 * Whether a message can mean anything: bytes that decode may still say what no member ever says.
 *
 * etcd hands such messages to raft, which panics on some of them. Here they end the connection that brought them.
 */
import { isKnownEntry } from '../raftpb/codec.js';
import { type Message, messageType } from '../raftpb/types.js';

/** A cluster that writes a hundred thousand entries a second gets here after 89 years; sums with it stay exact. */
export const indexMax = 2 ** 48;

export function isSound(message: Message): boolean {
  const { term, logTerm, index, commit, rejectHint, snapshot } = message;
  if (Math.max(term, logTerm, index, commit, rejectHint) > indexMax) return false;
  if (snapshot !== undefined && Math.max(snapshot.metadata.index, snapshot.metadata.term) > indexMax) return false;
  if (message.type === messageType.snap && snapshot === undefined) return false;
  return message.type === messageType.app ? follows(message) : message.entries.every(isKnownEntry);
}

/** Entries of a log follow one another, their terms never fall, and none is of a term after its sender's. */
function follows(message: Message): boolean {
  let { index, logTerm: term } = message;
  for (const entry of message.entries) {
    if (entry.index !== ++index || entry.term < term || entry.term > message.term || !isKnownEntry(entry)) return false;
    term = entry.term;
  }
  return true;
}
