// Proves: what a member could not get done in time is told to whoever asked, and not done later; and a full store is told of.
import { deepEqual, equal, ok } from 'node:assert/strict';
import { test } from 'node:test';
import { requestField } from '../apply/request-field.js';
import { type ClusterId, type MemberId, noMember } from '../base/ids.js';
import { silentLog } from '../base/log.js';
import { MemoryValues } from '../mvcc/memory-values.js';
import { newMessage } from '../raft/message.js';
import { Writer } from '../wire/proto/writer.js';
import { type Message, messageType } from '../wire/raftpb/types.js';
import { assemble, emptyLog } from './assembly.js';
import { memberDefaults } from './options.js';
import { noPeers } from './peers.js';
import type { WalBatch } from './world.js';

const [own, other] = [0xa1n as MemberId, 0xa2n as MemberId];

class Run {
  nowMs = 0;
  readonly #written: WalBatch[] = [];
  readonly #sent: Message[] = [];
  readonly #unwritten: WalBatch[] = [];
  readonly parts;

  constructor(founders: readonly MemberId[], quotaBytes = Number.POSITIVE_INFINITY, recovered = emptyLog) {
    const world = {
      nowMs: () => this.nowMs,
      wallMs: () => 1,
      random: () => 0,
      persist: (batch: WalBatch) => this.#unwritten.push(batch),
      saveSnapshot() {},
      release() {},
      send: (_: MemberId, message: Message) => this.#sent.push(message),
      sendSnapshot() {},
      restore() {},
      peers: noPeers,

      values: new MemoryValues(),
    };
    const given = { memberId: own, clusterId: 1n as ClusterId, name: 'm', clientUrls: [], quotaBytes };
    this.parts = assemble(
      { ...memberDefaults, ...given },
      {
        world,
        log: silentLog,
        recovered,
        founders: () => founders.map((id) => ({ id, name: '', peerUrls: [], clientUrls: [], isLearner: false })),
      },
    );
    this.parts.member.start();
    this.settle();
  }

  settle(): void {
    const { member } = this.parts;
    for (member.endTurn(); this.#unwritten.length > 0; member.endTurn()) {
      this.#written.push(this.#unwritten.shift() as WalBatch);
      member.persisted();
    }
  }

  /** Lets time pass; `answer` says what the other member makes of a message. */
  pass(ms: number, answer: (message: Message) => Message | undefined = () => undefined): void {
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs; this.nowMs += 100) {
      this.parts.member.tick();
      this.settle();
      for (const message of this.#sent.splice(0)) {
        const answered = answer(message);
        if (answered !== undefined) this.parts.member.received(answered);
      }
      this.settle();
    }
  }

  /** Where it is told how the put went. */
  put(key: string): string[] {
    const request = new Writer();
    request.bytesField(0x0a, Buffer.from(key), 0, key.length);
    const told: string[] = [];
    this.parts.member.propose(requestField.put, request.bytes, 0, request.at, {
      applied: (outcome) => told.push(outcome.kind === 'refused' ? outcome.error : outcome.kind),
      failed: (error) => told.push(error),
    });
    return told;
  }

  /** Whether an entry in the log speaks of `key`. */
  logged(key: string): boolean {
    const entries = this.#written.flatMap((batch) => batch.entries);
    return entries.some(({ data }) => Buffer.from(data).includes(key));
  }
}

/** Votes for whoever asks. */
function vote(message: Message): Message | undefined {
  const { preVote, preVoteResp, vote: asked, voteResp } = messageType;
  if (message.type !== preVote && message.type !== asked) return undefined;
  const kind = message.type === preVote ? preVoteResp : voteResp;
  return { ...newMessage(kind, own), from: other, term: message.term };
}

test('without a leader, reads and writes fail in time, and no later leader is asked for them', () => {
  const run = new Run([own, other]);
  const put = run.put('too-late');
  const read: string[] = [];
  run.parts.member.readIndex({ confirmed: () => read.push('confirmed'), failed: (error) => read.push(error) });
  run.pass(6000);
  const second = run.put('in-time');
  run.pass(1500);
  deepEqual([put, read, second], [['timeout'], ['timeout'], []]);
  run.pass(3000, vote);
  ok(run.parts.member.isLeader);
  equal(run.logged('too-late'), false);
  equal(run.logged('in-time'), true);
});

test('an entry that finds no room when it is applied raises the alarm', () => {
  const run = new Run([own], 300);
  const [first, second] = [run.put('a'), run.put('bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb')];
  run.settle();
  deepEqual([first, second], [['put'], ['noSpace']]);
  ok(run.parts.alarms.noSpace);
});

test('a member that starts again knows its term before anything happens in it', () => {
  const entries = [{ type: 0, term: 5, index: 1, data: new Uint8Array(0) } as const];
  const recovered = { ...emptyLog, hardState: { term: 5, vote: noMember, commit: 1 }, entries };
  const { member } = new Run([own], Number.POSITIVE_INFINITY, recovered).parts;
  deepEqual([member.term, member.committed, member.applied], [5, 1, 1]);
});
