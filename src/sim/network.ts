/**
 * The network between simulated members. As rafthttp has it, each hears each other over two streams, one for appends and one for
 * the rest; where a stream is missing, messages go as posts of their own. All are real bytes of the real codecs, cut anywhere.
 *
 *     stream   in order, whole or not at all up to where it breaks; what waits for a blocked link comes when that is open again
 *     post     each on its own way: late, out of order, doubled, lost
 *
 * A link leads one way. What is blocked, lost or late is the weather's affair.
 */
import { concatBytes } from '../base/bytes.js';
import type { MemberId } from '../base/ids.js';
import type { Random } from '../base/random.js';
import type { DatabaseDump } from '../member/database-dump.js';
import type { PeerAnswer, PeerRequest, Peers } from '../member/peers.js';
import { AppendDecoder, AppendEncoder } from '../wire/peer/append-stream.js';
import { MessageDecoder, MessageEncoder, writeUint64 } from '../wire/peer/message-stream.js';
import { SnapshotPostReader } from '../wire/peer/snapshot-post.js';
import { Writer } from '../wire/proto/writer.js';
import { messageSize, writeMessage } from '../wire/raftpb/codec.js';
import { type Message, messageType } from '../wire/raftpb/types.js';
import type { SimHost } from './host.js';
import { Post, Stream } from './link.js';
import type { Schedule } from './schedule.js';
import type { SimPort } from './site.js';

/** A machine, as the network has it. */
export interface Station {
  readonly id: MemberId;
  /** Changes with every process; 0 while there is none. */
  readonly life: number;
  /** Whether its process knows that a member was removed. */
  hasRemoved(id: MemberId): boolean;
  /** Has the process do something, now or when it wakes; nothing where there is none. */
  enter(act: (host: SimHost) => void): void;
}

/** How links do at present. */
export interface Weather {
  latencyMs: number;
  /** Of so many chunks, one breaks its stream; of so many posts, one is lost. 0: none. */
  lossOneIn: number;
  /** Of so many posts, one comes twice. 0: none. */
  doubleOneIn: number;
}

/** Faults of a network that a correct member could not live with; see `cluster-faults.ts`. */
export interface Tampering {
  /** What arrives instead of a message. */
  arrives?(message: Message): readonly Message[];
}

export class SimNetwork {
  readonly weather: Weather = { latencyMs: 1, lossOneIn: 0, doubleOneIn: 0 };
  tampering: Tampering = {};
  /** Told of each message as it leaves. */
  onSend: (from: MemberId, message: Message) => void = () => {};
  messages = 0;
  snapshots = 0;
  readonly #stations = new Map<MemberId, Station>();
  readonly #links = new Map<string, Link>();
  readonly #blocked = new Set<string>();

  constructor(
    readonly schedule: Schedule,
    readonly random: Random,
  ) {}

  attach(station: Station): SimPort {
    this.#stations.set(station.id, station);
    return { begin: (host) => this.#begin(station, host) };
  }

  station(id: MemberId): Station | undefined {
    return this.#stations.get(id);
  }

  isBlocked(from: MemberId, to: MemberId): boolean {
    return this.#blocked.has(keyOf(from, to));
  }

  block(from: MemberId, to: MemberId): void {
    this.#blocked.add(keyOf(from, to));
  }

  open(from: MemberId, to: MemberId): void {
    if (this.#blocked.delete(keyOf(from, to))) this.#links.get(keyOf(from, to))?.opened();
  }

  openAll(): void {
    this.#blocked.clear();
    for (const link of this.#links.values()) link.opened();
  }

  /** The process of a machine is gone, and its connections with it. */
  ended(id: MemberId): void {
    for (const link of this.#links.values()) if (link.from.id === id || link.to.id === id) link.cut();
  }

  link(from: Station, to: Station): Link {
    const key = keyOf(from.id, to.id);
    const known = this.#links.get(key);
    if (known !== undefined) return known;
    const made = new Link(this, from, to);
    this.#links.set(key, made);
    return made;
  }

  #begin(station: Station, host: SimHost): ReturnType<SimPort['begin']> {
    const peers = new SimPeers(this, station, host);
    const send = (to: MemberId, message: Message) => {
      const other = this.#stations.get(to);
      if (other === undefined || peers.removed.has(to)) return;
      this.messages++;
      this.onSend(station.id, message);
      this.link(station, other).send(message);
    };
    const sendSnapshot = (to: MemberId, message: Message, dump: DatabaseDump, done: (arrived: boolean) => void) => {
      const other = this.#stations.get(to);
      if (other === undefined || peers.removed.has(to)) {
        dump.close();
        station.enter(() => done(false));
        return;
      }
      this.snapshots++;
      this.onSend(station.id, message);
      this.link(station, other).sendSnapshot(message, dump, done);
    };
    return { send, sendSnapshot, peers };
  }
}

const keyOf = (from: MemberId, to: MemberId): string => `${from} ${to}`;

/** The peers of one process. */
class SimPeers implements Peers {
  readonly removed = new Set<MemberId>();
  readonly #known = new Set<MemberId>();

  constructor(
    readonly network: SimNetwork,
    readonly own: Station,
    readonly host: SimHost,
  ) {}

  add(id: MemberId): void {
    this.#known.add(id);
    this.#connect(id);
  }

  update(id: MemberId): void {
    this.#connect(id);
  }

  remove(id: MemberId): void {
    this.#known.delete(id);
    this.removed.add(id);
    // Who comes back to listen is told why.
    const other = this.network.station(id);
    if (other !== undefined) this.network.link(this.own, other).cut();
  }

  activeSinceMs(id: MemberId): number | undefined {
    const other = this.network.station(id);
    if (other === undefined || !this.#known.has(id)) return undefined;
    const sinceMs = this.network.link(other, this.own).attachedSinceMs;
    return sinceMs === undefined ? undefined : this.host.clockMs - (this.network.schedule.nowMs - sinceMs);
  }

  ask(id: MemberId, request: PeerRequest, answered: (answer: PeerAnswer | undefined) => void): void {
    const { network, own } = this;
    const other = network.station(id);
    const { life } = own;
    let open = true;
    const answer = (found: PeerAnswer | undefined) => {
      if (!open || own.life !== life) return;
      open = false;
      own.enter(() => answered(found));
    };
    network.schedule.after(request.timeoutMs / this.host.rate, () => answer(undefined));
    if (other === undefined || !this.#known.has(id)) {
      network.schedule.after(0, () => answer(undefined));
      return;
    }
    network
      .link(own, other)
      .carry(() =>
        other.enter((host) => host.serve(request, (found) => network.link(other, own).carry(() => answer(found)))),
      );
  }

  #connect(id: MemberId): void {
    const other = this.network.station(id);
    if (other !== undefined) this.network.link(other, this.own).connect();
  }
}

/** What a database is pulled by, and what of it is planned, in one go. */
const pieceBytes = 16 << 10;
const planBytes = 64 << 10;
const answerWithinMs = 10_000;

/** One way between two machines. */
class Link {
  readonly #appends: Stream;
  readonly #messages: Stream;
  readonly #post: Post;

  constructor(
    readonly network: SimNetwork,
    readonly from: Station,
    readonly to: Station,
  ) {
    const make = () => ({ encoder: new AppendEncoder(), decoder: new AppendDecoder(to.id, from.id) });
    this.#appends = new Stream(this, make);
    this.#messages = new Stream(this, () => ({ encoder: new MessageEncoder(), decoder: new MessageDecoder() }));
    this.#post = new Post(this);
  }

  get blocked(): boolean {
    return this.network.isBlocked(this.from.id, this.to.id);
  }

  get attachedSinceMs(): number | undefined {
    return this.#messages.attachedSinceMs;
  }

  /** On the way for so long. */
  latencyMs(): number {
    const { random, weather } = this.network;
    const ms = weather.latencyMs * (0.2 + random.below(1000) / 600);
    return random.oneIn(50) ? ms * 10 : ms;
  }

  get lost(): boolean {
    const { random, weather } = this.network;
    return weather.lossOneIn > 0 && random.oneIn(weather.lossOneIn);
  }

  send(message: Message): void {
    const stream = message.type === messageType.app && this.#appends.attached ? this.#appends : this.#messages;
    if (stream.attached) stream.send(message);
    else {
      this.#post.send(message);
      this.connect();
    }
  }

  connect(): void {
    this.#appends.connect();
    this.#messages.connect();
  }

  cut(): void {
    this.#appends.break();
    this.#messages.break();
    this.connect();
  }

  opened(): void {
    this.#appends.pump();
    this.#messages.pump();
  }

  /** A message has arrived. */
  arrive(message: Message): void {
    for (const each of this.#tampered(message))
      this.to.enter((host) => {
        if (!host.assembled.members.isRemoved(this.from.id)) host.received(each);
        else this.#tellRemoved();
      });
  }

  #tampered(message: Message): readonly Message[] {
    return this.network.tampering.arrives?.(message) ?? [message];
  }

  /** As an answer on the way back has it. */
  #tellRemoved(): void {
    const { life } = this.from;
    this.network.schedule.after(this.latencyMs(), () => {
      const { from, to, network } = this;
      if (from.life === life && !network.isBlocked(to.id, from.id))
        from.enter((host) => host.assembled.departure.removedByPeer());
    });
  }

  /** The sender hears that something did not get through. */
  failed(): void {
    const { life } = this.from;
    this.network.schedule.after(this.network.random.below(500), () => {
      if (this.from.life === life) this.from.enter((host) => host.assembled.member.unreachable(this.to.id));
    });
  }

  /** A request or an answer that is lost where it meets trouble. */
  carry(arrived: () => void): void {
    this.network.schedule.after(this.latencyMs(), () => {
      if (!this.blocked && !this.lost) arrived();
    });
  }

  /** The dump is pulled piece by piece, and what has come of it is worth nothing before all of it has. */
  sendSnapshot(message: Message, dump: DatabaseDump, done: (arrived: boolean) => void): void {
    const { schedule, random } = this.network;
    const [fromLife, toLife] = [this.from.life, this.to.life];
    const reader = new SnapshotPostReader();
    const pieces: Uint8Array[] = [];
    let planned = false;
    let first: Uint8Array | undefined = headOf(message);
    let open = true;
    const ended = (arrived: boolean) => {
      if (this.from.life !== fromLife || !open) return;
      open = false;
      this.from.enter(() => {
        dump.close();
        done(arrived);
      });
    };
    const next = () => {
      if (this.from.life !== fromLife) return;
      if (this.blocked || this.lost || this.to.life !== toLife || toLife === 0) return ended(false);
      this.from.enter(() => {
        const isPlanned = planned;
        const piece = first ?? (isPlanned ? dump.next(1 + random.below(pieceBytes)) : undefined);
        if (!isPlanned) planned = dump.plan(planBytes);
        first = undefined;
        if (piece !== undefined) for (const part of cut(piece.slice(), random)) pieces.push(reader.add(part));
        if (!isPlanned || piece !== undefined) return schedule.after(this.latencyMs(), next);
        const [arrived] = reader.message === undefined ? [] : this.#tampered(reader.message);
        if (arrived === undefined) return ended(false);
        // An answer that does not come is a refusal.
        schedule.after(answerWithinMs, () => ended(false));
        this.to.enter((host) =>
          host.receivedSnapshot(arrived, concatBytes(pieces), () =>
            schedule.after(this.latencyMs(), () => ended(true)),
          ),
        );
      });
    };
    schedule.after(this.latencyMs(), next);
  }
}

function headOf(message: Message): Uint8Array {
  const size = messageSize(message);
  const writer = new Writer(size + 8);
  writeUint64(writer, size);
  writeMessage(writer, message);
  return writer.copy();
}

function* cut(bytes: Uint8Array, random: Random): Iterable<Uint8Array> {
  const at = random.below(bytes.length + 1);
  if (at > 0) yield bytes.subarray(0, at);
  if (at < bytes.length) yield bytes.subarray(at);
}

export type { Link };
