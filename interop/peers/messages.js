/** Random messages such as members send, and their bytes. */

import { createHash } from 'node:crypto';
import { Writer } from '../../dist/wire/proto/writer.js';
import { decodeMessage, messageSize, writeMessage } from '../../dist/wire/raftpb/codec.js';
import { messageType } from '../../dist/wire/raftpb/types.js';

export function message(type, from, to, more = {}) {
  const numbers = { term: 1, logTerm: 0, index: 0, commit: 0, rejectHint: 0 };
  const rest = { vote: 0n, snapshot: undefined, reject: false, context: undefined, entries: [], responses: [] };
  return { type, to, from, ...numbers, ...rest, ...more };
}

/** Appends as a leader sends them, most of which follow, and all other kinds between. None says the one before it again: of those only the last is sent. */
export function traffic(random, from, to, count) {
  let [term, index, jumps] = [3, 10, 0];
  return Array.from({ length: count }, () => {
    if (random.oneIn(3)) return other(random, from, to);
    if (random.oneIn(9)) index = random.pick([0, 1000, 2 ** 33]) + 2000 * jumps++;
    if (random.oneIn(20)) term++;
    const size = () => random.pick([0, 1, 100, 300, 5000, random.oneIn(40) ? 2_000_000 : 10]);
    const entries = Array.from({ length: random.below(5) }, (_, i) => ({
      type: random.pick([0, 0, 0, 0, 1, 2]),
      term,
      index: index + 1 + i,
      data: random.bytes(size()),
    }));
    const logTerm = random.oneIn(9) ? term - 1 : term;
    const append = message(messageType.app, from, to, { term, logTerm, index, entries, commit: index });
    index += Math.max(entries.length, 1);
    return append;
  });
}

function other(random, from, to) {
  const type = random.pick([2, 4, 5, 6, 8, 9, 13, 14, 15, 16, 17, 18]);
  return message(type, from, to, {
    term: random.below(9),
    logTerm: random.below(9),
    index: random.pick([0, 1, 2 ** 40]),
    commit: random.below(9),
    reject: random.oneIn(2),
    rejectHint: random.below(9),
    vote: random.pick([0n, from]),
    context: random.oneIn(2) ? random.bytes(8) : undefined,
    entries: type === messageType.prop ? [{ type: 0, term: 0, index: 0, data: random.bytes(400) }] : [],
  });
}

export function encoded(each) {
  const to = new Writer(messageSize(each));
  writeMessage(to, each);
  return Buffer.from(to.copy());
}

export const hex = (each) => encoded(each).toString('hex');

export function fromHex(text) {
  const bytes = Buffer.from(text, 'hex');
  const read = decodeMessage(bytes, 0, bytes.length);
  if (typeof read === 'number') throw new Error(`unreadable message ${text.slice(0, 100)}`);
  return read;
}

/** All of a message in one short line. An empty context and none mean the same. */
export function brief(each) {
  const context = each.context?.length > 0 ? each.context : undefined;
  const hash = createHash('sha1')
    .update(encoded({ ...each, context }))
    .digest('hex');
  return `${each.type} term=${each.term} index=${each.index} entries=${each.entries.length} ${hash}`;
}

export function snapshotMessage(from, to, index) {
  const confState = { voters: [from, to], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  const snapshot = { data: Buffer.from('{"members":{}}'), metadata: { index, term: 2, confState } };
  return message(messageType.snap, from, to, { term: 2, snapshot });
}
