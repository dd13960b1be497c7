// Proves: a member forced to go on alone keeps all that was committed or applied, drops the rest, and removes everybody else.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import type { MemberId } from '../base/ids.js';
import { decodeConfChange, encodeConfChange } from '../raft/conf-change-codec.js';
import { emptyConfState } from '../raft/memory-storage.js';
import { type ConfChangeType, confChangeType, type Entry } from '../wire/raftpb/types.js';
import { emptyLog, type RecoveredLog } from './assembly.js';
import { forcedAlone } from './force-new.js';

const id = (n: bigint) => n as MemberId;
const put = (index: number): Entry => ({ type: 0, term: 3, index, data: new Uint8Array(1) });
const change = (index: number, type: ConfChangeType, n: bigint): Entry => ({
  ...encodeConfChange({ id: 1n, type, nodeId: id(n), context: undefined }),
  term: 3,
  index,
});
const { addNode, addLearnerNode, removeNode } = confChangeType;

function log(entries: readonly Entry[], commit: number, voters: readonly bigint[] = []): RecoveredLog {
  const confState = { ...emptyConfState, voters: voters.map(id) };
  const snapshot = { ...emptyLog.snapshot, index: (entries[0]?.index ?? 1) - 1, confState };
  return { snapshot, hardState: { term: 3, vote: id(2n), commit }, entries };
}

const said = (entries: readonly Entry[]) =>
  entries.map((entry) => {
    const decoded = decodeConfChange(entry);
    return decoded !== undefined && 'nodeId' in decoded ? [entry.index, entry.term, decoded.type, decoded.nodeId] : [];
  });

test('three members, one of them a learner, and entries that nobody committed', () => {
  const entries = [
    change(1, addNode, 1n),
    change(2, addNode, 2n),
    change(3, addLearnerNode, 3n),
    put(4),
    put(5),
    put(6),
  ];
  const forced = forcedAlone(log(entries, 4), 0, id(1n));
  deepEqual(said(forced.batch.entries), [
    [5, 3, removeNode, 2n],
    [6, 3, removeNode, 3n],
  ]);
  deepEqual(forced.batch.hardState, { term: 3, vote: 2n, commit: 6 });
  deepEqual(forced.recovered.entries, [...entries.slice(0, 4), ...forced.batch.entries]);
  equal(forced.discarded, 2);
});

test('what is applied was committed, though the log was not told', () => {
  const forced = forcedAlone(log([put(8), put(9)], 8, [1n]), 9, id(1n));
  deepEqual(forced.batch.entries, []);
  equal(forced.recovered.hardState?.commit, 9);
  equal(forced.discarded, 0);
});

test('a member that its own log has removed adds itself first', () => {
  const forced = forcedAlone(log([change(8, removeNode, 1n)], 8, [1n, 2n]), 8, id(1n));
  deepEqual(said(forced.batch.entries), [
    [9, 3, addNode, 1n],
    [10, 3, removeNode, 2n],
  ]);
});
