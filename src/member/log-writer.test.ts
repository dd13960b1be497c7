// Proves: promises leave in order and never before what they rest on is durable; raft is told once that its log is stored; a snapshot
// from the leader is recorded before anything that rests on it, its state installed before it is acknowledged, and no older one
// recorded behind it.
import { deepEqual, equal } from 'node:assert/strict';
import { test } from 'node:test';
import { noBytes } from '../base/bytes.js';
import { type MemberId, noMember } from '../base/ids.js';
import { emptyConfState, MemoryStorage } from '../raft/memory-storage.js';
import { localAppendThread, newMessage } from '../raft/message.js';
import { type Message, messageType, type Snapshot } from '../wire/raftpb/types.js';
import { LogWriter } from './log-writer.js';
import type { WalBatch } from './world.js';

class Stage {
  readonly told: string[] = [];
  readonly storage = new MemoryStorage();
  saved: (() => void)[] = [];
  installed: (() => void) | undefined;
  readonly writer = new LogWriter({
    world: {
      persist: (batch) => this.told.push(`persist ${describe(batch)}`),
      saveSnapshot: (snapshot, done) => {
        this.told.push(`save ${snapshot.metadata.index}`);
        this.saved.push(done);
      },
    },
    storage: this.storage,
    deliver: ({ type, term, index }) =>
      this.told.push(type === messageType.storageAppendResp ? `stored ${index} in ${term}` : `promise ${index}`),
    install: (snapshot, installed) => {
      this.told.push(`install ${snapshot.metadata.index}`);
      this.installed = installed;
    },
  });

  take(): string[] {
    return this.told.splice(0);
  }
}

const describe = ({ entries, hardState, snapshot }: WalBatch) =>
  [
    snapshot === undefined ? '' : `snapshot ${snapshot.metadata.index}`,
    entries.length === 0 ? '' : `entries ${entries.map(({ index }) => index).join('-')}`,
    hardState === undefined ? '' : `commit ${hardState.commit}`,
  ]
    .filter((part) => part !== '')
    .join(', ');

const snapshotAt = (index: number): Snapshot => ({
  data: noBytes,
  metadata: { index, term: 2, confState: emptyConfState },
});

/** Raft's append message; `promises` are told apart by their index. */
function append(indexes: readonly number[], commit: number, promises: readonly number[], snapshot?: Snapshot): Message {
  return {
    ...newMessage(messageType.storageAppend, localAppendThread),
    entries: indexes.map((index) => ({ type: 0, term: 2, index, data: noBytes })),
    term: commit > 0 ? 2 : 0,
    vote: noMember,
    commit,
    snapshot,
    responses: promises.map((index) => ({ ...newMessage(messageType.appResp, 1n as MemberId), index })),
  };
}

test('promises wait for the write before them, and a commit index alone for the next one', () => {
  const stage = new Stage();
  const { writer } = stage;
  writer.write(append([1, 2], 1, [12]));
  writer.write(append([], 2, [13]));
  writer.write(append([3], 0, [14]));
  deepEqual(stage.take(), ['persist entries 1-2, commit 1', 'persist entries 3, commit 2']);
  writer.persisted();
  deepEqual(stage.take(), ['promise 12', 'promise 13']);
  equal(stage.storage.lastIndex(), 2);
  writer.persisted();
  deepEqual(stage.take(), ['promise 14']);
  writer.write(append([], 3, [15]));
  deepEqual(stage.take(), ['promise 15']);
  equal(writer.takeUnwrittenHardState()?.commit, 3);
});

/** Raft's own promise behind those to others: its log is stored up to `index`. */
function withStored(message: Message, term: number, index: number): Message {
  const { snapshot } = message;
  const stored = { ...newMessage(messageType.storageAppendResp, 1n as MemberId), term, index, logTerm: 2, snapshot };
  return { ...message, responses: [...message.responses, stored] };
}

test('raft asks again while its log is being written, and is told once', () => {
  const stage = new Stage();
  const { writer } = stage;
  writer.write(withStored(append([1, 2], 1, [12]), 2, 2));
  writer.write(withStored(append([], 2, [13]), 2, 2));
  writer.write(withStored(append([], 2, [14]), 2, 2));
  writer.recordSnapshot(snapshotAt(1), () => {});
  writer.write(withStored(append([], 2, [15]), 2, 2));
  writer.write(withStored(append([3], 2, [16]), 2, 3));
  stage.take();
  writer.persisted();
  deepEqual(stage.take(), ['promise 12', 'stored 2 in 2', 'promise 13', 'promise 14']);
  writer.persisted();
  deepEqual(stage.take(), ['promise 15']);
  writer.persisted();
  deepEqual(stage.take(), ['promise 16', 'stored 3 in 2']);
});

test('what raft does not listen to in its next term it is told again, and a snapshot always', () => {
  const stage = new Stage();
  const { writer } = stage;
  writer.write(withStored(append([1, 2], 1, []), 2, 2));
  writer.write(withStored({ ...append([], 1, [13]), term: 3 }, 3, 2));
  writer.write(withStored(append([], 2, [], snapshotAt(2)), 3, 2));
  stage.take();
  writer.persisted();
  writer.persisted();
  deepEqual(stage.take(), ['stored 2 in 2', 'promise 13', 'stored 2 in 3']);
  stage.saved.shift()?.();
  writer.persisted();
  stage.installed?.();
  deepEqual(stage.take(), ['persist snapshot 2, commit 2', 'install 2', 'stored 2 in 3']);
});

test('a snapshot: its file, its record with the hard state, its state, its promise, and what came behind it', () => {
  const stage = new Stage();
  const { writer } = stage;
  writer.write(append([1, 2], 1, [12]));
  writer.write(append([], 20, [20], snapshotAt(20)));
  writer.write(append([21], 21, [21]));
  deepEqual(stage.take(), ['persist entries 1-2, commit 1', 'save 20']);
  writer.persisted();
  deepEqual(stage.take(), ['promise 12']);
  stage.saved.shift()?.();
  deepEqual(stage.take(), ['persist snapshot 20, commit 20']);
  writer.persisted();
  deepEqual(stage.take(), ['install 20']);
  writer.write(append([], 22, [22]));
  deepEqual(stage.take(), []);
  stage.installed?.();
  deepEqual(stage.take(), ['promise 20', 'persist entries 21, commit 21']);
  deepEqual([stage.storage.firstIndex(), stage.storage.lastIndex()], [21, 20]);
  writer.persisted();
  deepEqual(stage.take(), ['promise 21', 'promise 22']);
});

test('one snapshot behind the other', () => {
  const stage = new Stage();
  const { writer } = stage;
  writer.write(append([], 20, [20], snapshotAt(20)));
  writer.write(append([], 30, [30], snapshotAt(30)));
  for (const index of [20, 30]) {
    stage.saved.shift()?.();
    writer.persisted();
    stage.installed?.();
    equal(stage.storage.lastIndex(), index);
  }
  deepEqual(
    stage.take().filter((line) => line.startsWith('promise')),
    ['promise 20', 'promise 30'],
  );
});

test('an own snapshot is recorded before a newer received one, or not at all', () => {
  const stage = new Stage();
  const { writer } = stage;
  const durable: number[] = [];
  writer.write(append([], 20, [20], snapshotAt(20)));
  writer.recordSnapshot(snapshotAt(5), () => durable.push(5));
  stage.saved.shift()?.();
  writer.recordSnapshot(snapshotAt(6), () => durable.push(6));
  deepEqual(stage.take(), ['save 20', 'persist snapshot 5', 'persist snapshot 20, commit 20']);
  deepEqual(durable, [6]);
  writer.persisted();
  deepEqual(durable, [6, 5]);
  writer.persisted();
  stage.installed?.();
  writer.recordSnapshot(snapshotAt(25), () => durable.push(25));
  writer.persisted();
  deepEqual(durable, [6, 5, 25]);
});
