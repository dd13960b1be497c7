// Proves: a member that is killed at any moment comes back with all that it acknowledged, each change once.
import { deepEqual, ok } from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { requestField } from '../apply/request-field.js';
import { text, utf8 } from '../base/bytes.js';
import { Chores } from '../base/chores.js';
import type { ClusterId, MemberId } from '../base/ids.js';
import { silentLog } from '../base/log.js';
import { type Assembled, assemble, emptyLog } from '../member/assembly.js';
import { memberDefaults } from '../member/options.js';
import { noPeers } from '../member/peers.js';
import { keeperOf } from '../rpc/keeper.js';
import { KeyValue } from '../wire/messages/key-value.js';
import { Writer } from '../wire/proto/writer.js';
import type { Entry, HardState } from '../wire/raftpb/types.js';
import type { WalBatch } from '../wire/wal/batch.js';
import { openStoredValues, type StoredValues } from './values/stored-values.js';

const memberId = 0xa2n as MemberId;
const own = { id: memberId, name: 'm', peerUrls: ['http://p'], clientUrls: [], isLearner: false };
const options = {
  ...memberDefaults,
  memberId,
  clusterId: 0xc1n as ClusterId,
  name: 'm',
  clientUrls: ['http://c'],
  // Values are committed when the test says so.
  commitIntervalMs: 1e9,
};

/** A member whose log is a list that survives, and whose values are on disk. */
class Run {
  readonly values: StoredValues;
  readonly parts: Assembled;
  #nowMs = 0;
  readonly #unwritten: WalBatch[] = [];

  constructor(
    readonly folder: string,
    readonly entries: Entry[] = [],
    public hardState?: HardState,
  ) {
    this.values = openStoredValues(folder, { onFatal: (error) => Promise.reject(error) });
    const world = {
      nowMs: () => this.#nowMs,
      wallMs: () => 1,
      random: () => 0,
      persist: (batch: WalBatch) => this.#unwritten.push(batch),
      saveSnapshot: (_: unknown, done: () => void) => done(),
      release() {},
      send() {},
      sendSnapshot() {},
      restore() {},
      peers: noPeers,
      values: this.values,
    };
    const recovered = { ...emptyLog, entries: [...entries], hardState };
    this.parts = assemble(options, { world, log: silentLog, recovered, founders: () => [own] });
    this.parts.member.start();
    this.settle();
  }

  /** Writes the log until there is nothing to write. */
  settle(): void {
    const { member } = this.parts;
    for (member.endTurn(); this.#unwritten.length > 0; member.endTurn()) {
      const batch = this.#unwritten.shift() as WalBatch;
      const [first] = batch.entries;
      if (first !== undefined) this.entries.length = first.index - 1;
      this.entries.push(...batch.entries);
      this.hardState = batch.hardState ?? this.hardState;
      member.persisted();
    }
  }

  propose(field: (typeof requestField)[keyof typeof requestField], write: (to: Writer) => void): void {
    const request = new Writer();
    write(request);
    let answered = false;
    this.parts.member.propose(field, request.bytes, 0, request.at, {
      applied: ({ kind }) => {
        answered = kind !== 'refused';
      },
      failed: (error) => Promise.reject(new Error(error)),
    });
    this.settle();
    ok(answered);
  }

  put(key: string, value: string): void {
    this.propose(requestField.put, (to) => {
      to.bytesField(0x0a, utf8(key), 0, key.length);
      to.bytesField(0x12, utf8(value), 0, value.length);
    });
  }

  decideCompaction(revision: number): void {
    this.propose(requestField.compaction, (to) => {
      to.byte(0x08);
      to.varint(revision);
    });
  }

  compact(): void {
    const { compactor } = this.parts.store;
    for (let nowMs = 0; !compactor.idle; nowMs += 100) compactor.step(nowMs);
  }

  /** A background commit, as the clock brings it. */
  commit(): Promise<void> {
    return new Promise((resolve) => this.parts.checkpoints.commit(resolve));
  }

  get state(): unknown {
    const { store } = this.parts;
    const keys: string[] = [];
    store.index.scan(new Uint8Array(0), undefined, 0, (key, { create, main, version }) => {
      const kv = new KeyValue();
      const stored = store.stored(main, 0);
      kv.decode(stored, 0, stored.length);
      keys.push(`${text(key)}=${text(kv.value)} ${create}/${main}/${version}`);
      return true;
    });
    return { revision: store.revision, keys };
  }

  /** What a machine that lost its power here starts with. */
  crashed(t: TestContext): Run {
    const folder = folderFor(t);
    cpSync(this.folder, folder, { recursive: true });
    return new Run(folder, [...this.entries], this.hardState);
  }
}

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-restart-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

test('what was applied since the last commit is applied again', async (t) => {
  const run = new Run(folderFor(t));
  run.put('a', '1');
  await run.commit();
  run.put('a', '2');
  deepEqual(run.crashed(t).state, { revision: 3, keys: ['a=2 2/3/2'] });
});

test('a first write that was torn between its entry and its hard state is begun anew', (t) => {
  const run = new Run(folderFor(t));
  const torn = new Run(folderFor(t), run.entries.slice(0, 1), undefined);
  ok(torn.parts.member.isLeader);
  torn.put('a', '1');
  deepEqual(torn.state, { revision: 2, keys: ['a=1 2/2/1'] });
});

test('a defragmentation commits how far the state is along with it', async (t) => {
  const run = new Run(folderFor(t));
  run.put('a', '1');
  await run.commit();
  run.put('a', '2');
  const keeper = keeperOf(run.parts, new Chores(), (done) => run.values.defragment(() => done(undefined)));
  await new Promise((resolve) => keeper.defragment(resolve));
  deepEqual(run.crashed(t).state, run.state);
});

test('a compaction that nothing was written after is made durable', async (t) => {
  const run = new Run(folderFor(t));
  for (let i = 0; i < 10; i++) run.put('a', String(i));
  run.decideCompaction(10);
  await run.commit();
  run.compact();
  await run.commit();
  const { store } = run.crashed(t).parts;
  ok(store.compactor.idle);
  deepEqual([store.compactedRevision, store.values.get(5, 0)], [10, undefined]);
});
