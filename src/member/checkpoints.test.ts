// Proves: however large entries are, raft holds little more of the log in memory than it is allowed to.
import { equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { noBytes } from '../base/bytes.js';
import { Histogram } from '../base/histogram.js';
import { MemoryValues } from '../mvcc/memory-values.js';
import { emptyConfState, MemoryStorage } from '../raft/memory-storage.js';
import type { Snapshot } from '../wire/raftpb/types.js';
import { Checkpoints } from './checkpoints.js';
import { noPeers } from './peers.js';

const entryBytes = 1000;
const logBytesMax = 64 * entryBytes;
const limits = {
  snapshotCount: 10_000,
  catchUpEntries: 5000,
  logBytesMax,
  commitIntervalMs: 100,
  commitEntries: 10_000,
};

/** Applies `count` entries, and answers the most bytes that were held and the snapshots that were taken. */
function run(
  voters: readonly bigint[],
  count: number,
  neededAfter = Number.POSITIVE_INFINITY,
): { readonly bytesMax: number; readonly snapshots: number[] } {
  const storage = new MemoryStorage();
  const values = new MemoryValues();
  const confState = { ...emptyConfState, voters: voters as (typeof emptyConfState)['voters'] };
  const state = { applied: 0, appliedTerm: 1, confState, changes: 0, record() {}, image: () => noBytes };
  const snapshots: number[] = [];
  const persistSnapshot = ({ metadata }: Snapshot, durable: () => void) => {
    snapshots.push(metadata.index);
    durable();
  };
  const world = {
    nowMs: () => 0,
    wallMs: () => 0,
    random: () => 0,
    persist() {},
    saveSnapshot: (_: Snapshot, done: () => void) => done(),
    release() {},
    send() {},
    sendSnapshot() {},
    restore() {},
    peers: noPeers,
    values,
  };
  const commitSeconds = new Histogram([1]);
  const checkpoints = new Checkpoints(limits, {
    world,
    state,
    storage,
    snapshotIndex: 0,
    persistSnapshot,
    commitSeconds,
    neededAfter: () => neededAfter,
  });
  let bytesMax = 0;
  for (let index = 1; index <= count; index++) {
    storage.append([{ type: 0, term: 1, index, data: new Uint8Array(entryBytes) }]);
    state.applied = state.changes = index;
    checkpoints.applied();
    bytesMax = Math.max(bytesMax, storage.dataBytes);
    // The disk takes as long as ten entries.
    if (index % 10 === 0) values.finishCommits();
  }
  return { bytesMax, snapshots };
}

test('a member alone keeps nothing behind a snapshot', () => {
  const { bytesMax, snapshots } = run([1n], 1000);
  ok(bytesMax <= logBytesMax + 20 * entryBytes, `${bytesMax} bytes`);
  ok(snapshots.length > 10 && snapshots.length < 20, `${snapshots.length} snapshots`);
});

test('one with followers keeps what they may still need, up to half of the limit', () => {
  const { bytesMax, snapshots } = run([1n, 2n, 3n], 1000);
  ok(bytesMax <= logBytesMax + 20 * entryBytes, `${bytesMax} bytes`);
  ok(snapshots.length > 20 && snapshots.length < 40, `${snapshots.length} snapshots`);
});

test('for one who is behind more is kept, within bounds, and snapshots do not follow each other for it', () => {
  const { bytesMax, snapshots } = run([1n, 2n, 3n], 1000, 10);
  ok(bytesMax > 7 * logBytesMax && bytesMax <= 9 * logBytesMax, `${bytesMax} bytes`);
  ok(snapshots.length > 20 && snapshots.length < 40, `${snapshots.length} snapshots`);
});

test('small entries bring no snapshot before its time', () => {
  equal(run([1n], 60).snapshots.length, 0);
});
