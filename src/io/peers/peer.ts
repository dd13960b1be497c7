/**
 * One other member: two streams that it opened to hear from us, two that we open to hear from it, posts where a stream is
 * missing, and a probe of how far away it is.
 */
import type { Socket } from 'node:net';
import type { PeerCount } from '../../base/counters.js';
import { idToHex, type MemberId } from '../../base/ids.js';
import type { DatabaseDump } from '../../member/database-dump.js';
import { describeMessageType } from '../../raft/describe.js';
import { AppendDecoder, AppendEncoder } from '../../wire/peer/append-stream.js';
import { MessageDecoder, MessageEncoder } from '../../wire/peer/message-stream.js';
import { type Message, messageType } from '../../wire/raftpb/types.js';
import { IncomingStream } from './incoming-stream.js';
import { OutgoingStream } from './outgoing-stream.js';
import type { PeerHttp } from './peer-http.js';
import { linkHeartbeatMs, type PeerSetup } from './peer-setup.js';
import { PeerStatus } from './peer-status.js';
import { UrlPicker } from './peer-url.js';
import { Pipeline } from './pipeline.js';
import { Prober } from './prober.js';
import { SnapshotSender } from './snapshot-sender.js';

export type StreamKind = 'msgapp' | 'message';

export class Peer {
  readonly status: PeerStatus;
  readonly picker: UrlPicker;
  readonly #setup: PeerSetup;
  readonly #pipeline: Pipeline;
  readonly #appends: OutgoingStream;
  readonly #messages: OutgoingStream;
  readonly #incoming: readonly IncomingStream[];
  readonly #snapshots: SnapshotSender;
  readonly #probers: readonly Prober[];
  readonly #heartbeats: NodeJS.Timeout;

  constructor(
    setup: PeerSetup,
    http: PeerHttp,
    readonly id: MemberId,
    urls: readonly string[],
    readonly count: PeerCount,
  ) {
    const { log, memberId } = setup;
    const named = { 'remote-peer-id': idToHex(id) };
    log.info('starting remote peer', named);
    this.#setup = setup;
    this.status = new PeerStatus(id, log, count);
    this.picker = new UrlPicker(urls);
    const { status, picker } = this;
    this.#pipeline = new Pipeline(setup, status, picker, http);
    this.#snapshots = new SnapshotSender(setup, status, picker, http);
    this.#appends = new OutgoingStream(setup, status, 'stream MsgApp v2', () => new AppendEncoder());
    this.#messages = new OutgoingStream(setup, status, 'stream Message', () => new MessageEncoder());
    const own = idToHex(memberId);
    this.#incoming = [
      new IncomingStream(setup, status, picker, {
        carrier: 'stream MsgApp v2',
        path: `/raft/stream/msgapp/${own}`,
        makeDecoder: () => new AppendDecoder(memberId, id),
      }),
      new IncomingStream(setup, status, picker, {
        carrier: 'stream Message',
        path: `/raft/stream/message/${own}`,
        makeDecoder: () => new MessageDecoder(),
      }),
    ];
    for (const stream of this.#incoming) stream.start();
    this.#probers = (['ROUND_TRIPPER_SNAPSHOT', 'ROUND_TRIPPER_RAFT_MESSAGE'] as const).map(
      (name) => new Prober(setup, http, picker, this, name),
    );
    this.#heartbeats = setInterval(() => {
      this.#appends.sendHeartbeat();
      this.#messages.sendHeartbeat();
    }, linkHeartbeatMs);
    log.info('started remote peer', named);
  }

  /** Lost when too much waits, which raft is told. */
  send(message: Message): void {
    const isAppend = message.type === messageType.app;
    const carrier = isAppend && this.#appends.attached ? this.#appends : this.#messages;
    const taken = carrier.attached ? carrier.send(message) : this.#pipeline.send(message);
    if (!taken) this.#dropped(message, carrier.attached ? carrier.carrier : 'pipeline');
  }

  #dropped(message: Message, carrier: string): void {
    const { log, memberId, events } = this.#setup;
    this.count.sendFailures++;
    log.warn('dropped internal Raft message since sending buffer is full', {
      'message-type': describeMessageType(message.type),
      'local-member-id': idToHex(memberId),
      from: idToHex(message.from),
      'remote-peer-id': idToHex(this.id),
      'remote-peer-name': carrier,
      'remote-peer-active': this.status.activeSinceMs !== undefined,
    });
    events.unreachable(this.id);
  }

  sendSnapshot(message: Message, dump: DatabaseDump, done: (arrived: boolean) => void): void {
    this.#snapshots.send(message, dump, done);
  }

  update(urls: readonly string[]): void {
    this.picker.update(urls);
  }

  attach(kind: StreamKind, socket: Socket): void {
    (kind === 'msgapp' ? this.#appends : this.#messages).attach(socket);
  }

  stop(): void {
    const named = { 'remote-peer-id': idToHex(this.id) };
    this.#setup.log.info('stopping remote peer', named);
    clearInterval(this.#heartbeats);
    this.status.forget();
    this.#appends.stop();
    this.#messages.stop();
    this.#pipeline.stop();
    this.#snapshots.stop();
    for (const prober of this.#probers) prober.stop();
    for (const stream of this.#incoming) stream.stop();
    this.#setup.log.info('stopped remote peer', named);
  }
}
