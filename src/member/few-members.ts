/**
 * A few members in one process, for tests: real members over a plain network, disks that do what they are asked at once or when
 * told, and one clock. All in a fixed order, so that a test reads as a story.
 *
 *     turn: time passes -> what lies in the network arrives -> disks and transfers end -> every member ends its turn
 */
import { type RequestField, requestField } from '../apply/request-field.js';
import { type Bytes, noBytes, utf8 } from '../base/bytes.js';
import type { ClusterId, MemberId } from '../base/ids.js';
import { silentLog } from '../base/log.js';
import { MemoryValues } from '../mvcc/memory-values.js';
import { BoltFile } from '../wire/bolt/bolt-file.js';
import { Writer } from '../wire/proto/writer.js';
import type { Entry, HardState, Message, MessageType, Snapshot } from '../wire/raftpb/types.js';
import { type Assembled, assemble, emptyLog, type RecoveredLog } from './assembly.js';
import type { DatabaseDump } from './database-dump.js';
import { DatabaseImport } from './database-import.js';
import { type MemberOptions, memberDefaults } from './options.js';
import { noPeers, type PeerAnswer, type PeerRequest } from './peers.js';
import type { WalBatch, World } from './world.js';

const turnMs = 10;
const sliceBytes = 1 << 16;

/** Something that the disk was asked for. */
interface Deed {
  end(): void;
  tear?(): void;
}

/** One member, its disk, and its life. */
export class One {
  readonly id: MemberId;
  readonly values = new MemoryValues();
  readonly batches: WalBatch[] = [];
  readonly #few: FewMembers;
  readonly #options: MemberOptions;
  #undone: Deed[] = [];
  #lives = 0;
  /** Databases that came with snapshots, by index. */
  readonly received = new Map<number, MemoryValues>();
  parts: Assembled;
  nextTickMs: number;
  isUp = true;
  /** While set, the disk does nothing. */
  isStalled = false;
  /** What the disk has done so far, and before which of its deeds the process ends; a write of the log may be torn then. */
  deeds = 0;
  crashAtDeed = -1;
  tears = false;
  /** It was told to stop for good. */
  hasLeft = false;
  /** What the transport was told: `add 2`, `remove 3`. */
  readonly told: string[] = [];
  activeSince = new Map<MemberId, number>();

  constructor(few: FewMembers, id: MemberId, founders: readonly MemberId[], options: Partial<MemberOptions>) {
    this.#few = few;
    this.id = id;
    const given = { memberId: id, clusterId: 1n as ClusterId, name: `m${id}`, clientUrls: [], quotaBytes: 1 << 30 };
    this.#options = { ...memberDefaults, ...given, ...options };
    this.parts = this.#assemble(emptyLog, founders);
    this.nextTickMs = few.nowMs + Number(id);
  }

  get member() {
    return this.parts.member;
  }

  #assemble(recovered: RecoveredLog, founders: readonly MemberId[]): Assembled {
    const few = this.#few;
    const life = ++this.#lives;
    // A process that has ended asks for nothing more, though a commit of its values may still end.
    const ask = (deed: Deed) => life === this.#lives && this.#undone.push(deed);
    const world: World = {
      nowMs: () => few.nowMs,
      wallMs: () => 1_700_000_000_000 + few.nowMs,
      random: (below) => Number(this.id) % below,
      persist: (batch) => {
        const end = () => {
          this.batches.push(batch);
          this.member.persisted();
        };
        // What stands first in a batch may reach the disk without the rest.
        const tear = () => this.batches.push({ ...batch, hardState: undefined });
        ask({ end, tear });
      },
      saveSnapshot: (_, done) => ask({ end: done }),
      release() {},
      send: (to, message) => few.send(to, message),
      sendSnapshot: (to, message, dump, done) => few.sendSnapshot(to, message, dump, done),
      restore: (index, done) => {
        const end = () => {
          this.values.replace(this.received.get(index) as MemoryValues);
          done();
        };
        ask({ end });
      },
      peers: {
        ...noPeers,
        add: (id) => this.told.push(`add ${id}`),
        remove: (id) => this.told.push(`remove ${id}`),
        activeSinceMs: (id) => this.activeSince.get(id),
        ask: (to, request, answered) => few.ask(this.id, to, request, answered),
      },
      values: this.values,
    };
    const parts = assemble(this.#options, {
      world,
      log: silentLog,
      recovered,
      founders: () =>
        founders.map((id) => ({ id, name: '', peerUrls: [`http://${id}`], clientUrls: [], isLearner: false })),
    });
    parts.departure.whenLeaving(() => {
      this.hasLeft = true;
    });
    return parts;
  }

  turn(): void {
    if (!this.isUp) return;
    if (this.#few.nowMs >= this.nextTickMs) {
      this.nextTickMs += this.#options.heartbeatMs;
      this.member.tick();
      this.parts.duties.tick(this.#few.nowMs);
    }
    if (!this.isStalled) this.workDisk();
    if (!this.isUp) return;
    this.member.endTurn();
    const { restoring, hub, store } = this.parts;
    if (restoring.active) return;
    while (hub.catchUp());
    if (!store.compactor.idle) store.compactor.step(this.#few.nowMs);
  }

  /** The disk does all that it was asked so far. */
  workDisk(): void {
    const undone = this.#undone;
    this.#undone = [];
    for (const { end, tear } of undone) {
      if (this.deeds++ === this.crashAtDeed) {
        if (this.tears) tear?.();
        return this.crash();
      }
      end();
    }
    this.values.finishCommits();
  }

  /** The process ends: what the disk has not done is not done. */
  crash(): void {
    this.isUp = false;
    this.#lives++;
    this.#undone = [];
  }

  /** Comes up again from its log, with the values as they are: every one of their commits counts as done. */
  restart(): void {
    this.isUp = true;
    this.isStalled = false;
    this.nextTickMs = this.#few.nowMs + Number(this.id);
    const recovered = recoveredFrom(this.batches);
    const received = this.received.get(recovered.snapshot.index);
    // The decision at the start: a log that rests on a snapshot has its database, in place or beside it.
    if (received !== undefined && this.parts.member.applied < recovered.snapshot.index) this.values.replace(received);
    this.parts = this.#assemble(recovered, []);
    this.member.start();
  }

  /** Where it is told how the put went. */
  put(key: string, value = 'v'): string[] {
    const request = new Writer();
    for (const [tag, text] of [
      [0x0a, key],
      [0x12, value],
    ] as const) {
      const bytes = utf8(text);
      request.bytesField(tag, bytes, 0, bytes.length);
    }
    return this.propose(requestField.put, request.bytes.slice(0, request.at));
  }

  propose(field: RequestField, bytes: Bytes): string[] {
    const told: string[] = [];
    this.member.propose(field, bytes, 0, bytes.length, {
      applied: (outcome) => told.push(outcome.kind === 'refused' ? outcome.error : outcome.kind),
      failed: (error) => told.push(error),
    });
    return told;
  }

  /** Where it is told what a linearizable read of `key` saw. */
  read(key: string): string[] {
    const told: string[] = [];
    this.member.readIndex({
      confirmed: () => told.push(this.get(key)),
      failed: (error) => told.push(error),
    });
    return told;
  }

  /** The stored KeyValue as text, for its value is its end; empty where there is none. */
  get(key: string): string {
    const stored = this.parts.store.get(utf8(key)) ?? noBytes;
    return String.fromCharCode(...stored).slice(-1);
  }
}

export class FewMembers {
  nowMs = 0;
  readonly ones: One[] = [];
  #lying: { readonly to: MemberId; readonly arrive: (one: One) => unknown }[] = [];
  /** `1>2`: what 1 sends does not reach 2. */
  readonly cut = new Set<string>();
  /** Messages that get lost. */
  lose: (message: Message) => boolean = () => false;
  readonly sent = new Map<MessageType, number>();
  /** What a member answers to others on its peer port. */
  answer: (one: One, request: PeerRequest, answered: (answer: PeerAnswer | undefined) => void) => void = (
    _one,
    _request,
    answered,
  ) => answered(undefined);
  readonly #options: Partial<MemberOptions>;

  constructor(count: number, options: Partial<MemberOptions> = {}) {
    this.#options = options;
    const ids = Array.from({ length: count }, (_, i) => BigInt(i + 1) as MemberId);
    for (const id of ids) this.ones.push(new One(this, id, ids, options));
    for (const one of this.ones) one.member.start();
  }

  /** A member that the others are told of elsewhere, with an empty log. */
  join(id: MemberId): One {
    const one = new One(this, id, [], this.#options);
    this.ones.push(one);
    one.member.start();
    return one;
  }

  one(number: number): One {
    const one = this.ones.find(({ id }) => id === BigInt(number));
    if (one === undefined) throw new Error(`there is no member ${number}`);
    return one;
  }

  get leader(): One | undefined {
    return this.ones.find(({ isUp, member }) => isUp && member.isLeader);
  }

  send(to: MemberId, message: Message): void {
    this.sent.set(message.type, (this.sent.get(message.type) ?? 0) + 1);
    if (this.cut.has(`${message.from}>${to}`)) {
      this.#lying.push({ to: message.from, arrive: (one) => one.member.unreachable(to) });
      return;
    }
    if (this.lose(message)) return;
    this.#lying.push({ to, arrive: (one) => one.isUp && one.member.received(message) });
  }

  ask(from: MemberId, to: MemberId, request: PeerRequest, answered: (answer: PeerAnswer | undefined) => void): void {
    const target = this.ones.find((one) => one.id === to && one.isUp);
    const isLost = target === undefined || this.cut.has(`${from}>${to}`);
    if (isLost) this.#lying.push({ to: from, arrive: () => answered(undefined) });
    else this.answer(target, request, (answer) => this.#lying.push({ to: from, arrive: () => answered(answer) }));
  }

  sendSnapshot(to: MemberId, message: Message, dump: DatabaseDump, done: (arrived: boolean) => void): void {
    const isLost = this.cut.has(`${message.from}>${to}`) || this.lose(message);
    const { index } = (message.snapshot as Snapshot).metadata;
    this.#lying.push({
      to,
      arrive: (one) => {
        const values = new MemoryValues();
        if (!isLost && one.isUp) takeIn(dump, values);
        dump.close();
        done(!isLost && one.isUp);
        if (isLost || !one.isUp) return;
        one.received.set(index, values);
        one.member.received(message);
      },
    });
  }

  turn(): void {
    this.nowMs += turnMs;
    const lying = this.#lying;
    this.#lying = [];
    for (const { to, arrive } of lying) {
      const one = this.ones.find(({ id }) => id === to);
      if (one !== undefined) arrive(one);
    }
    for (const one of this.ones) one.turn();
  }

  pass(ms: number): void {
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs; ) this.turn();
  }

  until(holds: () => boolean, what: string, withinMs = 20_000): void {
    for (const untilMs = this.nowMs + withinMs; !holds(); this.turn())
      if (this.nowMs > untilMs) throw new Error(`never came to it: ${what}`);
  }

  untilLed(): One {
    this.until(
      () => this.leader !== undefined && this.ones.every(({ isUp, member }) => !isUp || member.leader !== 0n),
      'a leader',
    );
    return this.leader as One;
  }

  /** Everybody who is up has applied the same, and all of it. */
  settle(): void {
    this.pass(300);
    this.until(() => {
      const up = this.ones.filter(({ isUp }) => isUp);
      const indexes = up.map(({ member }) => member.applied);
      return indexes.every((index) => index === this.leader?.member.committed && index === indexes[0]);
    }, 'members that have applied all');
  }

  /** No message passes to or from it any more. */
  isolate(number: number): void {
    for (const { id } of this.ones) {
      this.cut.add(`${number}>${id}`);
      this.cut.add(`${id}>${number}`);
    }
  }

  heal(): void {
    this.cut.clear();
  }
}

/** The file that a dump makes, read as it is made. */
function takeIn(dump: DatabaseDump, values: MemoryValues): void {
  while (!dump.plan(sliceBytes));
  const file = new Uint8Array(dump.sizeBytes);
  let at = 0;
  for (let piece = dump.next(sliceBytes); piece !== undefined; piece = dump.next(sliceBytes)) {
    file.set(piece, at);
    at += piece.length;
  }
  const read = (from: number, length: number) => file.subarray(from, from + length);
  const taking = new DatabaseImport(new BoltFile({ sizeBytes: file.length, read }), values);
  while (!taking.step(sliceBytes));
}

/** What a start reads from a log: the newest snapshot that is committed, and the entries behind it. */
export function recoveredFrom(batches: readonly WalBatch[]): RecoveredLog {
  let hardState: HardState | undefined;
  const snapshots: Snapshot[] = [];
  const entries: Entry[] = [];
  for (const batch of batches) {
    if (batch.snapshot !== undefined) snapshots.push(batch.snapshot);
    for (const entry of batch.entries) {
      const at = entries.findIndex(({ index }) => index >= entry.index);
      if (at >= 0) entries.length = at;
      entries.push(entry);
    }
    hardState = batch.hardState ?? hardState;
  }
  const commit = hardState?.commit ?? 0;
  const snapshot = snapshots.findLast(({ metadata }) => metadata.index <= commit)?.metadata ?? emptyLog.snapshot;
  return { snapshot, hardState, entries: entries.filter(({ index }) => index > snapshot.index) };
}
