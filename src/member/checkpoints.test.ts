// Proves: however large entries are, raft holds little more of the log in memory than it is allowed to; and an end waits for what is
// being written, a received snapshot for what was committed before it.
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

/** Checkpoints over a state that the caller moves; `save` keeps a snapshot's file. */
function stage(voters: readonly bigint[], neededAfter: number, save: (done: () => void) => void) {
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
    saveSnapshot: (_: Snapshot, done: () => void) => save(done),
    release() {},
    send() {},
    sendSnapshot() {},
    restore() {},
    peers: noPeers,
    values,
  };
  const checkpoints = new Checkpoints(limits, {
    world,
    state,
    storage,
    snapshotIndex: 0,
    persistSnapshot,
    commitSeconds: new Histogram([1]),
    neededAfter: () => neededAfter,
  });
  const apply = (index: number) => {
    storage.append([{ type: 0, term: 1, index, data: new Uint8Array(entryBytes) }]);
    state.applied = state.changes = index;
    checkpoints.applied();
  };
  return { storage, values, snapshots, checkpoints, apply };
}

/** Applies `count` entries, and answers the most bytes that were held and the snapshots that were taken. */
function run(voters: readonly bigint[], count: number, neededAfter = Number.POSITIVE_INFINITY) {
  const { storage, values, snapshots, apply } = stage(voters, neededAfter, (done) => done());
  let bytesMax = 0;
  for (let index = 1; index <= count; index++) {
    apply(index);
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

test('an end waits for the commit and for the file under way', () => {
  let saved: (() => void) | undefined;
  const { values, checkpoints, apply } = stage([1n], Number.POSITIVE_INFINITY, (done) => {
    saved = done;
  });
  for (let index = 1; index <= 70; index++) apply(index);
  let ended = 0;
  checkpoints.finish(() => ended++);
  values.finishCommits();
  equal(ended, 0);
  ok(saved !== undefined, 'a snapshot is being written');
  saved();
  values.finishCommits();
  equal(ended, 1);
});

test('a state that is to be replaced is committed no more, and counts from the snapshot afterwards', () => {
  const { values, checkpoints, apply, snapshots } = stage([1n, 2n], Number.POSITIVE_INFINITY, (done) => done());
  for (let index = 1; index <= 70; index++) apply(index);
  let rested = 0;
  checkpoints.pause(() => rested++);
  equal(rested, 0, 'a commit is under way');
  values.finishCommits();
  equal(rested, 1);
  equal(snapshots.length, 0, 'what it was committed for is overtaken');
  checkpoints.tick(1000);
  checkpoints.finish(() => rested++);
  equal(rested, 2, 'an end waits for nothing');
  checkpoints.resume(500);
  equal(checkpoints.durable, 500);
  equal(checkpoints.snapshotIndex, 500);
});
