// Proves: what an application does with one node: start it, propose in batches, be refused, restart it.
import { deepEqual, equal, throws } from 'node:assert/strict';
import { test } from 'node:test';
import { noBytes, utf8 } from '../base/bytes.js';
import type { MemberId } from '../base/ids.js';
import { type Message, messageType } from '../wire/raftpb/types.js';
import { type Config, configFault, defaults } from './config.js';
import { noLimit } from './entry-size.js';
import { emptyConfState, MemoryStorage } from './memory-storage.js';
import { localAppendThread, newMessage } from './message.js';
import { RawNode } from './raw-node.js';

const id = (digit: number) => BigInt(digit) as MemberId;

function configure(storage: MemoryStorage, changed: Partial<Config> = {}): Config {
  return { ...defaults, id: id(1), storage, random: () => 0, ...changed };
}

function storageOf(...voters: number[]): MemoryStorage {
  const storage = new MemoryStorage();
  const confState = { ...emptyConfState, voters: voters.map(id) };
  storage.applySnapshot({ data: noBytes, metadata: { confState, index: 2, term: 1 } });
  return storage;
}

/** Stores, applies and answers in order, as an application does that is told by messages. */
function work(node: RawNode, storage: MemoryStorage): { readonly applied: string[]; readonly sent: Message[] } {
  const applied: string[] = [];
  const sent: Message[] = [];
  while (node.hasReady()) {
    for (const message of node.ready().messages) {
      if (message.to === localAppendThread) {
        const { term, vote, commit } = message;
        if (term !== 0) storage.setHardState({ term, vote, commit });
        storage.append(message.entries);
      } else if (message.type === messageType.storageApply) {
        for (const { data } of message.entries) applied.push(Buffer.from(data).toString());
      } else sent.push(message);
      for (const response of message.responses) if (response.to === id(1)) node.step(response);
    }
  }
  return { applied, sent };
}

test('one voter commits what it has stored, a batch at a time, and finds it again after a restart', () => {
  const storage = storageOf(1);
  const config = configure(storage, { asyncStorageWrites: true, applied: 2 });
  let node = new RawNode(config);
  equal(node.propose([utf8('early')]), 'proposalDropped');
  equal(node.campaign(), undefined);
  deepEqual(work(node, storage).applied, ['']);
  const batch = Array.from({ length: 1000 }, (_, at) => `value ${at}`);
  equal(node.propose(batch.map(utf8)), undefined);
  deepEqual(work(node, storage).applied, batch);
  const before = node.basicStatus();
  equal(before.hardState.commit, 1003);
  equal(before.applied, 1003);

  node = new RawNode({ ...config, applied: 503 });
  equal(node.basicStatus().hardState.term, before.hardState.term);
  deepEqual(work(node, storage).applied, batch.slice(500));
});

test('a promise waits for the disk, an append to others does not', () => {
  const storage = storageOf(1, 2, 3);
  const node = new RawNode(configure(storage, { asyncStorageWrites: true, applied: 2 }));
  node.campaign();
  // The own vote counts only once it is stored: before that, nothing is won.
  const ready = node.ready();
  const append = ready.messages.find(({ to }) => to === localAppendThread);
  deepEqual(
    append?.responses.map(({ type }) => type),
    [messageType.voteResp],
  );
  const vote = newMessage(messageType.voteResp, id(1));
  vote.from = id(2);
  vote.term = 2;
  equal(node.step({ ...vote, term: node.raft.term }), undefined);
  equal(node.basicStatus().softState.role, 'candidate');
  for (const response of append?.responses ?? []) node.step(response);
  equal(node.basicStatus().softState.role, 'leader');
  const next = node.ready();
  deepEqual(
    next.messages.map(({ type }) => type),
    [messageType.app, messageType.app, messageType.storageAppend],
  );
});

test('too much uncommitted is refused, but for the first and the empty', () => {
  const storage = storageOf(1);
  const node = new RawNode(configure(storage, { asyncStorageWrites: true, applied: 2, maxUncommittedBytes: 100 }));
  node.campaign();
  work(node, storage);
  equal(node.propose([new Uint8Array(1000)]), undefined);
  equal(node.propose([new Uint8Array(1)]), 'proposalDropped');
  equal(node.propose([noBytes]), undefined);
  work(node, storage);
  equal(node.propose([new Uint8Array(1)]), undefined);
});

test('strangers and impostors are turned away', () => {
  const node = new RawNode(configure(storageOf(1, 2, 3), { applied: 2 }));
  const stranger = newMessage(messageType.appResp, id(1));
  stranger.from = id(9);
  equal(node.step(stranger), 'peerNotFound');
  const impostor = newMessage(messageType.hup, id(1));
  impostor.from = id(2);
  equal(node.step(impostor), 'localMessage');
  const empty = newMessage(messageType.prop, id(1));
  empty.from = id(2);
  equal(node.step(empty), 'proposalDropped');
});

test('an append that no leader can have sent is ignored', () => {
  const storage = storageOf(1, 2);
  const node = new RawNode(configure(storage, { applied: 2 }));
  const entry = (index: number, term: number) => ({ type: 0, term, index, data: noBytes }) as const;
  const append = { ...newMessage(messageType.app, id(1)), from: id(2), term: 5, index: 2, logTerm: 1 };
  for (const entries of [[entry(4, 2)], [entry(3, 2), entry(5, 2)], [entry(3, 3), entry(4, 2)], [entry(3, 6)]]) {
    node.step({ ...append, entries });
    equal(node.raft.log.lastIndex(), 2);
  }
  node.step({ ...append, entries: [entry(3, 2), entry(4, 3)] });
  equal(node.raft.log.lastIndex(), 4);
});

test('a new group gets its first members, once', () => {
  const storage = new MemoryStorage();
  const node = new RawNode(configure(storage, { asyncStorageWrites: true }));
  equal(node.bootstrap([]), 'must provide at least one peer to Bootstrap');
  equal(node.bootstrap([{ id: id(1), context: utf8('one') }]), undefined);
  node.campaign(); // Its own membership is not applied yet.
  equal(node.basicStatus().softState.role, 'follower');
  work(node, storage);
  equal(storage.lastIndex(), 1);
  equal(
    new RawNode(configure(storage)).bootstrap([{ id: id(1), context: undefined }]),
    "can't bootstrap a nonempty Storage",
  );
});

test('a configuration that cannot work is refused', () => {
  const config = configure(storageOf(1));
  equal(configFault(config), undefined);
  equal(configFault({ ...config, id: id(0) }), 'cannot use none as id');
  equal(configFault({ ...config, id: localAppendThread }), 'cannot use local target as id');
  equal(configFault({ ...config, heartbeatTicks: 0 }), 'heartbeat tick must be greater than 0');
  equal(configFault({ ...config, electionTicks: 1 }), 'election tick must be greater than heartbeat tick');
  equal(configFault({ ...config, maxInflightMessages: 0 }), 'max inflight messages must be greater than 0');
  equal(configFault({ ...config, maxInflightBytes: 10 }), 'max inflight bytes must be >= max message size');
  equal(configFault({ ...config, maxMessageBytes: 0 }), 'max applying bytes must be greater than 0');
  equal(configFault({ ...config, maxInflightBytes: 10, maxMessageBytes: 10 }), undefined);
  equal(
    configFault({ ...config, readOnly: 'leaseBased' }),
    'CheckQuorum must be enabled when ReadOnlyOption is ReadOnlyLeaseBased',
  );
  throws(() => new RawNode({ ...config, id: id(0) }), /cannot use none as id/);
});

test('a storage that has lost what was committed is not started on', () => {
  const storage = storageOf(1);
  storage.setHardState({ term: 1, vote: id(1), commit: 9 });
  throws(() => new RawNode(configure(storage)), /commit index lies within the stored log/);
  equal(storage.entries(1, 3, noLimit), 'compacted');
});
